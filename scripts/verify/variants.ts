// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { applyPatch } from '../series/build-commits.ts'
import { type Repository, withScratch } from '../series/repository.ts'
import { resolveSeries } from '../series/resolve.ts'
import type { AppliedTree, Input, Series } from '../series/types.ts'
import { inRange } from '../series/versions.ts'
import type { VariantVerdict } from './types.ts'

/** What another variant of the same entry would do to a release. */
export interface Trial {
  slug: string
  release: string
  version: string
  /** The range of the variant that is taken for the release, and of the other. */
  releases: string
  other: string
  /** misfit: it does not apply; same: it makes the same tree; differs: it applies, to another effect. */
  outcome: 'misfit' | 'same' | 'differs'
}

/** Tries the other variants of each entry in the place of the one that the release takes. */
export function tryVariants(repo: Repository, series: Series, work: AppliedTree): Promise<Trial[]> {
  return withScratch(repo, async (scratch) => {
    const trials: Trial[] = []
    const parents = new Map<string, string>()
    let parent = work.base
    for (const commit of work.commits) {
      parents.set(commit.slug, parent)
      parent = commit.id
    }
    const present = new Set(resolveSeries(series, work.version).map((entry) => entry.slug))
    for (const entry of series.entries) {
      const chosen = entry.variants.find((one) => inRange(work.version, one.releases))
      const base = parents.get(entry.slug)
      if (!chosen || base === undefined || !present.has(entry.slug)) continue
      const make = (patches: readonly Input[]) => treeWith(repo, scratch, base, patches)
      const expected = await make([...entry.patches, ...chosen.patches])
      for (const other of entry.variants) {
        if (other === chosen) continue
        const tree = await make([...entry.patches, ...other.patches])
        const outcome = tree === undefined ? 'misfit' : tree === expected ? 'same' : 'differs'
        const { release, version } = work
        const ranges = { releases: chosen.releases, other: other.releases }
        trials.push({ slug: entry.slug, release, version, ...ranges, outcome })
      }
    }
    return trials
  })
}

/** The tree of a commit with patches on it; undefined when one does not apply. */
async function treeWith(
  repo: Repository,
  scratch: string,
  commit: string,
  patches: readonly Input[],
): Promise<string | undefined> {
  const indexFile = join(scratch, 'trial')
  await repo.git(['read-tree', commit], { indexFile })
  for (const patch of patches)
    if ((await applyPatch(repo, patch.bytes, scratch, indexFile)) !== undefined) return undefined
  return (await repo.git(['write-tree'], { indexFile })).trim()
}

/**
 * Which variants are needed. One is not when another one makes the same of every release in its
 * range; that can only be said when all of them were looked at. `known` are the versions of all
 * releases that there are.
 */
export function judgeVariants(
  series: Series,
  trials: readonly Trial[],
  known: readonly string[],
): VariantVerdict[] {
  return series.entries.flatMap(({ slug, variants }) =>
    variants.length < 2
      ? []
      : variants.map(({ releases }): VariantVerdict => {
          const own = trials.filter((one) => one.slug === slug && one.releases === releases)
          const others = variants.map((one) => one.releases).filter((one) => one !== releases)
          const rivals = others.filter((other) =>
            own.filter((one) => one.other === other).every((one) => one.outcome === 'same'),
          )
          const looked = [...new Set(own.map((one) => one.release))].join(', ')
          const missing = known.filter(
            (version) => inRange(version, releases) && !own.some((one) => one.version === version),
          )
          if (own.length > 0 && rivals.length === 0)
            return { slug, releases, verdict: 'needed', because: describe(own) }
          if (own.length === 0 || missing.length > 0) {
            const what = missing.length > 0 ? missing.join(', ') : 'a release of its range'
            return { slug, releases, verdict: 'unproven', because: `not looked at: ${what}` }
          }
          const because = `the variant for ${rivals[0]} makes the same of ${looked}`
          return { slug, releases, verdict: 'unneeded', because }
        }),
  )
}

function describe(trials: readonly Trial[]): string {
  const words = { misfit: 'does not apply', differs: 'makes something else', same: '' }
  const others = [...new Set(trials.map((one) => one.other))]
  return others
    .map((other) => {
      const one = trials.find((each) => each.other === other && each.outcome !== 'same')
      return one ? `on ${one.release} the variant for ${other} ${words[one.outcome]}` : ''
    })
    .filter(Boolean)
    .join('; ')
}
