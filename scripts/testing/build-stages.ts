// SPDX-License-Identifier: MPL-2.0
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLatency, runThroughput } from '../bench/pair.ts'
import { runOrFail } from '../system/run.ts'
import { readRecord } from '../toolchain/install-prefix.ts'
import { buildArgv, jsonOf, must, pair, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Stage, StageContext } from './stage.ts'

/** The main job for real, from nothing. */
export const buildStages: readonly Stage[] = [
  {
    id: 'build',
    title: `./build from nothing: libzmq ${testedRelease} by Autotools`,
    floor: 10,
    minutes: 20,
    run: buildFromNothing,
  },
]

const hasScif = `#include <zmq.h>
int main (void) { return zmq_has ("scif") ? 0 : 1; }
`

async function buildFromNothing(context: StageContext) {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  const prefix = join(context.out, 'prefix')
  for (const name of ['work', 'build', 'prefix', 'reports', 'prefix.inputs.json'])
    rmSync(join(context.out, name), { recursive: true, force: true })

  await checks.that('./build ends with 0 and a table with both figures', async () => {
    const { stdout } = await runOrFail(buildArgv(context), { ...options, what: './build' })
    must(/^throughput +\d+ msg\/s/m.test(stdout), `no throughput in:\n${stdout}`)
    must(/^latency +[\d.]+ µs/m.test(stdout), `no latency in:\n${stdout}`)
    must(/local_thr scif:\/\/6666 1000 1000/.test(stdout), `no command to type in:\n${stdout}`)
  })
  await checks.that('zmq_has ("scif") is 1, and the record of the build says of what', () => {
    const record = readRecord(prefix)
    must(record?.hasScif === true, 'hasScif is not true')
    must(record.release === testedRelease && record.scif.kind === 'soft', JSON.stringify(record))
    must(/^[0-9a-f]{64}$/.test(record.seriesHash ?? ''), `series hash ${record.seriesHash}`)
  })
  await checks.that(
    'a second ./build takes seconds and says why each step was skipped',
    async () => {
      const start = Date.now()
      const { stdout } = await runOrFail(buildArgv(context, '--json', '--quiet'), {
        ...options,
        what: './build',
      })
      const seconds = (Date.now() - start) / 1000
      must(seconds < 60, `it took ${seconds} s`)
      const steps = jsonOf<{ steps: { id: string; status: string; detail?: string }[] }>(
        stdout,
      ).steps
      for (const id of ['system', 'fetch', 'apply', 'compile-softscif', 'compile-libzmq']) {
        const step = steps.find((each) => each.id === id)
        must(step?.status === 'skipped' && step.detail, `${id}: ${JSON.stringify(step)}`)
      }
    },
  )
  await checks.that('./build export --check: the work tree is what the series says', async () => {
    const argv = buildArgv(context, 'export', '--check')
    const { stdout } = await runOrFail(argv, { ...options, what: './build export --check' })
    must(/^0 differences/.test(stdout), stdout)
  })
  await seedCommands(checks, context, join(prefix, 'bin'), 100)
  await checks.that(
    'the programs run from a prefix that was moved, in an empty environment',
    async () => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'moved prefix '))
      try {
        const moved = join(elsewhere, 'prefix')
        cpSync(prefix, moved, { recursive: true, verbatimSymlinks: true })
        await runThroughput(pair({ ...context, env: { PATH: env.PATH } }, join(moved, 'bin'), 200))
      } finally {
        rmSync(elsewhere, { recursive: true, force: true })
      }
    },
  )
  await checks.that('pkg-config’s answers are enough to compile and run a program', async () => {
    const workDir = join(context.out, 'pkg-config')
    mkdirSync(workDir, { recursive: true })
    writeFileSync(join(workDir, 'has.c'), hasScif)
    const pkg = { ...env, PKG_CONFIG_PATH: join(prefix, 'lib', 'pkgconfig') }
    const here = { ...options, cwd: workDir }
    const { stdout } = await runOrFail(['pkg-config', '--cflags', '--libs', 'libzmq'], {
      ...here,
      env: pkg,
      what: 'pkg-config',
    })
    const flags = stdout.trim().split(/\s+/)
    // What a program that is linked to a library in a place of its own has to say anyway.
    const rpath = [`-Wl,-rpath,${join(prefix, 'lib')}`, `-Wl,-rpath-link,${join(prefix, 'lib')}`]
    await runOrFail(['cc', 'has.c', '-o', 'has', ...flags, ...rpath], { ...here, what: 'cc' })
    await runOrFail([join(workDir, 'has')], { ...here, what: 'the program' })
  })
  return checks.counts()
}

/** The seed's own commands, on other ports, in either order of starting. */
async function seedCommands(checks: Checks, context: StageContext, bin: string, port: number) {
  let next = 30_000 + port
  for (const first of ['local', 'remote'] as const) {
    const order = { first, gap: 300 }
    await checks.that(`local_thr and remote_thr, ${first} first`, async () => {
      const { messagesPerSecond } = await runThroughput({ ...pair(context, bin, next++), order })
      must(messagesPerSecond > 0, `${messagesPerSecond} msg/s`)
    })
    await checks.that(`local_lat and remote_lat, ${first} first`, async () => {
      const { microseconds } = await runLatency({ ...pair(context, bin, next++), order })
      must(microseconds > 0, `${microseconds} µs`)
    })
  }
}
