// SPDX-License-Identifier: MPL-2.0
import { YAML } from 'zx'
import { ExitCode, UserError } from '../ui/errors.ts'
import { trailer } from './build-commits.ts'
import { bothChanged, drop, type ExportWork, isNewer } from './export-work.ts'
import { type EntryText, renderEntry } from './manifest-text.ts'
import { seriesInputs } from './resolve.ts'
import type { Entry } from './types.ts'
import { inRange } from './versions.ts'

/**
 * The entries of series.yaml in the order of the commits: dropped ones out, new ones in, and those
 * that only other releases have where they were.
 */
export function arrangeEntries(work: ExportWork, written: readonly EntryText[]): EntryText[] {
  const order = work.assigned.map(({ slug }) => slug)
  const gone = new Set([
    ...dropEntries(work, new Set(order)),
    ...written.map(({ slug }) => slug).filter((slug) => isEmpty(work, slug)),
  ])
  for (const slug of gone) work.texts.delete(slug)
  const kept = written.map(({ slug }) => slug).filter((slug) => !gone.has(slug))
  const known = order.filter((slug) => kept.includes(slug))
  const applied = work.state.commits.map(({ slug }) => slug).filter((slug) => known.includes(slug))
  // As long as the commits stand as they were applied, so does what the disk says of their order.
  const moved = applied.some((slug, i) => known[i] !== slug)
  const queue = [...known]
  const arranged = moved
    ? kept.map((slug) => (known.includes(slug) ? (queue.shift() ?? slug) : slug))
    : kept
  if (moved) work.notes.push('the order of the entries changed')
  for (const [index, slug] of order.entries()) {
    const fresh = work.fresh.get(slug)
    if (!fresh) continue
    const { commit } = work.assigned[index] ?? {}
    const before = order.slice(0, index).findLast((one) => arranged.includes(one))
    arranged.splice(before === undefined ? 0 : arranged.indexOf(before) + 1, 0, slug)
    work.texts.set(slug, renderEntry(slug, commit?.message ?? '', fresh.patch, fresh.files))
  }
  return arranged.flatMap((slug) => work.texts.get(slug) ?? [])
}

/** Entries that were applied and have no commit any more, with their files. */
function dropEntries(work: ExportWork, present: ReadonlySet<string>): string[] {
  const now = seriesInputs(work.series, work.state.version)
  const dropped = work.state.commits.map(({ slug }) => slug).filter((slug) => !present.has(slug))
  for (const slug of dropped) {
    const entry = work.series.entries.find((one) => one.slug === slug)
    if (!entry) continue
    const name = `entry ${slug}`
    if (isNewer(work, name, now[name] ?? ''))
      throw bothChanged(`The entry "${slug}" of series.yaml`)
    if (!work.drop) refuseOthers(work, entry)
    work.notes.push(`the entry "${slug}" has no commit any more and is dropped`)
    const variants = entry.variants.flatMap((variant) => variant.patches)
    for (const input of [...entry.patches, ...variants]) drop(work, input)
    // Those of this version went with the commit; others have nobody left who adds them.
    const text = work.texts.get(slug)?.text ?? ''
    const [left] = YAML.parse(text) as [{ files?: (string | { from: string })[] }]
    for (const item of left.files ?? []) {
      const from = typeof item === 'string' ? item : item.from
      const file = entry.files.find(({ input }) => input.path.endsWith(`/${from}`))
      if (file) drop(work, file.input)
    }
  }
  return dropped
}

/** What only other releases have of an entry does not go by the way. */
function refuseOthers({ state, repo }: ExportWork, entry: Entry): void {
  const { version, release } = state
  const inputs = [
    ...entry.variants
      .filter(({ releases }) => !inRange(version, releases))
      .flatMap(({ patches }) => patches),
    ...entry.files
      .filter(({ releases }) => releases && !inRange(version, releases))
      .map(({ input }) => input),
  ]
  if (inputs.length === 0) return
  throw new UserError({
    message: `The entry "${entry.slug}" has no commit any more, but other releases have patches or files of it.`,
    details: inputs.map((input) => `  ${input.label}`).join('\n'),
    hint: [
      `If a commit is still that entry, add the line "${trailer}: ${entry.slug}" to its message: git -C ${repo.workDir} rebase -i refs/scif/base`,
      `To drop it from all releases:   ./build export --drop --release ${release}`,
    ].join('\n'),
    exitCode: ExitCode.checkFailed,
  })
}

/** An entry from which everything was taken. */
function isEmpty(work: ExportWork, slug: string): boolean {
  const [entry] = YAML.parse(work.texts.get(slug)?.text ?? '') as [Record<string, unknown>]
  if (entry.patch || entry.variants || entry.files) return false
  work.notes.push(`the entry "${slug}" has nothing left to do and is dropped`)
  return true
}
