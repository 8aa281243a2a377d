// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLatency, runThroughput } from '../bench/pair.ts'
import { run, runOrFail } from '../system/run.ts'
import { crossFor } from '../toolchain/cross.ts'
import { which } from '../toolchain/detect.ts'
import { readRecord } from '../toolchain/install-prefix.ts'
import { buildArgv, must, pair, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Counts } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'

const triplet = 'aarch64-linux-gnu'

/** What is built for a machine of another kind, run by an emulator. */
export const crossStages: readonly Stage[] = [
  {
    id: 'cross',
    beside: true,
    title: `./build compile --host ${triplet}, and what it makes under qemu`,
    floor: 0,
    minutes: 12,
    run: crossStage,
  },
]

async function crossStage(context: StageContext): Promise<Counts> {
  const { env, signal, logFile, progress, root } = context
  const { emulator } = crossFor(triplet, root, env)
  const missing = [
    ...[`${triplet}-gcc`, `${triplet}-g++`].filter((name) => !which(name, env)),
    ...(emulator ? [] : ['qemu-user']),
  ]
  if (!emulator || missing.length > 0) {
    const why = `skipped: ${missing.join(', ')} not installed`
    appendFileSync(logFile, `${why}\n`)
    progress(why)
    return { passed: 0, failed: 0, skipped: 1, failures: [] }
  }
  const checks = new Checks(context)
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  const native = join(context.out, 'prefix')
  const prefix = `${native}-${triplet}`
  const before = JSON.stringify(readRecord(native) ?? null)

  await checks.that('a triplet without compilers is refused with exit code 3', async () => {
    const argv = buildArgv(context, 'compile', '--host', 'vax-dec-ultrix')
    const { exitCode, stderr } = await run(argv, options)
    must(exitCode === 3 && /vax-dec-ultrix-gcc/.test(stderr), `${exitCode}: ${stderr}`)
  })
  await checks.that('it builds, and zmq_has ("scif") is 1 there', async () => {
    await runOrFail(buildArgv(context, 'compile', '--host', triplet), {
      ...options,
      what: './build compile --host',
    })
    const record = readRecord(prefix)
    must(record?.hasScif && record.release === testedRelease, JSON.stringify(record))
    must(record.compiler.includes(triplet), record.compiler)
  })
  await checks.that('what is installed is of that machine, and the native prefix untouched', () => {
    for (const file of ['lib/libzmq.so', 'lib/libscif.so', 'bin/local_thr', 'bin/inproc_lat']) {
      const bytes = readFileSync(join(prefix, file))
      // e_machine of an ELF file: 183 is AArch64.
      must(bytes.readUInt16LE(18) === 183, `${file} is for machine ${bytes.readUInt16LE(18)}`)
    }
    must(JSON.stringify(readRecord(native) ?? null) === before, 'the native prefix has changed')
  })
  const bin = emulated(context, emulator, join(prefix, 'bin'))
  await checks.that('throughput over scif:// under qemu', async () => {
    const { messagesPerSecond } = await runThroughput(pair(context, bin, 31_501))
    must(messagesPerSecond > 0, `${messagesPerSecond} msg/s`)
  })
  await checks.that('latency over scif:// under qemu', async () => {
    const options = { ...pair(context, bin, 31_502), count: 100 }
    const { microseconds } = await runLatency(options)
    must(microseconds > 0, `${microseconds} µs`)
  })
  return checks.counts()
}

/** A folder of scripts that run the programs by the emulator. */
function emulated({ out }: StageContext, emulator: readonly string[], programs: string): string {
  const bin = join(out, 'emulated')
  rmSync(bin, { recursive: true, force: true })
  mkdirSync(bin, { recursive: true })
  for (const name of ['local_thr', 'remote_thr', 'local_lat', 'remote_lat']) {
    const argv = [...emulator, join(programs, name)].map((arg) => `'${arg}'`)
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${argv.join(' ')} "$@"\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return bin
}
