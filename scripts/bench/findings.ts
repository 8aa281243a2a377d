// SPDX-License-Identifier: MPL-2.0
import { type Ratio, ratiosOf } from './figures.ts'
import type { Measure, PerfReport } from './report.ts'
import { formatSize } from './sizes.ts'
import { number } from './tables.ts'

/**
 * What a run says of scif against ipc and tcp, in sentences. Better or worse only where the ratios
 * of all rounds, which are enough, lie on one side of 1, and the median is well away from it.
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
  const better = ratios.filter((ratio) => verdict(ratio) > 0)
  const worse = ratios.filter((ratio) => verdict(ratio) < 0)
  const open = ratios.filter((ratio) => verdict(ratio) === 0)
  const parts = [
    part(better, 'better', (values) => Math.max(...values)),
    part(worse, 'worse', (values) => Math.min(...values)),
    open.length > 0 ? `not to be told apart at ${list(open)}` : '',
  ].filter(Boolean)
  const name = measure === 'throughput' ? 'Throughput' : 'Latency'
  return `${name} against ${against}: ${parts.join('; ')}.`
}

/** Rounds that a verdict takes: by chance all of four lie on one side once in eight times. */
export const leastRounds = 4
/** What the median has to differ by, as a factor. */
const leastFactor = 1.05

/** Above 0 for better, below 0 for worse, 0 where it can't be told. */
function verdict({ value, rounds }: Ratio): number {
  const [least = 1] = rounds
  const most = rounds.at(-1) ?? 1
  if (rounds.length < leastRounds) return 0
  if (least > 1 && value >= leastFactor) return 1
  return most < 1 && value <= 1 / leastFactor ? -1 : 0
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
