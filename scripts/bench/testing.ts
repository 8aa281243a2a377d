// SPDX-License-Identifier: MPL-2.0
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Session } from './measure.ts'
import type { Measure, PerfReport, Result } from './report.ts'
import { summarize } from './stats.ts'

/** A folder of programs that are shell scripts, to measure with; the caller removes it. */
export function fakePrograms(
  programs: Readonly<Record<string, string>>,
): Session & { dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'zmq-scif-bench-'))
  for (const name of ['bin', 'tools', 'scratch']) mkdirSync(join(dir, name))
  const write = (path: string, script: string) => {
    writeFileSync(join(dir, path), `#!/bin/sh\n${script}\n`)
    chmodSync(join(dir, path), 0o755)
  }
  write('tools/measured', 'shift; exec "$@"')
  for (const [name, script] of Object.entries(programs))
    write(name.includes('/') ? name : `bin/${name}`, script)
  return {
    dir,
    places: { bin: join(dir, 'bin'), tools: join(dir, 'tools'), scratch: join(dir, 'scratch') },
    env: { PATH: process.env.PATH },
    signal: new AbortController().signal,
  }
}

/** A script that prints what local_thr and inproc_thr print; $size and $count are of its call. */
export const printThroughput = (rate: number) =>
  `printf 'message size: %s [B]\\nmessage count: %s\\nmean throughput: ${rate} [msg/s]\\nmean throughput: 0.5 [Mb/s]\\n' "$size" "$count"`

/** A script that prints what remote_lat and inproc_lat print. */
export const printLatency = (microseconds: number) =>
  `printf 'message size: %s [B]\\nroundtrip count: %s\\naverage latency: ${microseconds} [us]\\n' "$size" "$count"`

export function fakeResult(
  transport: string,
  measure: Measure,
  size: number,
  values: readonly number[],
): Result {
  const samples = values.map((value, index) => ({
    round: index + 1,
    value,
    seconds: 1,
    usage: { user: 0.5, system: 0.5, voluntary: 100, involuntary: 0, maxRss: 1 },
  }))
  const unit = measure === 'throughput' ? 'msg/s' : 'us'
  const summary = summarize(values)
  return { transport, measure, size, count: 1000, unit, ...summary, samples }
}

/** A report of a machine that does not exist. */
export function fakeReport(results: Result[], more: Partial<PerfReport> = {}): PerfReport {
  return {
    schemaVersion: 1,
    command: 'perf',
    date: '2026-01-02T03:04:05.000Z',
    commands: ['./build perf --release 4.3.4'],
    files: [],
    release: '4.3.4',
    version: '4.3.4',
    tree: '0123456789abcdef0123456789abcdef01234567',
    route: 'debian',
    seriesHash: 'a'.repeat(64),
    edited: false,
    compiler: 'g++ 12.2.0',
    flags: ['./configure', '--with-scif'],
    buildSystem: 'autotools',
    libscif: { kind: 'soft', version: 'libscif.so.0.0.1' },
    link: null,
    machine: {
      cpu: 'Model <1> & "more"',
      cores: 2,
      kernel: 'Linux 6.1.0 x64',
      memory: '8.0 GiB',
      virtualization: 'none seen',
      load: [0.1, 1.9],
    },
    settings: {
      quick: true,
      transports: [...new Set(results.map((result) => result.transport))],
      sizes: [...new Set(results.map((result) => result.size))],
      rounds: 4,
      roundsDone: 4,
      secondsEach: 0.2,
      secondsAll: 150,
    },
    seconds: 100,
    results,
    problems: [],
    counters: {
      systemCallsBy: null,
      systemCallsNote: 'not counted here; perf stat: not installed',
      systemCalls: [],
      kernelCopiesBy: null,
      kernelCopiesNote: 'not counted here; strace: not installed',
      kernelCopies: [],
    },
    ...more,
  }
}
