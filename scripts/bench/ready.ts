// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunOptions, type RunResult, run } from '../system/run.ts'

/** Milliseconds between two looks at a program. */
const pause = 5
/** So many looks in a row have to find it in the same sleep. */
const looks = 3
/** Milliseconds for all of that, on a machine that is busy with other things. */
const limit = 10_000

/** What became of the first end of a pair before the other was started. */
export type Readiness = 'waits' | 'ended' | 'failed' | 'late'

/** The result of a program that was not started, as the first end has failed. */
export const notStarted: RunResult = {
  exitCode: null,
  signal: 'SIGTERM',
  stdout: '',
  stderr: '',
  timedOut: false,
}

/** Runs the first end of a pair; `ready` is there when the other end may be started, or never may. */
export function runFirst(
  argv: readonly string[],
  options: RunOptions,
): { result: Promise<RunResult>; ready: Promise<Readiness> } {
  const ended = new AbortController()
  let pid = 0
  const note = (started: number) => {
    pid = started
  }
  const result = run(argv, { ...options, onStart: note }).finally(() => ended.abort())
  const ready = untilAsleep(pid, ended.signal).then(async (asleep): Promise<Readiness> => {
    if (asleep) return 'waits'
    if (!ended.signal.aborted) return 'late'
    return (await result).exitCode === 0 ? 'ended' : 'failed'
  })
  return { result, ready }
}

/**
 * Waits until the program that was started as `pid` sleeps: the first end of a pair binds, then
 * waits for messages. Who starts the other end before that may have its first connect refused,
 * and libzmq's wait of 100 ms before the next one is in what the other end measures.
 *
 * Seen from outside, as the programs are upstream's and print nothing then. Looking for what is
 * bound takes another way for each transport, and none for a real libscif; to connect for a trial
 * would be a connection that the program counts. What it does while it starts is work or takes
 * less than the looks do, and a sleep that was left between two looks is told by the count of
 * context switches.
 * @returns whether it sleeps; not when it has ended, or the time is up
 */
async function untilAsleep(pid: number, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + limit
  let before: string | undefined
  for (let same = 1; performance.now() < end && !signal.aborted; await sleep(pause)) {
    const now = sleepOf(innermost(pid))
    same = now !== undefined && now === before ? same + 1 : 1
    if (same >= looks) return true
    before = now
  }
  return false
}

/** The program itself: others, which count for it, may have started it. */
function innermost(pid: number): number {
  const child = Number(read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').at(-1))
  return child > 0 ? innermost(child) : pid
}

/** Which sleep the main thread of a process is in; undefined when it is awake, or gone. */
function sleepOf(pid: number): string | undefined {
  const status = read(`/proc/${pid}/task/${pid}/status`)
  if (!/^State:\s+S/m.test(status)) return undefined
  return [pid, ...(status.match(/^\w*voluntary_ctxt_switches:\s+\d+$/gm) ?? [])].join(' ')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
