// SPDX-License-Identifier: MPL-2.0
import type { CaseResult, Outcome, Rewrites } from './types.ts'

/** Automake's and CTest's code for "not possible here". */
const skipCode = 77

const statuses = { PASS: 'passed', FAIL: 'failed', IGNORE: 'skipped' } as const

/**
 * The cases of a program: a line "file:line:case:PASS" each. Something that the program writes
 * itself may stand before it in the same line. A case that is run twice, with other parameters,
 * has failed when one of the runs has.
 */
export function parseUnity(output: string): CaseResult[] {
  const cases = new Map<string, CaseResult>()
  const line = /(?:^|[^\s:]):\d+:([A-Za-z_]\w*):(PASS|FAIL|IGNORE)(?:: ?(.*))?$/gm
  for (const [, name = '', verdict, message] of output.matchAll(line)) {
    const status = statuses[verdict as keyof typeof statuses]
    const before = cases.get(name)
    if (before?.status === 'failed') continue
    cases.set(name, { name, status, ...(message ? { message: message.trim() } : {}) })
  }
  return [...cases.values()]
}

/** What a shell makes of signals: exit code 128 + number. */
const signals: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
}

interface Ended {
  exitCode: number | null
  signal: string | null
  timedOut: boolean
}

/** How a program has ended. libzmq's tests set an alarm that ends them when they hang. */
export function judgeEnd(
  { exitCode, signal, timedOut }: Ended,
  seconds: number,
): { outcome: Outcome; how: string } {
  if (timedOut) return { outcome: 'hung', how: `did not end within ${seconds} s` }
  const killer =
    signal ?? (exitCode !== null && exitCode > 128 ? signals[exitCode - 128] : undefined)
  if (killer === 'SIGALRM') return { outcome: 'hung', how: 'ended by its own alarm clock' }
  if (killer !== undefined) return { outcome: 'crashed', how: killer }
  const how = `exit code ${exitCode}`
  if (exitCode === 0) return { outcome: 'passed', how }
  return { outcome: exitCode === skipCode ? 'skipped' : 'failed', how }
}

/** The log of the preload library: process, function, case, endpoint and what it became. */
export function parseRewrites(log: string): Rewrites {
  const byCase = new Map<string, number>()
  let total = 0
  let kept = 0
  let library: string | undefined
  for (const line of log.split('\n')) {
    const [, called, name = '', from, to] = line.split('\t')
    if (to === undefined) continue
    if (called === 'libzmq') library = from
    else if (from === to) kept++
    else {
      total++
      byCase.set(name, (byCase.get(name) ?? 0) + 1)
    }
  }
  return { byCase, total, kept, ...(library === undefined ? {} : { library }) }
}

export const noRewrites: Rewrites = { byCase: new Map(), total: 0, kept: 0 }

/** Why a program, or all of its cases, was skipped: what Unity says, or the program itself. */
export function skipReason(cases: readonly CaseResult[], output: string): string {
  const said = cases.find(({ status, message }) => status === 'skipped' && message)?.message
  const line = output.split('\n').find((each) => each.trim() !== '')
  return said ?? (line === undefined ? 'exit code 77, without a word' : line.trim().slice(0, 120))
}
