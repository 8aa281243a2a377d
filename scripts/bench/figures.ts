// SPDX-License-Identifier: MPL-2.0
import type { Chart, Point } from './chart.ts'
import type { Measure, PerfReport, Result } from './report.ts'
import { resultsOf } from './report.ts'
import { median, pairRatios, quantile, summarize } from './stats.ts'
import { isPeer } from './targets.ts'

/** What scif is held against. */
const rivals = ['ipc', 'tcp', 'inproc', 'ring'] as const

export interface Ratio {
  /** What is held against it. */
  against: string
  size: number
  /** Medians and quartiles of the ratios of each round; above 1 scif is better. */
  value: number
  low: number
  high: number
  /** Those of all rounds, ascending. */
  rounds: number[]
}

/** scif against the others, round by round: above 1 it is so many times as good. */
export function ratiosOf(report: PerfReport, measure: Measure): Ratio[] {
  return rivals.flatMap((against) =>
    resultsOf(report, 'scif', measure).flatMap((own) => {
      const other = resultsOf(report, against, measure).find(({ size }) => size === own.size)
      if (!other) return []
      const ratios =
        measure === 'throughput'
          ? pairRatios(own.samples, other.samples)
          : pairRatios(other.samples, own.samples)
      if (ratios.length === 0) return []
      return [
        {
          against,
          size: own.size,
          value: median(ratios),
          low: quantile(ratios, 0.25),
          high: quantile(ratios, 0.75),
          rounds: ratios.sort((a, b) => a - b),
        },
      ]
    }),
  )
}

/** Processor seconds of both ends for 1 GB of messages. */
export function cpuPerGigabyte({ samples, size, count }: Result): Spread | undefined {
  return spreadOf(
    samples.flatMap(({ usage }) => (usage ? [usage.user + usage.system] : [])),
    1e9 / (size * count),
  )
}

/** Context switches of both ends per message; a round trip is two messages. */
export function switchesPerMessage({ samples, measure, count }: Result): Spread | undefined {
  return spreadOf(
    samples.flatMap(({ usage }) => (usage ? [usage.voluntary + usage.involuntary] : [])),
    1 / (measure === 'latency' ? 2 * count : count),
  )
}

/** Median and quartiles. */
interface Spread {
  value: number
  low: number
  high: number
}

function spreadOf(samples: readonly number[], factor: number): Spread | undefined {
  if (samples.length === 0) return undefined
  const { median: value, low, high } = summarize(samples)
  return { value: factor * value, low: factor * low, high: factor * high }
}

/** Machine, date and series of a figure, in a line. */
export function originOf(report: PerfReport): string {
  const { machine, date, seriesHash, release, libscif, settings } = report
  const scif = libscif.kind === 'soft' ? 'SoftSCIF' : `libscif ${libscif.version ?? ''}`.trim()
  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtualization === 'virtual' ? ' (virtual)' : ''}`,
    machine.kernel,
    date.slice(0, 10),
    `libzmq ${release}`,
    scif,
    `series ${seriesHash.slice(0, 12)}`,
    `${settings.roundsDone} rounds`,
  ].join(' · ')
}

/** What has to stand on every figure of a run with the link model. */
export function modelWarning(report: PerfReport): string | undefined {
  return report.link === null
    ? undefined
    : `MODEL: SOFTSCIF_LINK=${report.link} slows scif down by calculation; no card was measured.`
}

/** The figures of a report; those that nothing was measured for are left out. */
export function chartsOf(report: PerfReport): Chart[] {
  const warning = modelWarning(report)
  const common = { origin: originOf(report), ...(warning ? { warning } : {}) }
  const quartiles = 'the bars are the quartiles of the rounds'
  const charts: Chart[] = [
    {
      ...common,
      id: 'throughput',
      title: 'Throughput in messages',
      axis: 'messages per second',
      caption: `More is better. Medians; ${quartiles}. Both scales are logarithmic.`,
      scale: 'log',
      points: pointsOf(report, 'throughput', () => 1),
    },
    {
      ...common,
      id: 'bandwidth',
      title: 'Throughput in bytes',
      axis: 'GB per second (1 GB is 1,000,000,000 bytes)',
      caption: `More is better. Medians; ${quartiles}. inproc, which only hands over pointers, is left out.`,
      scale: 'log',
      points: pointsOf(report, 'throughput', (size) => size / 1e9).filter(
        ({ transport }) => transport !== 'inproc',
      ),
    },
    {
      ...common,
      id: 'latency',
      title: 'Latency, one way',
      axis: 'microseconds',
      caption: `Less is better. Medians; ${quartiles}. Both scales are logarithmic.`,
      scale: 'log',
      points: pointsOf(report, 'latency', () => 1),
    },
    ...(['throughput', 'latency'] as const).map(
      (measure): Chart => ({
        ...common,
        id: `ratio-${measure}`,
        title: `scif against the others: ${measure}`,
        axis: 'times as good (at 2, scif moves twice as much, or takes half as long)',
        caption: `Above the line scif is better. Medians of the ratios of each round; ${quartiles}.`,
        scale: 'log',
        mark: 1,
        names: Object.fromEntries(rivals.map((name) => [name, `scif against ${name}`])),
        // inproc and the bare ring are in the table; here they would flatten what is to be seen.
        points: ratiosOf(report, measure)
          .filter(({ against }) => against === 'ipc' || against === 'tcp')
          .map(({ against, size, value, low, high }) => {
            return { transport: against, size, value, low, high }
          }),
      }),
    ),
    {
      ...common,
      id: 'cpu',
      title: 'Processor time',
      axis: 'processor seconds of both ends per GB of messages',
      caption:
        'Less is better. Medians; the bars are the quartiles of the rounds. Both scales are logarithmic.',
      scale: 'log',
      points: derived(report, 'throughput', cpuPerGigabyte),
    },
    {
      ...common,
      id: 'switches',
      title: 'Context switches',
      axis: 'context switches of both ends per message, throughput',
      caption:
        'Less is better. Medians; the bars are the quartiles of the rounds. Both scales are logarithmic.',
      scale: 'log',
      points: derived(report, 'throughput', switchesPerMessage),
    },
    {
      ...common,
      id: 'system-calls',
      title: 'System calls',
      axis: 'system calls of both ends per message, throughput',
      caption: `Less is better. Counted once, in runs of their own, by ${report.counters.systemCallsBy}.`,
      scale: 'log',
      points: report.counters.systemCalls
        .filter(({ measure, perMessage }) => measure === 'throughput' && perMessage > 0)
        .map(({ transport, size, perMessage }) => ({ transport, size, value: perMessage })),
    },
  ]
  return charts
    .map((chart) => ({ ...chart, points: chart.points.filter(({ value }) => value > 0) }))
    .filter(({ points }) => points.length > 0)
}

function pointsOf(report: PerfReport, measure: Measure, factor: (size: number) => number): Point[] {
  return report.results
    .filter((result) => result.measure === measure)
    .map(({ transport, size, median: value, low, high }) => ({
      transport,
      size,
      value: value * factor(size),
      low: low * factor(size),
      high: high * factor(size),
    }))
}

/** Peers are left out: these figures tell how libzmq's transports differ. */
function derived(
  report: PerfReport,
  measure: Measure,
  value: (result: Result) => Spread | undefined,
): Point[] {
  return report.results.flatMap((result) => {
    const of = result.measure === measure && !isPeer(result.transport) ? value(result) : undefined
    return of === undefined ? [] : [{ transport: result.transport, size: result.size, ...of }]
  })
}
