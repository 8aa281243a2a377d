// SPDX-License-Identifier: MPL-2.0
import {
  cpuPerGigabyte,
  modelWarning,
  originOf,
  type Ratio,
  ratiosOf,
  switchesPerMessage,
} from './figures.ts'
import type { Measure, PerfReport, Result } from './report.ts'
import { formatSize } from './sizes.ts'

/** One line per sample, for a spreadsheet. */
export function toCsv(report: PerfReport): string {
  const head =
    'transport,measure,size_bytes,count,round,value,unit,measured_seconds,cpu_user_seconds,cpu_system_seconds,voluntary_switches,involuntary_switches,max_rss_bytes,link_model'
  const lines = report.results.flatMap(({ transport, measure, size, count, unit, samples }) =>
    samples.map(({ round, value, seconds, usage }) =>
      [
        transport,
        measure,
        size,
        count,
        round,
        value,
        unit,
        seconds,
        usage?.user ?? '',
        usage?.system ?? '',
        usage?.voluntary ?? '',
        usage?.involuntary ?? '',
        usage?.maxRss ?? '',
        report.link ?? '',
      ].join(','),
    ),
  )
  return `${[head, ...lines].join('\n')}\n`
}

/** The figures as Markdown: medians, with the quartiles behind them. */
export function toMarkdown(report: PerfReport): string {
  const warning = modelWarning(report)
  const parts = [
    originOf(report),
    ...(warning ? [`**${warning}**`] : []),
    '#### Throughput, messages per second\n',
    byTransport(report, 'throughput'),
    '#### Latency, microseconds one way\n',
    byTransport(report, 'latency'),
    '#### scif against the others\n',
    ratioTable(report),
    '#### What it costs\n',
    costTable(report),
    ...problemList(report),
  ]
  return `${parts.join('\n').replaceAll(/\n(#### )/g, '\n\n$1')}\n`
}

function transportsOf(report: PerfReport, measure: Measure): string[] {
  const measured = new Set(
    report.results.filter((r) => r.measure === measure).map((r) => r.transport),
  )
  return report.settings.transports.filter((transport) => measured.has(transport))
}

function sizesOf(report: PerfReport): number[] {
  return [...new Set(report.results.map((r) => r.size))].sort((a, b) => a - b)
}

/** Medians with quartiles: a row per size, a column per transport. */
export function byTransport(report: PerfReport, measure: Measure): string {
  const transports = transportsOf(report, measure)
  const cell = (size: number) => (transport: string) => {
    const found = report.results.find(
      (r) => r.transport === transport && r.measure === measure && r.size === size,
    )
    return found ? spread(found) : 'not measured'
  }
  return markdownTable(
    ['size', ...transports],
    sizesOf(report).map((size) => [formatSize(size), ...transports.map(cell(size))]),
  )
}

/** scif against the others, throughput and latency, above 1 in favour of scif. */
export function ratioTable(report: PerfReport): string {
  const thr = ratiosOf(report, 'throughput')
  const lat = ratiosOf(report, 'latency')
  const names = [...new Set([...thr, ...lat].map((ratio) => ratio.against))]
  if (names.length === 0) return 'Nothing was measured to hold it against.\n'
  const find = (ratios: readonly Ratio[], against: string, size: number) => {
    const ratio = ratios.find((each) => each.against === against && each.size === size)
    return ratio ? `${number(ratio.value)} (${number(ratio.low)}–${number(ratio.high)})` : ''
  }
  return markdownTable(
    ['size', ...names.map((n) => `throughput, ${n}`), ...names.map((n) => `latency, ${n}`)],
    sizesOf(report).map((size) => [
      formatSize(size),
      ...names.map((name) => find(thr, name, size)),
      ...names.map((name) => find(lat, name, size)),
    ]),
  )
}

/** Processor time, context switches, system calls and kernel copies of each transport. */
export function costTable(report: PerfReport): string {
  const { systemCalls, kernelCopies, systemCallsNote, kernelCopiesNote } = report.counters
  const rows = report.results
    .filter((result) => result.measure === 'throughput')
    .sort((a, b) => a.size - b.size)
    .map((result) => {
      const same = (other: { transport: string; size: number }) =>
        other.transport === result.transport && other.size === result.size
      const calls = systemCalls.find((c) => c.measure === 'throughput' && same(c))?.perMessage
      const copies = kernelCopies.find(same)?.perByte
      return [
        formatSize(result.size),
        result.transport,
        optional(cpuPerGigabyte(result)?.value),
        optional(switchesPerMessage(result)?.value),
        optional(calls),
        copies === undefined ? '' : copies.toFixed(2),
      ]
    })
  const notes = [
    systemCallsNote ? `System calls: ${systemCallsNote}.` : '',
    kernelCopiesNote ? `Bytes through the kernel: ${kernelCopiesNote}.` : '',
  ].filter(Boolean)
  const heading = [
    'size',
    'transport',
    'CPU s/GB',
    'switches/message',
    'system calls/message',
    'bytes through the kernel/byte',
  ]
  return `${markdownTable(heading, rows)}${notes.length > 0 ? `\n${notes.join('\n')}\n` : ''}`
}

/** Hangs and failures; nothing when there were none. */
export function problemList(report: PerfReport): string[] {
  if (report.problems.length === 0) return []
  return [
    '#### What did not go well\n',
    ...report.problems.map(
      ({ transport, measure, size, round, kind, message }) =>
        `- ${kind === 'hang' ? 'HANG' : 'FAILURE'}: ${measure} of ${transport}, ${formatSize(size)}, ${round === 0 ? 'warming up' : `round ${round}`}: ${message.replaceAll('|', '\\|')}`,
    ),
  ]
}

export function markdownTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = `|${heading.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`
  return `${[line(heading), rule, ...rows.map(line)].join('\n')}\n`
}

function spread({ median, low, high }: Result): string {
  return `${number(median)} (${number(low)}–${number(high)})`
}

const optional = (value: number | undefined) => (value === undefined ? '' : number(value))

/** Three digits are what such figures have. */
export function number(value: number): string {
  if (value === 0) return '0'
  const rounded = Number(value.toPrecision(3))
  return rounded >= 1000
    ? rounded.toLocaleString('en-US', { maximumFractionDigits: 0 })
    : String(rounded >= 0.001 ? rounded : rounded.toExponential())
}
