// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import type { Env } from '../system/run.ts'
import { testedRelease } from './build-script.ts'
import { buildCmake, ctest, installCmake, tapProgram } from './native.ts'
import type { Stage, StageContext } from './stage.ts'

/** Sanitizers that stop at the first finding, so that none is overlooked. */
export const sanitizerEnv = {
  ASAN_OPTIONS: 'halt_on_error=1:abort_on_error=1:detect_leaks=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
}

/** Scenarios that there are at least; some are about rings alone. */
export const transportFloor = 155
const withoutRings = 14

/** What makes SoftSCIF refuse to register memory, as the driver does beyond the limit. */
const withoutMemory = { SOFTSCIF_FAULTS: 'register=ENOMEM' }

/** Scenarios that need libzmq's draft API, and are skipped without it. */
const draftScenarios = 2

/** What is tested on the prefix that the stage "build" has made. */
export const prefixStages: readonly Stage[] = [
  {
    id: 'strict',
    title: 'libscif-strict: endpoints that look as the driver’s do',
    floor: 2,
    minutes: 5,
    after: ['build'],
    run: async (context) =>
      ctest(
        context,
        await buildCmake(context, 'native-tests/strict', 'strict', {
          SCIF_PREFIX: join(context.out, 'prefix'),
        }),
      ),
  },
  {
    id: 'ring',
    beside: true,
    title: 'The ring, the stream and the address by themselves: stress and fuzzing',
    floor: 6,
    minutes: 6,
    after: ['build'],
    run: async (context) => ctest(context, await buildRing(context, 'prefix', '')),
  },
  {
    id: 'ring-threads',
    beside: true,
    title: 'The same under ThreadSanitizer',
    floor: 6,
    minutes: 8,
    after: ['build'],
    run: async (context) => {
      const name = 'softscif-thread'
      const softscif = await buildCmake(context, 'libzmq-ext/softscif', name, {
        SOFTSCIF_SANITIZE: 'thread',
        CMAKE_INSTALL_PREFIX: join(context.out, `${name}-prefix`),
      })
      await installCmake(context, softscif)
      return ctest(context, await buildRing(context, `${name}-prefix`, 'thread'))
    },
  },
  transportStage('transport', 'scenarios over scif://, in each other’s memory', {
    options: ['--mode', 'rings'],
  }),
  transportStage('transport-messages', 'the same through the endpoints, as no memory can be had', {
    beside: true,
    floor: transportFloor - withoutRings,
    options: ['--mode', 'endpoint'],
    env: withoutMemory,
  }),
  transportStage('transport-mixed', 'the same with ends of both kinds, which have to agree', {
    beside: true,
    floor: transportFloor - withoutRings,
    options: ['--mode', 'endpoint', '--peer-env', 'SOFTSCIF_FAULTS=register=EAGAIN'],
  }),
  {
    id: 'transport-strict',
    beside: true,
    title: 'The transport: the same with the draft API, on endpoints that are no sockets',
    floor: transportFloor + draftScenarios,
    minutes: 15,
    after: ['build-drafts', 'strict'],
    run: async (context) => {
      const buildDir = await buildTransport(context, 'prefix-drafts')
      const floor = transportFloor + draftScenarios
      const argv = [join(buildDir, 'transport-tests'), '--mode', 'rings', '--expect', String(floor)]
      return tapProgram(context, argv, {
        LD_PRELOAD: join(context.out, 'strict', 'libscif-strict.so'),
        // With it SoftSCIF is the driver in that it can't be made to accept just anything.
        SOFTSCIF_QUIRKS: 'stale',
      })
    },
  },
]

/** Builds the tests of the ring against the libscif of a prefix. */
export function buildRing(context: StageContext, scif: string, sanitizer: string): Promise<string> {
  return buildCmake(context, 'native-tests/ring', `ring-${scif}`, {
    ZMQ_SRC: join(context.out, 'work', `libzmq-${testedRelease}`),
    SCIF_PREFIX: join(context.out, scif),
    RING_SANITIZE: sanitizer,
  })
}

interface ScenarioOptions {
  beside?: boolean
  floor?: number
  options: readonly string[]
  env?: Env
}

function transportStage(
  id: string,
  what: string,
  { beside = false, floor = transportFloor, options, env = {} }: ScenarioOptions,
): Stage {
  return {
    id,
    beside,
    title: `The transport: ${what}`,
    floor,
    minutes: 15,
    after: ['build'],
    run: async (context) => {
      const program = join(await buildTransport(context, 'prefix'), 'transport-tests')
      return tapProgram(context, [program, '--expect', String(floor), ...options], env)
    },
  }
}

/** Builds the scenarios against the libzmq of a prefix. */
export function buildTransport(context: StageContext, prefix: string): Promise<string> {
  return buildCmake(context, 'native-tests/transport', `transport-${prefix}`, {
    ZMQ_PREFIX: join(context.out, prefix),
  })
}
