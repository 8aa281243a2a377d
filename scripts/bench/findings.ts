// SPDX-License-Identifier: MPL-2.0
import { type Ratio, ratiosOf } from './figures.ts'
import type { Measure, PerfReport } from './report.ts'
import { formatSize } from './sizes.ts'
import { number } from './tables.ts'

/**
 * What a run says of scif against ipc and tcp, in sentences. Better or worse only where the
 * quartiles of the rounds' ratios lie on one side of 1.
 */
export function findings(report: PerfReport): string[] {
  return (['throughput', 'latency'] as const).flatMap((measure) =>
    (['ipc', 'tcp'] as const).flatMap((against) => {
      const ratios = ratiosOf(report, measure).filter((ratio) => ratio.against === against)
      return ratios.length > 0 ? [sentence(measure, against, ratios)] : []
    }),
  )
}

function sentence(measure: Measure, against: string, ratios: readonly Ratio[]): string {
  const better = ratios.filter(({ low }) => low > 1)
  const worse = ratios.filter(({ high }) => high < 1)
  const open = ratios.filter(({ low, high }) => low <= 1 && high >= 1)
  const parts = [
    part(better, 'better', (values) => Math.max(...values)),
    part(worse, 'worse', (values) => Math.min(...values)),
    open.length > 0 ? `not to be told apart at ${list(open)}` : '',
  ].filter(Boolean)
  const name = measure === 'throughput' ? 'Throughput' : 'Latency'
  return `${name} against ${against}: ${parts.join('; ')}.`
}

function part(
  ratios: readonly Ratio[],
  word: string,
  furthest: (values: number[]) => number,
): string {
  if (ratios.length === 0) return ''
  const value = furthest(ratios.map((ratio) => ratio.value))
  const at = ratios.find((ratio) => ratio.value === value)
  return `${word} at ${list(ratios)} (${number(value)} times as good at ${formatSize(at?.size ?? 0)})`
}

const list = (ratios: readonly Ratio[]) => ratios.map(({ size }) => formatSize(size)).join(', ')
