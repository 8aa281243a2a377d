// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawChart } from './chart.ts'
import { compareReports, describeComparison } from './compare.ts'
import { readEvidence } from './evidence.ts'
import { chartsOf } from './figures.ts'
import { renderPage } from './page.ts'
import { openDrawing } from './plot.ts'
import type { PerfReport } from './report.ts'
import { toCsv, toMarkdown } from './tables.ts'

export interface RenderOptions {
  /** Where the files go, and where those of the other commands are. */
  reports: string
  /** An earlier report to hold this one against. */
  before?: PerfReport | undefined
}

/** Names of the files that a report is rendered into, but for the charts. */
export const pageName = 'report.html'

/**
 * Writes perf.json, perf.csv, perf.md, a chart for each figure and the page with all of it. The
 * same report makes the same files, but for what the page tells of other commands.
 * @returns the report with the names of its files
 */
export async function renderReport(
  given: PerfReport,
  { reports, before }: RenderOptions,
): Promise<PerfReport> {
  mkdirSync(reports, { recursive: true })
  const drawing = await openDrawing()
  const charts = chartsOf(given).map((chart) => ({ chart, svg: drawChart(chart, drawing) }))
  const svgs = charts.map(({ chart, svg }) => [`perf-${chart.id}.svg`, svg] as const)
  const comparison = before && describeComparison(compareReports(before, given), before)
  const files = ['perf.csv', 'perf.md', ...svgs.map(([name]) => name), pageName]
  const report = { ...given, files }
  const markdown = `${toMarkdown(report)}${comparison ? `\n#### Against an earlier run\n\n${comparison}` : ''}`
  const page = renderPage({
    report,
    charts,
    evidence: readEvidence(reports),
    ...(comparison ? { comparison } : {}),
  })
  const write = (name: string, text: string) => writeFileSync(join(reports, name), text)
  for (const [name, svg] of svgs) write(name, svg)
  write('perf.csv', toCsv(report))
  write('perf.md', markdown)
  write(pageName, page)
  write('perf.json', `${JSON.stringify(report, null, 1)}\n`)
  return report
}
