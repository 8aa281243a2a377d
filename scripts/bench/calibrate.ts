// SPDX-License-Identifier: MPL-2.0
import { type Measured, measure, type Session, type Unmeasured } from './measure.ts'
import type { Measure } from './report.ts'
import type { Target } from './targets.ts'

/** Messages that can be on their way at once: the water marks of both ends, and some. */
const onTheWay = 2100
/** So few that starting and ending count. */
const fewest = { throughput: 10, latency: 5 }
/** What the programs take for a count. */
const most = 2 ** 30

/** The most messages whose memory, should all be on their way, stays below the budget (bytes). */
export function mostMessages(size: number, memory: number): number {
  return onTheWay * size <= memory ? most : Math.max(fewest.throughput, Math.floor(memory / size))
}

/** How many messages, or round trips, make a measurement of so many seconds. */
export function countFor(
  what: Measure,
  size: number,
  value: number,
  seconds: number,
  memory: number,
): number {
  const wanted = what === 'throughput' ? value * seconds : (seconds * 1e6) / (2 * value)
  const limit = what === 'throughput' ? mostMessages(size, memory) : most
  return Math.round(Math.min(limit, Math.max(fewest[what], wanted)))
}

/** Before anything is known: what takes some milliseconds. */
export function firstCount(what: Measure, size: number, memory: number): number {
  const wanted = what === 'throughput' ? 4e7 / size : 1e6 / size
  const limit = what === 'throughput' ? Math.min(20_000, mostMessages(size, memory)) : 200
  return Math.round(Math.max(fewest[what], Math.min(limit, wanted)))
}

/**
 * Finds the number of messages for a measurement of `seconds`, in two steps, as the first
 * messages tell little: the queues fill, memory is touched for the first time. It is the warm-up,
 * too: what it measures is thrown away.
 */
export async function calibrate(
  target: Target,
  what: Measure,
  size: number,
  limits: { seconds: number; memory: number; timeout: number },
  session: Session,
): Promise<{ count: number } | Unmeasured> {
  const { seconds, memory, timeout } = limits
  let count = firstCount(what, size, memory)
  for (const part of [0.25, 1]) {
    const outcome: Measured | Unmeasured = await measure(
      target,
      what,
      size,
      count,
      timeout,
      session,
    )
    if (outcome.kind !== 'figures') return outcome
    const next = countFor(what, size, outcome.value, seconds * part, memory)
    // What took long enough is known well enough.
    if (part < 1 && outcome.seconds >= seconds * part)
      return { count: countFor(what, size, outcome.value, seconds, memory) }
    count = next
  }
  return { count }
}
