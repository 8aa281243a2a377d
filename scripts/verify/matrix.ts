// SPDX-License-Identifier: MPL-2.0
import type { AppliedTree } from '../series/types.ts'
import { type CellJob, runCell } from './cell.ts'
import type { Memory } from './memory.ts'
import type { OthersChoice } from './others.ts'
import type { Prepared } from './prepare.ts'
import { lanesFor, type Mutex, mutex, sideBySide } from './schedule.ts'
import { type BuildSystem, type CellPlan, type CellResult, cellId } from './types.ts'

/** What a run of the matrix has in common. */
export interface MatrixOptions
  extends Pick<CellJob, 'series' | 'compilers' | 'logs' | 'libscif' | 'everyCommit'> {
  memory: Memory
  /** What a cell with every other transport can have on this machine. */
  othersOf(work: AppliedTree): Promise<OthersChoice>
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
  { one, plan, others }: Cell,
  everyCommit = options.everyCommit,
) {
  const { result, work } = one
  return {
    cell: JSON.stringify(plan),
    release: result.release,
    'tree of libzmq': result.tree,
    'tree with the series': work?.tree ?? '',
    series: result.seriesHash,
    compiler: JSON.stringify(options.compilers),
    libscif: options.libscif.key,
    'every commit': String(everyCommit && !plan.others),
    ...(others ? { others: JSON.stringify(others) } : {}),
  }
}

/** A cell of a prepared release. */
interface Cell {
  one: Prepared
  plan: CellPlan
  others?: OthersChoice
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
  const all: (Cell & { pristine: Mutex })[] = []
  for (const one of prepared) {
    const plans = plansOf(one.result.release)
    const locks = new Map(plans.map(({ buildSystem }) => [buildSystem, mutex()]))
    for (const plan of plans) {
      const others = plan.others && one.work ? await options.othersOf(one.work) : undefined
      const pristine = locks.get(plan.buildSystem) ?? mutex()
      all.push({ one, plan, pristine, ...(others ? { others } : {}) })
    }
  }
  const known = all.map((cell) => recall(options, cell))
  const open = known.filter((result) => result === undefined).length
  const { lanes, jobs } = lanesFor(options.jobs, open)
  const tasks = all.map((cell, at) => async (): Promise<CellResult> => {
    const { one, plan, others, pristine } = cell
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
      ...{ tests, pristine, others },
    }
    const progress = (text: string) => {
      doing.set(id, text)
      options.progress([...doing].map(([name, what]) => `${name} ${what}`).join(' | '))
    }
    const result = await runCell(job, { env, signal, progress })
    doing.delete(id)
    // Once more by itself it may pass, and a log is wanted: a failure is never remembered.
    if (result.status === 'passed')
      memory.remember(inputsOf(options, cell), result, now().toISOString())
    options.ended(result)
    return result
  })
  return sideBySide(tasks, lanes)
}

function recall(options: MatrixOptions, cell: Cell): CellResult | undefined {
  const { memory, everyCommit } = options
  const known = (every: boolean) => memory.recall<CellResult>(inputsOf(options, cell, every))
  // One that looked at every commit has looked at all the rest as well.
  const found = known(true) ?? (everyCommit ? undefined : known(false))
  return found && { ...found.value, remembered: found.date }
}
