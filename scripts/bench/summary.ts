// SPDX-License-Identifier: MPL-2.0
import { facts, table } from '../ui/table.ts'
import { compareReports, describeComparison } from './compare.ts'
import type { Measure, PerfReport } from './report.ts'
import { formatSize } from './sizes.ts'
import { number } from './tables.ts'

/** What the terminal shows of a run: medians, what went wrong, where the rest is. */
export function summaryText(
  report: PerfReport,
  before: PerfReport | undefined,
  warning: string | undefined,
  page: string,
): string {
  return [
    ...(warning ? [warning, ''] : []),
    'throughput, messages per second (medians)',
    medians(report, 'throughput'),
    '',
    'latency, microseconds one way (medians)',
    medians(report, 'latency'),
    '',
    ...(before ? [describeComparison(compareReports(before, report), before)] : []),
    ...report.problems.map(
      ({ kind, transport, measure, size, message }) =>
        `${kind.toUpperCase()}: ${measure} of ${transport}, ${formatSize(size)}: ${message}`,
    ),
    facts([
      ['libzmq', `${report.release}, series ${report.seriesHash.slice(0, 12)}`],
      ['machine', `${report.machine.cpu}, ${report.machine.cores} cores`],
      ['rounds', `${report.settings.roundsDone} of ${report.settings.rounds}`],
      ['page', page],
    ]),
  ].join('\n')
}

function medians(report: PerfReport, measure: Measure): string {
  const results = report.results.filter((result) => result.measure === measure)
  const transports = report.settings.transports.filter((transport) =>
    results.some((result) => result.transport === transport),
  )
  const sizes = [...new Set(results.map((result) => result.size))].sort((a, b) => a - b)
  const rows = sizes.map((size) => [
    formatSize(size),
    ...transports.map((transport) => {
      const found = results.find((r) => r.transport === transport && r.size === size)
      return found ? number(found.median) : '-'
    }),
  ])
  return table(['size', ...transports], rows)
}
