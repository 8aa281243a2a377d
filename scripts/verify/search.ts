// SPDX-License-Identifier: MPL-2.0

export type Verdict = 'good' | 'bad' | 'skip'

/** Where things turned bad. */
export interface Turn {
  /** The first that is bad. */
  at: number
  /** The last that is good; -1 for the one before the first. Between them all had to be skipped. */
  good: number
}

/**
 * Finds the first bad one among `count` in a row, the last of which is known to be bad, and the
 * one before the first known to be good: as few looks as there are bits in the count. One that
 * says nothing (skip) is passed over for its nearest neighbour.
 */
export async function findTurn(
  count: number,
  look: (at: number) => Promise<Verdict>,
): Promise<Turn> {
  let good = -1
  let bad = count - 1
  const skipped = new Set<number>()
  for (;;) {
    const middle = nearest(good, bad, skipped)
    if (middle === undefined) return { at: bad, good }
    const verdict = await look(middle)
    if (verdict === 'skip') skipped.add(middle)
    else if (verdict === 'bad') bad = middle
    else good = middle
  }
}

/** The one nearest to the middle of what is strictly between that has not been skipped. */
function nearest(good: number, bad: number, skipped: ReadonlySet<number>): number | undefined {
  const middle = Math.floor((good + bad) / 2)
  for (let distance = 0; distance <= bad - good; distance++)
    for (const at of [middle - distance, middle + distance])
      if (at > good && at < bad && !skipped.has(at)) return at
  return undefined
}
