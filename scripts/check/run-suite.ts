// SPDX-License-Identifier: MPL-2.0
import { runClaimed } from './claims.ts'
import { type ExplainedList, explanationsOf, isWholeProgram, keptCases } from './explained.ts'
import { isWell } from './judge.ts'
import { type RunPlace, runProgram } from './run-program.ts'
import type { Execution, Lane, Program, Transport } from './types.ts'

export interface SuiteOptions extends RunPlace {
  transports: readonly Transport[]
  list: ExplainedList
  /** Programs that run at the same time; most of them wait most of the time. */
  parallel: number
  progress(text: string): void
  line(text: string): void
}

interface Task {
  program: Program
  lane: Lane
  keep: readonly string[]
}

/** Unit tests call no API, and ours speak scif as they are: neither has an endpoint to rewrite. */
export function isForUpstreamsTransports(name: string): boolean {
  return name.startsWith('test_') && !isOurs(name)
}

/** Tests that the series adds. */
export function isOurs(name: string): boolean {
  return /_scif(_|$)/.test(name)
}

/** All runs of the programs: first those that may hang, then the heavy ones. */
export function planRuns(
  programs: readonly Program[],
  { transports, list }: Pick<SuiteOptions, 'transports' | 'list'>,
): Task[] {
  const none: string[] = []
  const order = ({ name, weight }: Program) =>
    weight + (explanationsOf(list, name).length > 0 ? 1_000_000 : 0)
  return [...programs]
    .sort((a, b) => order(b) - order(a) || (a.name < b.name ? -1 : 1))
    .flatMap((program): Task[] => {
      const { name } = program
      const keep = keptCases(list, name)
      const runs: Task[] = [{ program, lane: 'unchanged', keep: none }]
      if (!isForUpstreamsTransports(name)) return runs
      if (transports.includes('scif')) {
        if (!isWholeProgram(list, name)) runs.push({ program, lane: 'scif', keep })
        if (explanationsOf(list, name).some(({ unstable }) => !unstable))
          runs.push({ program, lane: 'explained', keep: none })
      }
      if (transports.includes('ipc')) runs.push({ program, lane: 'ipc', keep: none })
      return runs
    })
}

/** libzmq's tests rely on times: what fails on a machine that is busy has some more chances. */
const moreAttempts = 2

/**
 * Runs the programs side by side. One that fails an assertion is run again by itself when all
 * others have ended; a hang or a crash over scif is never excused like that, but for the one wait
 * that is upstream's own.
 */
export async function runSuite(
  programs: readonly Program[],
  options: SuiteOptions,
): Promise<Execution[]> {
  const tasks = planRuns(programs, options)
  let ended = 0
  const executions = await runClaimed(
    tasks.map((task) => ({
      claims: task.program.claims,
      run: async () => {
        options.signal.throwIfAborted()
        const execution = await runTask(task, options)
        options.progress(`${++ended} of ${tasks.length} runs (${task.program.name})`)
        return execution
      },
    })),
    options.parallel,
  )
  for (const [index, task] of tasks.entries()) {
    const { name } = task.program
    for (let attempt = 1; attempt <= moreAttempts; attempt++) {
      if (!isWorthAnother(executions[index] as Execution, options.list)) break
      options.progress(`${name} again, by itself`)
      const again = await runTask(task, options)
      executions[index] = isWell(again, options.list) ? { ...again, flaky: true } : again
    }
    if (executions[index]?.flaky)
      options.line(`${name} (${task.lane}) failed beside others, and passed by itself`)
  }
  return executions
}

function runTask({ program, lane, keep }: Task, options: SuiteOptions): Promise<Execution> {
  return runProgram(program, lane, keep, options)
}

function isWorthAnother(execution: Execution, list: ExplainedList): boolean {
  const { lane, outcome } = execution
  if (isWell(execution, list)) return false
  return (
    lane === 'unchanged' || (lane === 'scif' && (outcome === 'failed' || waitsForEver(execution)))
  )
}

/**
 * libzmq's tests of security give a client 250 ms, close it, and wait without end for an event of
 * the server that never comes if the client was not connected by then: on any transport.
 */
export function waitsForEver({ outcome, output }: Pick<Execution, 'outcome' | 'output'>): boolean {
  return outcome === 'hung' && /^Still waiting for monitor event after \d+ ms$/m.test(output)
}
