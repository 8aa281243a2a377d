// SPDX-License-Identifier: MPL-2.0
import type { PerfReport, Result } from './report.ts'
import { formatSize } from './sizes.ts'
import { judge, leastSamples, type Verdict } from './stats.ts'
import { markdownTable, number } from './tables.ts'

export interface Comparison {
  /** Why nothing can be said at all. */
  hindrance?: string
  lines: {
    transport: string
    measure: Result['measure']
    size: number
    before: number
    after: number
    verdict: Verdict
  }[]
}

/** A report against an earlier one: what has become better, worse, or stayed the same. */
export function compareReports(before: PerfReport, after: PerfReport): Comparison {
  const hindrance = hindranceOf(before, after)
  const lines = after.results.flatMap((now) => {
    const { transport, measure, size } = now
    const old = before.results.find(
      (r) => r.transport === transport && r.measure === measure && r.size === size,
    )
    if (!old) return []
    const values = (result: Result) => result.samples.map((sample) => sample.value)
    const verdict = hindrance ? 'open' : judge(values(old), values(now), measure === 'throughput')
    return [{ transport, measure, size, before: old.median, after: now.median, verdict }]
  })
  return { ...(hindrance ? { hindrance } : {}), lines }
}

function hindranceOf(before: PerfReport, after: PerfReport): string | undefined {
  const [old, now] = [before.machine, after.machine]
  if (old.cpu !== now.cpu || old.cores !== now.cores || old.kernel !== now.kernel)
    return `the machines differ (${old.cpu}, ${old.cores} cores, ${old.kernel}; now ${now.cpu}, ${now.cores} cores, ${now.kernel})`
  if (before.link !== after.link) return 'the link models differ'
  return undefined
}

/** The comparison as Markdown: the verdicts, and then how often there was none. */
export function describeComparison(comparison: Comparison, before: PerfReport): string {
  const { hindrance, lines } = comparison
  const head = `Against the run of ${before.date.slice(0, 16).replace('T', ' ')}, series ${before.seriesHash.slice(0, 12)}, libzmq ${before.release}:`
  if (lines.length === 0) return `${head} nothing was measured in both.\n`
  const rows = lines.map(({ transport, measure, size, before: old, after, verdict }) => [
    `${measure} of ${transport}, ${formatSize(size)}`,
    number(old),
    number(after),
    number(after / old),
    verdict === 'open' ? 'open' : verdict,
  ])
  const tally = (['better', 'worse', 'same', 'open'] as const)
    .map((verdict) => `${lines.filter((line) => line.verdict === verdict).length} ${verdict}`)
    .join(', ')
  const why = hindrance
    ? `No verdict: ${hindrance}.`
    : `${tally}. A verdict needs ${leastSamples} rounds on either side that do not overlap, and medians 5 % apart; "same" needs medians and quartiles within 5 %.`
  return `${head} ${why}\n\n${markdownTable(['', 'before', 'now', 'ratio', 'verdict'], rows)}`
}
