// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { type Env, run, runOrFail } from '../system/run.ts'
import { buildEnv } from '../toolchain/compiler.ts'
import { jsonOf, must } from './build-script.ts'
import { Checks } from './checks.ts'
import { parseUvu } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'
import { findSilentTests } from './toolkit-stages.ts'

/** Programs that know nothing of scif: the addon with its tests, and the chain of devices. */
export const addonStages: readonly Stage[] = [
  {
    id: 'addon',
    title: 'A Node-API addon over libzmq: every pattern over scif:// between processes',
    floor: 95,
    minutes: 10,
    after: ['build'],
    run: async (context) =>
      addonTests(context, await buildAddon(context, 'addon'), '\\.test\\.ts$'),
  },
  {
    id: 'addon-sanitized',
    beside: true,
    title: 'The addon under AddressSanitizer',
    floor: 51,
    minutes: 10,
    after: ['build'],
    run: async (context) => {
      const addon = await buildAddon(context, 'addon-sanitized', ['--CDADDON_SANITIZE=address'])
      const { stdout } = await runOrFail(['c++', '-print-file-name=libasan.so'], {
        ...context,
        cwd: context.root,
        what: 'c++ -print-file-name',
      })
      return addonTests(context, addon, '(ending|messages|options|waiting)\\.test\\.ts$', {
        LD_PRELOAD: stdout.trim(),
        // Node.js itself does not free everything at its end.
        ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1:abort_on_error=1',
      })
    },
  },
  {
    id: 'device-chain',
    beside: true,
    title: 'A chain of devices over scif, ipc and tcp, and a processor that is killed',
    floor: 8,
    minutes: 6,
    after: ['build'],
    run: deviceChain,
  },
]

/** Builds the addon for the libzmq of the stage "build"; returns the file. */
export async function buildAddon(
  context: StageContext,
  name: string,
  more: readonly string[] = [],
): Promise<string> {
  const { root, out, env, signal, logFile, jobs, progress } = context
  const buildDir = join(out, name)
  const argv = [
    process.execPath,
    join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js'),
    'build',
    ...['-d', join(root, 'native-tests', 'addon')],
    ...['-O', buildDir],
    ...['-p', String(jobs)],
    `--CDZMQ_PREFIX=${join(out, 'prefix')}`,
    ...more,
  ]
  await runOrFail(argv, {
    cwd: root,
    env: buildEnv(env),
    signal,
    logFile,
    onLine: progress,
    what: 'Building the addon',
  })
  return join(buildDir, 'Release', 'zeromq_scif.node')
}

async function addonTests(context: StageContext, addon: string, pattern: string, more: Env = {}) {
  const { root, env, signal, logFile, progress } = context
  const tests = join('native-tests', 'addon', 'tests')
  const faults = findSilentTests(join(root, tests))
  if (faults.length > 0) return { passed: 0, failed: faults.length, skipped: 0, failures: faults }
  const argv = ['--import', 'tsx', 'node_modules/uvu/bin.js', tests, pattern]
  const result = await run([process.execPath, ...argv], {
    cwd: root,
    env: { ...env, NO_COLOR: '1', FORCE_COLOR: undefined, ZEROMQ_SCIF_ADDON: addon, ...more },
    signal,
    logFile,
    onLine: progress,
  })
  return parseUvu(result.stdout, result.exitCode)
}

interface ChainReport {
  transport: string
  devices: readonly { device: string; id: number; events: number; seconds: number }[]
  sent: number
  received: number
  missing: number
  damaged: number
  twice: number
  bound: number
  processors: Record<string, number>
}

/** The example at a small size: as people run it, and as a document. */
async function deviceChain(context: StageContext) {
  const checks = new Checks(context)
  const chain = async (more: readonly string[]) => {
    const { root, out, env, signal, logFile, progress } = context
    const script = join(root, 'examples', 'device-chain', 'run.ts')
    const argv = [process.execPath, '--import', 'tsx', script, '--prefix', join(out, 'prefix')]
    const options = [
      '--out',
      join(out, 'device-chain'),
      '--events',
      '40',
      '--sizes',
      '1-4',
      ...more,
    ]
    const result = await runOrFail([...argv, ...options], {
      cwd: root,
      env: buildEnv(env),
      signal,
      logFile,
      onLine: progress,
      timeout: 150_000,
      what: 'The chain of devices',
    })
    return result.stdout
  }
  let whole: ChainReport[] = []
  let killed: ChainReport[] = []
  await checks.that('the chain runs over scif, ipc and tcp', async () => {
    whole = jsonOf<ChainReport[]>(await chain(['--json']))
    must(whole.map(({ transport }) => transport).join() === 'scif,ipc,tcp', JSON.stringify(whole))
  })
  for (const transport of ['scif', 'ipc', 'tcp'])
    await checks.that(
      `${transport}: every event arrives whole, and every stage has its rate`,
      () => {
        const result = whole.find((each) => each.transport === transport)
        must(result && result.sent === 80 && result.received === 80, JSON.stringify(result))
        must(result.missing + result.damaged + result.twice === 0, JSON.stringify(result))
        must(result.devices.length === 5, JSON.stringify(result.devices))
        must(
          result.devices.every(({ events, seconds }) => events > 0 && seconds > 0),
          JSON.stringify(result.devices),
        )
      },
    )
  await checks.that('with a processor killed and started again, the chain ends well', async () => {
    killed = jsonOf<ChainReport[]>(await chain(['--json', '--kill']))
  })
  for (const transport of ['scif', 'ipc', 'tcp'])
    await checks.that(
      `${transport}: only what was in flight is missing, and the new one works`,
      () => {
        const result = killed.find((each) => each.transport === transport)
        must(result, 'no result')
        must(result.received + result.missing === result.sent, JSON.stringify(result))
        // Those that live have lost nothing: the sink has all that they have passed on.
        for (const { device, id, events } of result.devices)
          must(device !== 'processor' || events === result.processors[id], JSON.stringify(result))
        must(result.bound < result.sent && result.missing <= result.bound, JSON.stringify(result))
        must(result.damaged + result.twice === 0, JSON.stringify(result))
        must((result.processors['2'] ?? 0) > 0, JSON.stringify(result.processors))
      },
    )
  return checks.counts()
}
