// SPDX-License-Identifier: MPL-2.0
import { type ExplainedList, explanationsOf, keptCases } from './explained.ts'
import type { Execution, Explanation, Lane } from './types.ts'

/** Something that is wrong, and is not explained. */
export interface Failure {
  program: string
  lane: Lane
  text: string
}

/** What came of a program over scif. */
export interface Verdict {
  program: string
  status: 'passed' | 'failed' | 'explained' | 'not rewritten'
  /** Calls whose endpoint became one of scif. */
  calls: number
  /** Cases that ran over scif and passed. */
  cases: readonly string[]
  /** Cases that were left on tcp or ipc, as the list explains them. */
  kept: readonly string[]
}

const covers = ({ cases }: Explanation, name: string): boolean => !cases || cases.includes(name)

/** Whether nothing of a run failed but what may, as it does on its own transport, too. */
export function isWell({ outcome, program, cases }: Execution, list: ExplainedList): boolean {
  if (outcome === 'passed' || outcome === 'skipped') return true
  const failed = cases.filter(({ status }) => status === 'failed')
  const excuses = explanationsOf(list, program).filter(({ mayFail }) => mayFail)
  if (excuses.some((one) => !one.cases)) return true
  const excused = failed.every(({ name }) => excuses.some((one) => covers(one, name)))
  return outcome === 'failed' && failed.length > 0 && excused
}

/** A run in one line: the first case that failed, or else how it ended. */
export function describe({ how, cases }: Execution): string {
  const [first, ...others] = cases.filter(({ status }) => status === 'failed')
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return first ? `${first.name}: ${first.message ?? 'failed'}${more}` : how
}

/** The cases of a run that used the new transport and passed; of a program without Unity, itself. */
export function casesOver(execution: Execution): string[] {
  const { cases, rewrites, outcome, program } = execution
  if (cases.length === 0) return outcome === 'passed' && rewrites.total > 0 ? [program] : []
  return cases
    .filter(({ name, status }) => status === 'passed' && rewrites.byCase.has(name))
    .map(({ name }) => name)
}

/** What came of a program over scif; without a run the list has it as a whole. */
export function judgeProgram(
  program: string,
  execution: Execution | undefined,
  list: ExplainedList,
): Verdict {
  if (!execution) return { program, status: 'explained', calls: 0, cases: [], kept: [] }
  const calls = execution.rewrites.total
  const cases = casesOver(execution)
  const names = execution.cases.map(({ name }) => name)
  const kept = keptCases(list, program).filter((name) => names.includes(name))
  if (!isWell(execution, list)) return { program, status: 'failed', calls, cases, kept }
  if (cases.length > 0) return { program, status: 'passed', calls, cases, kept }
  const status = kept.length > 0 ? 'explained' : 'not rewritten'
  return { program, status, calls, cases, kept }
}

/** Runs that had to be well, and are not. */
export function failuresOf(executions: readonly Execution[], list: ExplainedList): Failure[] {
  return executions
    .filter(({ lane }) => lane === 'unchanged' || lane === 'scif')
    .filter((execution) => !isWell(execution, list))
    .map((execution) => ({
      ...{ program: execution.program, lane: execution.lane },
      text: describe(execution),
    }))
}

/** What the list explains although it passes: an entry that has outlived its reason. */
export function staleEntries(executions: readonly Execution[], list: ExplainedList): Failure[] {
  return executions
    .filter(({ lane }) => lane === 'explained')
    .flatMap((execution) => {
      const { program, lane } = execution
      const entries = explanationsOf(list, program).filter(({ unstable }) => !unstable)
      const passed = passedCases(execution)
      const whole = entries.some(({ cases }) => !cases) && execution.outcome === 'passed'
      const cases = entries.flatMap(({ cases = [] }) => cases).filter((one) => passed.includes(one))
      const text = 'passes over scif: the list has no reason to explain it any more'
      return [...(whole ? ['it'] : []), ...cases].map((name) => ({
        ...{ program, lane, text: `${name} ${text}` },
      }))
    })
}

function passedCases(execution: Execution): string[] {
  return execution.cases.filter(({ status }) => status === 'passed').map(({ name }) => name)
}

/** What passes over ipc has to pass over scif, or the list has to say how scif differs. */
export function controlFailures(executions: readonly Execution[], list: ExplainedList): Failure[] {
  const over = (lane: Lane, program: string) =>
    executions.find((one) => one.lane === lane && one.program === program)
  return executions
    .filter(({ lane }) => lane === 'ipc')
    .flatMap((control) => {
      const { program, lane } = control
      const scif = over('scif', program)
      const done = scif ? casesOver(scif) : []
      const entries = explanationsOf(list, program)
      return casesOver(control)
        .filter((name) => !done.includes(name) && !excused(name, entries))
        .filter((name) => scif === undefined || isAmiss(name, scif, entries))
        .map((name) => ({
          ...{ program, lane },
          text: `${name} passes over ipc and not over scif, and the list does not say why`,
        }))
    })
}

function excused(name: string, entries: readonly Explanation[]): boolean {
  return entries.some((one) => covers(one, name) && one.passesOverIpc)
}

/** Explained, or run over scif without passing; a case without an endpoint to rewrite is neither. */
function isAmiss(name: string, scif: Execution, entries: readonly Explanation[]): boolean {
  const result = scif.cases.find((one) => one.name === name)
  const kept = entries.some((one) => covers(one, name))
  return kept || result === undefined || result.status === 'failed'
}
