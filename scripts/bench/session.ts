// SPDX-License-Identifier: MPL-2.0
import { calibrate } from './calibrate.ts'
import { measure, type Session } from './measure.ts'
import type { Measure, Problem, Result, Sample } from './report.ts'
import { formatSize } from './sizes.ts'
import { summarize } from './stats.ts'
import type { Target } from './targets.ts'

export interface Settings {
  targets: readonly Target[]
  sizes: readonly number[]
  rounds: number
  /** Seconds for everything; no round is begun that would not end in time. */
  secondsAll: number
  /** Seconds of one measurement, without starting and ending the programs. */
  secondsEach: number
  /** Bytes that messages on their way may take. */
  memory: number
}

export interface Rounds {
  results: Result[]
  problems: Problem[]
  roundsDone: number
}

export interface Watcher {
  /** "round 2 of 5: latency of scif, 4 KiB", and seconds that the rest will take. */
  at(text: string, secondsLeft: number): void
  problem(problem: Problem): void
}

const measures: readonly Measure[] = ['throughput', 'latency']
/** Starting and ending the programs, seconds. */
const overhead = 0.2
/** Milliseconds: what takes so much longer than the rest hangs. */
const leastTimeout = 6_000
/** After so many a thing is not tried any more. */
const hangsEnough = 3

/** Seconds of a measurement so that all rounds, calibration and counting fit into the time. */
export function secondsEach(
  settings: Pick<Settings, 'targets' | 'sizes' | 'rounds' | 'secondsAll'>,
): number {
  const series = settings.targets.length * settings.sizes.length * measures.length
  // Calibrating takes a quarter of a measurement and starts the programs twice, counting some.
  const measurements = series * (settings.rounds + 0.25)
  const starts = series * (settings.rounds + 3)
  const left = settings.secondsAll * 0.9 - starts * overhead
  return Math.min(2, Math.max(0.02, left / measurements))
}

interface Series {
  target: Target
  measure: Measure
  size: number
  count: number
  samples: Sample[]
  hangs: number
}

/**
 * Measures everything in rounds. Within a round the transports take turns at each size, in
 * another order each round, so that whatever else the machine does meets all of them.
 */
export async function runRounds(
  settings: Settings,
  session: Session,
  watcher: Watcher,
  clock: () => number,
): Promise<Rounds> {
  const start = clock()
  const all: Series[] = settings.sizes.flatMap((size) =>
    measures.flatMap((measure) =>
      settings.targets.map((target) => ({
        target,
        measure,
        size,
        count: 0,
        samples: [],
        hangs: 0,
      })),
    ),
  )
  const problems: Problem[] = []
  const fail = (series: Series, round: number, kind: Problem['kind'], message: string) => {
    if (kind === 'hang') series.hangs++
    const { target, measure, size } = series
    const problem = { transport: target.transport, measure, size, round, kind, message }
    problems.push(problem)
    watcher.problem(problem)
  }
  const timeout = Math.max(leastTimeout, settings.secondsEach * 20_000)
  const limits = { seconds: settings.secondsEach, memory: settings.memory, timeout }
  const perRound = (settings.secondsEach + overhead) * all.length
  const estimate = (roundsLeft: number) => roundsLeft * perRound

  for (const [index, series] of all.entries()) {
    const { target, measure, size } = series
    const left = estimate(settings.rounds + 0.4 * (1 - index / all.length))
    watcher.at(`warming up: ${measure} of ${target.transport}, ${formatSize(size)}`, left)
    // A hang now and then is worth telling, but no reason to do without the figure.
    for (let attempt = 1; series.count === 0 && attempt <= 2; attempt++) {
      const outcome = await calibrate(target, measure, size, limits, session)
      if ('count' in outcome) series.count = outcome.count
      else fail(series, 0, outcome.kind, outcome.message)
    }
  }
  const begun = clock()
  let roundsDone = 0
  for (let round = 1; round <= settings.rounds; round++) {
    const took = roundsDone > 0 ? (clock() - begun) / roundsDone : perRound
    if (roundsDone > 0 && clock() - start + took > settings.secondsAll) break
    for (const [index, series] of turns(all, settings.targets.length, round).entries()) {
      if (series.count === 0 || series.hangs >= hangsEnough) continue
      const { target, measure: what, size, count } = series
      const left = took * (settings.rounds - round + 1 - index / all.length)
      watcher.at(
        `round ${round} of ${settings.rounds}: ${what} of ${target.transport}, ${formatSize(size)}`,
        left,
      )
      const outcome = await measure(target, what, size, count, timeout, session)
      if (outcome.kind === 'figures') {
        const { value, seconds, usage } = outcome
        series.samples.push({ round, value, seconds, ...(usage ? { usage } : {}) })
      } else {
        fail(series, round, outcome.kind, outcome.message)
      }
    }
    roundsDone = round
  }
  return { results: all.flatMap(resultOf), problems, roundsDone }
}

/** The series with each group of transports turned by one more each round. */
function turns(all: readonly Series[], width: number, round: number): Series[] {
  const turned: Series[] = []
  for (let first = 0; first < all.length; first += width) {
    const group = all.slice(first, first + width)
    const by = round % width
    turned.push(...group.slice(by), ...group.slice(0, by))
  }
  return turned
}

function resultOf({ target, measure, size, count, samples }: Series): Result[] {
  if (samples.length === 0) return []
  const summary = summarize(samples.map((sample) => sample.value))
  return [
    {
      transport: target.transport,
      measure,
      size,
      count,
      unit: measure === 'throughput' ? 'msg/s' : 'us',
      ...summary,
      ...(measure === 'throughput' ? { megabytesPerSecond: (summary.median * size) / 1e6 } : {}),
      samples,
    },
  ]
}
