// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLatency, runThroughput } from '../bench/pair.ts'
import { run, runOrFail } from '../system/run.ts'
import { readRecord } from '../toolchain/install-prefix.ts'
import { exportedSymbols } from '../toolchain/libzmq.ts'
import { buildArgv, interruptAfter, must, pair, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Stage, StageContext } from './stage.ts'

/** The other ways to build, on what the main job has left. */
export const variantStages: readonly Stage[] = [
  {
    id: 'build-cmake',
    title: `./build --build-system cmake, and back`,
    floor: 5,
    minutes: 15,
    after: ['build'],
    run: buildByCmake,
  },
  {
    id: 'interrupt',
    title: 'An interrupted build leaves nothing running and goes on when run again',
    floor: 4,
    minutes: 15,
    after: ['build'],
    run: interruptBuild,
  },
  {
    id: 'build-drafts',
    title: './build compile --drafts',
    floor: 2,
    minutes: 15,
    after: ['build'],
    run: buildDrafts,
  },
]

async function buildByCmake(context: StageContext) {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress, what: './build' }
  const prefix = join(context.out, 'prefix')
  await checks.that('CMake builds into the same prefix', async () => {
    await runOrFail(buildArgv(context, '--build-system', 'cmake'), options)
    const record = readRecord(prefix)
    must(record?.buildSystem === 'cmake' && record.hasScif, JSON.stringify(record))
  })
  await checks.that('local_thr and remote_thr of CMake’s build', async () => {
    await runThroughput(pair(context, join(prefix, 'bin'), 30_301))
  })
  await checks.that('local_lat and remote_lat of CMake’s build', async () => {
    await runLatency(pair(context, join(prefix, 'bin'), 30_302))
  })
  await checks.that('ZeroMQConfig.cmake is there', () => {
    must(existsSync(join(prefix, 'lib', 'cmake', 'ZeroMQ', 'ZeroMQConfig.cmake')), 'it is not')
  })
  await checks.that('back to Autotools: nothing of CMake’s is left in the prefix', async () => {
    await runOrFail(buildArgv(context), options)
    must(readRecord(prefix)?.buildSystem === 'autotools', 'the record says otherwise')
    must(!existsSync(join(prefix, 'lib', 'cmake')), 'lib/cmake is still there')
    const others = readdirSync(join(prefix, 'lib')).filter(
      (name) => !/^lib(zmq|scif)\.so|^pkgconfig$/.test(name),
    )
    must(others.length === 0, others.join(', '))
  })
  return checks.counts()
}

async function buildDrafts(context: StageContext) {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const prefix = join(context.out, 'prefix-drafts')
  await checks.that('libzmq with its draft API builds into a prefix of its own', async () => {
    const argv = buildArgv(context, 'compile', '--drafts')
    const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
    await runOrFail(argv, { ...options, what: './build compile --drafts' })
    must(readRecord(prefix)?.hasScif === true, 'it has no scif')
  })
  await checks.that('it exports the draft functions', async () => {
    const symbols = await exportedSymbols(join(prefix, 'lib', 'libzmq.so'), context)
    must(symbols.includes('T zmq_socket_monitor_versioned'), symbols.join(', '))
  })
  return checks.counts()
}

/** Builds without scif, which the symbols stage needs anyway; the first attempt is interrupted. */
async function interruptBuild(context: StageContext) {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress, what: './build' }
  const name = `${testedRelease}-autotools-noscif`
  rmSync(join(context.out, 'build', name), { recursive: true, force: true })
  rmSync(join(context.out, 'prefix-noscif'), { recursive: true, force: true })
  mkdirSync(context.out, { recursive: true })
  // ccache would be done before the interrupt comes.
  const argv = buildArgv(context, 'compile', '--no-scif', '--verbose')
  const slow = { ...context, env: { ...env, CCACHE_DISABLE: '1' } }
  await checks.that('SIGINT in the middle of make ends ./build with 130', async () => {
    const { exitCode, output } = await interruptAfter(slow, argv, /\d+ of \d+ files/)
    must(exitCode === 130, `exit code ${exitCode}:\n${output.slice(-2000)}`)
    must(/interrupted/.test(output), output.slice(-2000))
  })
  await checks.that('no process of it is left', async () => {
    const { stdout } = await run(['ps', '-eo', 'pid,args'], { cwd: '/', env, signal })
    const left = stdout
      .split('\n')
      .filter((line) => line.includes(join(context.out, 'build', name)))
    must(left.length === 0, left.join('\n'))
  })
  await checks.that('what is there is not taken for a whole build', () => {
    must(readRecord(join(context.out, 'prefix-noscif')) === undefined, 'there is a record')
  })
  await checks.that('run again, it goes on and ends well', async () => {
    await runOrFail(argv, options)
    const record = readRecord(join(context.out, 'prefix-noscif'))
    must(record?.hasScif === false, JSON.stringify(record))
  })
  return checks.counts()
}
