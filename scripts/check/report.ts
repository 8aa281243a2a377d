// SPDX-License-Identifier: MPL-2.0
import { type ExplainedList, explanationsOf, isWholeProgram } from './explained.ts'
import {
  controlFailures,
  describe,
  type Failure,
  failuresOf,
  isWell,
  judgeProgram,
  staleEntries,
  type Verdict,
} from './judge.ts'
import { isForUpstreamsTransports, isOurs } from './run-suite.ts'
import type { Execution, Explanation, Transport } from './types.ts'
import { skipReason } from './unity.ts'

export interface ProgramReport {
  program: string
  status: 'passed' | 'failed' | 'skipped'
  /** What failed, or why it was skipped; over scif and ipc otherwise what was rewritten. */
  text: string
  milliseconds: number
  /** Of a failure: the last lines that the program wrote. */
  output?: string
}

export interface SuiteReport {
  id: 'unchanged' | 'series' | 'scif' | 'explained' | 'ipc'
  title: string
  passed: number
  failed: number
  skipped: number
  programs: readonly ProgramReport[]
}

/** What came of a run, without what it was run on. */
export interface Judgement {
  passed: boolean
  suites: readonly SuiteReport[]
  /** Programs, cases and calls over scif that count; undefined when scif was not asked for. */
  scif?: {
    programs: number
    /** Programs all cases of which ran as the list knows no exception. */
    wholly: number
    cases: number
    calls: number
    floor: number | null
    verdicts: readonly Verdict[]
  }
  explained: readonly Explanation[]
  failures: readonly Failure[]
  flaky: readonly { program: string; lane: string }[]
}

/** out/reports/check.json, and what --json prints. */
export interface CheckReport extends Judgement {
  schemaVersion: 1
  command: 'check'
  /** The end of the run. */
  date: string
  /** What to type to get it again. */
  commands: readonly string[]
  machine: { cpu: string; cores: number; kernel: string; memory?: string }
  /** What belongs to it, beside it. */
  files: readonly string[]
  release: string
  version: string
  /** Git tree id of upstream's source. */
  tree: string
  route: string
  seriesHash: string
  /** The work tree has edits of its own. */
  edited: boolean
  compiler: string
  flags: readonly string[]
  buildSystem: string
  libscif: { kind: string; version?: string }
  totals: { passed: number; failed: number; skipped: number }
  milliseconds: number
}

/** Judges all runs; without a floor, as for a part of the programs, any number will do. */
export function judge(
  executions: readonly Execution[],
  list: ExplainedList,
  { transports, floor }: { transports: readonly Transport[]; floor: number | null },
): Judgement {
  const failures = [
    ...failuresOf(executions, list),
    ...staleEntries(executions, list),
    ...controlFailures(executions, list),
    ...silentOnes(executions),
  ]
  const unchanged = executions.filter(({ lane }) => lane === 'unchanged')
  const suites = [
    plainSuite('unchanged', "libzmq's own suite, unchanged", unchanged, failures, list),
    plainSuite('series', "the series' own tests", unchanged, failures, list),
  ]
  let scif: Judgement['scif']
  if (transports.includes('scif')) {
    const verdicts = unchanged
      .filter(({ program }) => isForUpstreamsTransports(program))
      .filter(({ outcome }) => outcome !== 'skipped')
      .map(({ program }) => judgeProgram(program, find(executions, 'scif', program), list))
    const passed = verdicts.filter(({ status }) => status === 'passed')
    const sum = (count: (verdict: Verdict) => number) =>
      passed.reduce((total, verdict) => total + count(verdict), 0)
    scif = {
      programs: passed.length,
      wholly: passed.filter(({ kept }) => kept.length === 0).length,
      cases: sum(({ cases }) => cases.length),
      calls: sum(({ calls }) => calls),
      ...{ floor, verdicts },
    }
    if (floor !== null && passed.length < floor)
      failures.push({
        ...{ program: 'all', lane: 'scif' },
        text: `only ${passed.length} programs passed over scif, at least ${floor} are expected`,
      })
    suites.push(scifSuite(executions, verdicts, failures, list))
    suites.push(explainedSuite(executions, failures, list))
  }
  if (transports.includes('ipc')) suites.push(ipcSuite(executions, failures, list))
  return {
    passed: failures.length === 0,
    suites,
    ...(scif ? { scif } : {}),
    explained: list.explanations.filter(({ program }) =>
      unchanged.some((one) => one.program === program),
    ),
    failures,
    flaky: executions.filter(({ flaky }) => flaky).map(({ program, lane }) => ({ program, lane })),
  }
}

function find(executions: readonly Execution[], lane: Execution['lane'], program: string) {
  return executions.find((one) => one.lane === lane && one.program === program)
}

/** Our own tests skip themselves where there is no SCIF; here there is. */
function silentOnes(executions: readonly Execution[]): Failure[] {
  return executions
    .filter(({ program, lane, outcome }) => {
      return isOurs(program) && lane === 'unchanged' && outcome === 'skipped'
    })
    .map(({ program, lane }) => ({ program, lane, text: 'it was skipped, although SCIF is there' }))
}

const of = (failures: readonly Failure[], lane: Failure['lane'], program: string): string[] =>
  failures.filter((one) => one.lane === lane && one.program === program).map(({ text }) => text)

function plainSuite(
  id: 'unchanged' | 'series',
  title: string,
  executions: readonly Execution[],
  failures: readonly Failure[],
  list: ExplainedList,
): SuiteReport {
  const programs = executions
    .filter(({ program }) => isOurs(program) === (id === 'series'))
    .map((execution) => {
      const { program, outcome } = execution
      const texts = of(failures, 'unchanged', program)
      if (outcome === 'passed') return entry(execution, texts, 'passed', execution.how)
      if (outcome === 'skipped') return entry(execution, texts, 'skipped', skipOf(execution))
      const why = explanationsOf(list, program).find(({ mayFail }) => mayFail)?.why ?? ''
      return entry(execution, texts, 'skipped', `${describe(execution)}. ${why}`)
    })
  return counted(id, title, programs)
}

function skipOf({ program, cases, output }: Execution): string {
  return program.endsWith('_fuzzer')
    ? 'a fuzzer, which does nothing without inputs'
    : skipReason(cases, output)
}

function scifSuite(
  executions: readonly Execution[],
  verdicts: readonly Verdict[],
  failures: readonly Failure[],
  list: ExplainedList,
): SuiteReport {
  const programs = verdicts
    .filter(({ status }) => status !== 'not rewritten')
    .map(({ program, status, calls, cases, kept }) => {
      const execution = find(executions, 'scif', program)
      const why = explanationsOf(list, program)[0]?.why ?? ''
      const left = kept.length > 0 ? `, ${count(kept.length, 'case')} left as explained` : ''
      const text = `${count(cases.length, 'case')}, ${count(calls, 'call')} rewritten${left}`
      const explained = status === 'explained'
      return entry(
        execution ?? { program, milliseconds: 0, output: '' },
        of(failures, 'scif', program),
        explained ? 'skipped' : 'passed',
        explained ? why : text,
      )
    })
  return counted('scif', 'over scif://, rewritten', programs)
}

function explainedSuite(
  executions: readonly Execution[],
  failures: readonly Failure[],
  list: ExplainedList,
): SuiteReport {
  const programs = executions
    .filter(({ lane }) => lane === 'explained')
    .map((execution) => {
      const { program } = execution
      const whole = isWholeProgram(list, program)
      const text = `fails over scif, as explained${whole ? '' : ', in those cases'}`
      return entry(execution, of(failures, 'explained', program), 'passed', text)
    })
  return counted('explained', 'what is explained does fail', programs)
}

function ipcSuite(
  executions: readonly Execution[],
  failures: readonly Failure[],
  list: ExplainedList,
): SuiteReport {
  const programs = executions
    .filter(({ lane, rewrites }) => lane === 'ipc' && rewrites.total > 0)
    .map((execution) => {
      const { program, rewrites } = execution
      const well = isWell(execution, list)
      const text = well
        ? `${count(rewrites.total, 'call')} rewritten`
        : `fails over ipc: ${describe(execution)}`
      return entry(execution, of(failures, 'ipc', program), well ? 'passed' : 'skipped', text)
    })
  return counted('ipc', 'over ipc://, the control', programs)
}

export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}

function entry(
  { program, milliseconds, output }: Pick<Execution, 'program' | 'milliseconds' | 'output'>,
  failures: readonly string[],
  status: 'passed' | 'skipped',
  text: string,
): ProgramReport {
  if (failures.length === 0) return { program, status, text, milliseconds }
  return { program, status: 'failed', text: failures.join('; '), milliseconds, output }
}

function counted(
  id: SuiteReport['id'],
  title: string,
  programs: readonly ProgramReport[],
): SuiteReport {
  const number = (wanted: string) => programs.filter(({ status }) => status === wanted).length
  const sorted = [...programs].sort((a, b) => (a.program < b.program ? -1 : 1))
  return {
    ...{ id, title, passed: number('passed'), failed: number('failed') },
    ...{ skipped: number('skipped'), programs: sorted },
  }
}

/** Over all suites but the control, of which nothing is asked. */
export function totalsOf({ suites }: Pick<Judgement, 'suites'>): CheckReport['totals'] {
  const sum = (number: (suite: SuiteReport) => number) =>
    suites.filter(({ id }) => id !== 'ipc').reduce((total, suite) => total + number(suite), 0)
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
  }
}
