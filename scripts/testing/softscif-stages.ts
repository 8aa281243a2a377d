// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import type { Env } from '../system/run.ts'
import type { Counts } from './counts.ts'
import { buildCmake, ctest, installCmake, tapProgram } from './native.ts'
import { sanitizerEnv } from './native-stages.ts'
import type { Stage, StageContext } from './stage.ts'

/** Tests of SoftSCIF's own that there are at least; that of containers may be skipped. */
const ownFloor = 19

/** Cases of the conformance suite that there are at least. */
const conformanceFloor = 261

/** The second node of two, with which the case that needs another node runs. */
const secondOfTwo: Env = { SOFTSCIF_NODES: '2', SOFTSCIF_NODE: '1' }

/** SoftSCIF against its own tests. */
export const softscifStages: readonly Stage[] = [
  {
    id: 'softscif',
    title: "SoftSCIF's tests",
    floor: ownFloor,
    minutes: 8,
    run: async (context) => ctest(context, await buildSoftscif(context, '')),
  },
  {
    id: 'softscif-sanitized',
    beside: true,
    title: "SoftSCIF's tests under AddressSanitizer and UBSan",
    floor: ownFloor,
    minutes: 8,
    run: async (context) => {
      const sanitized = { ...context, env: { ...context.env, ...sanitizerEnv } }
      return ctest(sanitized, await buildSoftscif(sanitized, 'address'))
    },
  },
  {
    id: 'softscif-threads',
    beside: true,
    title: "SoftSCIF's tests under ThreadSanitizer",
    floor: ownFloor,
    minutes: 8,
    run: async (context) => {
      const brief = { ...context, env: { ...context.env, SOFTSCIF_FUZZ_SECONDS: '2' } }
      return ctest(brief, await buildSoftscif(brief, 'thread'))
    },
  },
]

/**
 * SoftSCIF against the facts of the driver: all of them, also those that could
 * wedge a real one. Between the runs with one node and with two nothing is
 * skipped.
 */
export const conformanceStages: readonly Stage[] = [
  {
    id: 'conformance',
    title: 'SCIF conformance: SoftSCIF against the facts measured on the driver',
    floor: conformanceFloor,
    minutes: 8,
    after: ['build'],
    run: async (context) => conformance(context, join(context.out, 'prefix'), ''),
  },
  {
    id: 'conformance-sanitized',
    beside: true,
    title: 'SCIF conformance, on the second of two nodes, under AddressSanitizer and UBSan',
    floor: conformanceFloor,
    minutes: 8,
    after: ['softscif-sanitized'],
    run: async (context) =>
      conformance(context, await installSoftscif(context, 'address'), 'address', {
        ...sanitizerEnv,
        ...secondOfTwo,
      }),
  },
  {
    id: 'conformance-threads',
    beside: true,
    title: 'SCIF conformance under ThreadSanitizer',
    floor: conformanceFloor,
    minutes: 8,
    after: ['softscif-threads'],
    run: async (context) =>
      conformance(context, await installSoftscif(context, 'thread'), 'thread'),
  },
]

function softscifName(sanitizer: string): string {
  return sanitizer ? `softscif-${sanitizer}` : 'softscif'
}

/** Builds SoftSCIF and its tests; returns the build folder. */
function buildSoftscif(context: StageContext, sanitizer: string): Promise<string> {
  const name = softscifName(sanitizer)
  return buildCmake(context, 'libzmq-ext/softscif', name, {
    SOFTSCIF_TESTS: 'ON',
    SOFTSCIF_SANITIZE: sanitizer,
    CMAKE_INSTALL_PREFIX: join(context.out, `${name}-prefix`),
  })
}

/** Builds and installs SoftSCIF; returns the prefix. */
async function installSoftscif(context: StageContext, sanitizer: string): Promise<string> {
  await installCmake(context, await buildSoftscif(context, sanitizer))
  return join(context.out, `${softscifName(sanitizer)}-prefix`)
}

async function conformance(
  context: StageContext,
  prefix: string,
  sanitizer: string,
  env: Env = {},
): Promise<Counts> {
  const name = sanitizer ? `conformance-${sanitizer}` : 'conformance'
  const buildDir = await buildCmake(context, 'native-tests/conformance', name, {
    SCIF_PREFIX: prefix,
    CONFORMANCE_SANITIZE: sanitizer,
  })
  const floor = String(conformanceFloor)
  // Most of a case's time is waiting, so several run at a time.
  const argv = [join(buildDir, 'scif-conformance'), '--quirks', '--jobs', '3', '--floor', floor]
  return tapProgram(context, argv, env)
}
