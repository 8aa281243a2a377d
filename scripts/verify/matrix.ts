// SPDX-License-Identifier: MPL-2.0
import { type CellJob, runCell } from './cell.ts'
import type { Memory } from './memory.ts'
import type { Prepared } from './prepare.ts'
import { lanesFor, mutex, sideBySide } from './schedule.ts'
import { type BuildSystem, type CellPlan, type CellResult, cellId } from './types.ts'

/** What a run of the matrix has in common. */
export interface MatrixOptions
  extends Pick<CellJob, 'series' | 'compilers' | 'logs' | 'libscif' | 'everyCommit'> {
  memory: Memory
  jobs: number
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
  now: () => Date
  /** What all cells are at. */
  progress(text: string): void
  /** A cell has ended. */
  ended(result: CellResult): void
}

/** The cells of one release: those with every other transport at the end. */
export function planCells(
  buildSystems: readonly BuildSystem[],
  scif: readonly boolean[],
  everything: boolean,
): CellPlan[] {
  const plain = [...scif].flatMap((one) =>
    buildSystems.map((buildSystem) => ({ buildSystem, scif: one, others: false })),
  )
  const most: CellPlan = { buildSystem: 'autotools', scif: true, others: true }
  return everything && buildSystems.includes('autotools') ? [...plain, most] : plain
}

/** Everything that a cell's result depends on. */
function inputsOf(
  options: MatrixOptions,
  prepared: Prepared,
  plan: CellPlan,
  everyCommit = options.everyCommit,
) {
  const { result, work } = prepared
  return {
    cell: JSON.stringify(plan),
    release: result.release,
    'tree of libzmq': result.tree,
    'tree with the series': work?.tree ?? '',
    series: result.seriesHash,
    compiler: JSON.stringify(options.compilers),
    libscif: options.libscif.key,
    'every commit': String(everyCommit && !plan.others),
  }
}

/**
 * Runs the cells of all prepared releases, side by side as far as the processors go; those whose
 * result is remembered are not run again. One that fails does not keep the others from running.
 */
export async function runMatrix(
  prepared: readonly Prepared[],
  plansOf: (release: string) => readonly CellPlan[],
  options: MatrixOptions,
): Promise<CellResult[]> {
  const { memory, signal, now, env } = options
  const tests = mutex()
  const doing = new Map<string, string>()
  const all = prepared.flatMap((one) => {
    const plans = plansOf(one.result.release)
    const pristine = new Map(plans.map(({ buildSystem }) => [buildSystem, mutex()]))
    return plans.map((plan) => ({ one, plan, pristine: pristine.get(plan.buildSystem) ?? mutex() }))
  })
  const known = all.map(({ one, plan }) => recall(options, one, plan))
  const open = known.filter((result) => result === undefined).length
  const { lanes, jobs } = lanesFor(options.jobs, open)
  const tasks = all.map(({ one, plan, pristine }, at) => async (): Promise<CellResult> => {
    const { result: release, work } = one
    const before = known[at]
    if (before) {
      options.ended(before)
      return before
    }
    if (!work) throw new Error(`${release.release} has nothing to build`)
    const id = cellId(release.release, plan)
    const { series, compilers, logs, libscif, everyCommit } = options
    const job: CellJob = {
      ...{ plan, release, work, series, compilers, jobs, logs, libscif, everyCommit },
      ...{ tests, pristine },
    }
    const progress = (text: string) => {
      doing.set(id, text)
      options.progress([...doing].map(([name, what]) => `${name} ${what}`).join(' | '))
    }
    const result = await runCell(job, { env, signal, progress })
    doing.delete(id)
    // Once more by itself it may pass, and a log is wanted: a failure is never remembered.
    if (result.status === 'passed')
      memory.remember(inputsOf(options, one, plan), result, now().toISOString())
    options.ended(result)
    return result
  })
  return sideBySide(tasks, lanes)
}

function recall(
  options: MatrixOptions,
  prepared: Prepared,
  plan: CellPlan,
): CellResult | undefined {
  const { memory, everyCommit } = options
  const known = (every: boolean) =>
    memory.recall<CellResult>(inputsOf(options, prepared, plan, every))
  // One that looked at every commit has looked at all the rest as well.
  const found = known(true) ?? (everyCommit ? undefined : known(false))
  return found && { ...found.value, remembered: found.date }
}
