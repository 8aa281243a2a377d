// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { testedRelease } from './build-script.ts'
import type { Counts } from './counts.ts'
import { buildCmake, ctest, installCmake, tapProgram } from './native.ts'
import { buildRing, sanitizerEnv, transportFloor } from './native-stages.ts'
import type { Stage, StageContext } from './stage.ts'

/** libzmq, its transport and SoftSCIF, all built with the same sanitizer. */
export const transportSanitizedStage: Stage = {
  id: 'transport-sanitized',
  beside: true,
  title: 'The transport: all scenarios, with libzmq and SoftSCIF under AddressSanitizer and UBSan',
  floor: transportFloor,
  minutes: 20,
  after: ['build'],
  run: sanitizedScenarios,
}

export const ringSanitizedStage: Stage = {
  id: 'ring-sanitized',
  beside: true,
  title: 'The ring, the stream and the address under AddressSanitizer and UBSan, with fuzzing',
  floor: 6,
  minutes: 8,
  after: ['build', 'transport-sanitized'],
  run: async (context) =>
    ctest(
      { ...context, env: { ...context.env, ...sanitizerEnv } },
      await buildRing(context, prefixName, 'address'),
    ),
}

const prefixName = 'sanitized-prefix'

/** Those of SOFTSCIF_SANITIZE=address and TRANSPORT_SANITIZE=address. */
const flags = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

/** Builds all of it into a prefix of its own, and runs the scenarios there. */
async function sanitizedScenarios(context: StageContext): Promise<Counts> {
  const prefix = join(context.out, prefixName)
  const common = { CMAKE_INSTALL_PREFIX: prefix, CMAKE_INSTALL_LIBDIR: 'lib' }
  // Compiles in half the time of -O2, and is fast enough.
  const optimisation = { CMAKE_CXX_FLAGS_RELWITHDEBINFO: '-O1 -g1' }
  const build = (source: string, name: string, defines: Record<string, string>) =>
    buildCmake(context, source, `sanitized-${name}`, defines)
  const softscif = await build('libzmq-ext/softscif', 'softscif', {
    ...common,
    SOFTSCIF_SANITIZE: 'address',
  })
  await installCmake(context, softscif)
  const libzmq = await build(join(context.out, 'work', `libzmq-${testedRelease}`), 'libzmq', {
    ...common,
    CMAKE_BUILD_TYPE: 'RelWithDebInfo',
    CMAKE_CXX_FLAGS: flags,
    ...optimisation,
    // A third of the time, and of no consequence here.
    CMAKE_UNITY_BUILD: 'ON',
    WITH_SCIF: 'ON',
    SCIF_ROOT: prefix,
    WITH_LIBSODIUM: 'ON',
    ENABLE_CURVE: 'ON',
    BUILD_STATIC: 'OFF',
    BUILD_TESTS: 'OFF',
    WITH_DOCS: 'OFF',
    WITH_PERF_TOOL: 'OFF',
  })
  await installCmake(context, libzmq)
  const tests = await build('native-tests/transport', 'transport', {
    ZMQ_PREFIX: prefix,
    TRANSPORT_SANITIZE: 'address',
    ...optimisation,
  })
  const argv = [join(tests, 'transport-tests'), '--timeout-factor', '5', '--mode', 'rings']
  return tapProgram(context, argv, sanitizerEnv)
}
