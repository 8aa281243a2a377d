// SPDX-License-Identifier: MPL-2.0

/** What is said of a number of samples. */
export interface Summary {
  median: number
  /** The quartiles. */
  low: number
  high: number
  min: number
  max: number
}

/** The quantile by linear interpolation between the two nearest samples. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new Error('no samples')
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] ?? 0
  const above = sorted[Math.ceil(at)] ?? 0
  return below + (above - below) * (at - Math.floor(at))
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

export function summarize(samples: readonly number[]): Summary {
  return {
    median: median(samples),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    min: Math.min(...samples),
    max: Math.max(...samples),
  }
}

interface RoundSample {
  round: number
  value: number
}

/** a/b of each round in which both were measured: what disturbs a round disturbs both. */
export function pairRatios(a: readonly RoundSample[], b: readonly RoundSample[]): number[] {
  return a.flatMap(({ round, value }) => {
    const other = b.find((each) => each.round === round)
    return other && other.value > 0 ? [value / other.value] : []
  })
}

/** A difference that is less than this is none, whatever the spread. */
export const leastChange = 0.05
/** With fewer samples on a side, chance alone separates the two in more than 1 of 30 cases. */
export const leastSamples = 4

export type Verdict = 'better' | 'worse' | 'same' | 'open'

/**
 * What can be said of new samples against old ones. "better" and "worse" only when no old sample
 * lies among the new ones and the medians differ by 5 % or more; "same" when the medians differ
 * by less and so do the quartiles; everything else is open.
 */
export function judge(
  before: readonly number[],
  after: readonly number[],
  higherIsBetter: boolean,
): Verdict {
  if (before.length < leastSamples || after.length < leastSamples) return 'open'
  const [old, now] = [summarize(before), summarize(after)]
  const change = now.median / old.median - 1
  const apart = now.min > old.max || now.max < old.min
  if (apart && Math.abs(change) >= leastChange)
    return change > 0 === higherIsBetter ? 'better' : 'worse'
  const near = (ratio: number) => Math.abs(ratio - 1) < leastChange
  return near(now.median / old.median) && near(now.low / old.low) && near(now.high / old.high)
    ? 'same'
    : 'open'
}
