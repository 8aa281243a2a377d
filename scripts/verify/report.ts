// SPDX-License-Identifier: MPL-2.0
import { cpus, release as kernelRelease, totalmem, type } from 'node:os'
import { duration } from '../ui/run-steps.ts'
import { table } from '../ui/table.ts'
import type { CellResult, ReleaseResult, VariantVerdict } from './types.ts'

/** out/reports/verify.json, and what --json prints. */
export interface VerifyReport {
  schemaVersion: 1
  command: 'verify'
  /** The end of the run. */
  date: string
  /** What to type to get it again. */
  commands: readonly string[]
  machine: { cpu: string; cores: number; kernel: string; memory: string }
  /** What belongs to it, beside it. */
  files: readonly string[]
  series: { name: string; version: number; entries: number }
  compiler: string
  libscif: { kind: string; version?: string }
  passed: boolean
  milliseconds: number
  releases: readonly ReleaseResult[]
  cells: readonly CellResult[]
  variants: readonly VariantVerdict[]
}

/** What the figures of a report were taken on. */
export function describeMachine(): VerifyReport['machine'] {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() || 'unknown',
    cores: all.length,
    kernel: `${type()} ${kernelRelease()}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
  }
}

/** Whether nothing failed; what could not be had is no failure by itself. */
export function allPassed(report: Pick<VerifyReport, 'releases' | 'cells' | 'variants'>): boolean {
  const results = [...report.releases, ...report.cells]
  return (
    results.every(({ status }) => status !== 'failed') &&
    report.variants.every(({ verdict }) => verdict !== 'unneeded')
  )
}

/** "with scif", "without", "everything". */
export function sayPlan({ scif, others }: Pick<CellResult, 'scif' | 'others'>): string {
  return others ? 'and every other' : scif ? 'with' : 'without'
}

/** The matrix as a table, with what failed below it. */
export function reportText(report: VerifyReport): string {
  const { releases, cells, variants } = report
  const rows = releases.flatMap((release) => {
    const own = cells.filter((cell) => cell.release === release.release)
    const first = [release.release, release.tree.slice(0, 12) || '-']
    const apply = release.status === 'passed' ? 'yes' : release.status
    if (own.length === 0) return [[...first, apply, '-', '-', '-', '-', '-', release.status]]
    return own.map((cell, at) => [
      ...(at === 0 ? [...first, apply] : ['', '', '']),
      cell.buildSystem,
      sayPlan(cell),
      cell.tests ? `${cell.tests.passed}/${cell.tests.failed}/${cell.tests.skipped}` : '-',
      cell.symbolsEqual === undefined ? '-' : cell.symbolsEqual ? 'upstream’s' : 'DIFFER',
      cell.remembered ? 'remembered' : duration(cell.milliseconds),
      cell.status,
    ])
  })
  const heading = ['release', 'tree', 'applies', 'built by', 'scif', 'tests p/f/s', 'symbols']
  return [
    table([...heading, 'time', 'result'], rows),
    ...notes(report),
    ...(variants.length > 0
      ? ['', table(['entry', 'variant', 'verdict', 'because'], variants.map(sayVariant))]
      : []),
  ].join('\n')
}

function sayVariant({ slug, releases, verdict, because }: VariantVerdict): string[] {
  return [slug, releases, verdict, because]
}

/** A paragraph for each release and cell that has something to tell. */
function notes({ releases, cells }: VerifyReport): string[] {
  const lines: string[] = []
  for (const { release, status, reason, checks, repair } of releases) {
    if (reason !== undefined) lines.push('', `${release}: ${status}: ${reason}`)
    const more = checks.find((check) => !check.passed)?.more
    if (more !== undefined) lines.push(more.replace(/^(?=.)/gm, '  '))
    if (repair)
      lines.push(
        `  --3way: ${repair.merged ? `${repair.reason}; see ${repair.dir}` : repair.reason}`,
      )
  }
  for (const cell of cells) {
    if (cell.with) lines.push('', `${cell.id}: built beside ${cell.with.join(', ')}`)
    if (cell.without?.length) lines.push(`  not to be had: ${cell.without.join(', ')}`)
    if (cell.flaky) lines.push('', `${cell.id}: passed only by itself: ${cell.flaky.join(', ')}`)
    for (const check of cell.checks.filter((one) => !one.passed)) {
      lines.push('', `${cell.id}: ${check.name}: ${check.detail}`)
      if (check.more) lines.push(check.more.replace(/^(?=.)/gm, '  '))
      if (check.log) lines.push(`  log: ${check.log}`)
    }
  }
  return lines
}
