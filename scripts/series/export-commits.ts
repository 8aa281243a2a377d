// SPDX-License-Identifier: MPL-2.0
import * as v from 'valibot'
import { ExitCode, UserError } from '../ui/errors.ts'
import { type Assigned, bothChanged, type ExportWork } from './export-work.ts'
import type { TreeCommit } from './read-commits.ts'
import { messageSchema } from './schema.ts'
import type { State } from './state.ts'
import type { Series } from './types.ts'

/**
 * Which entry each commit is: by its trailer; without one the entry that has no commit any more
 * and did the same (a reworded commit loses its trailer easily); else a new one.
 */
export function assignCommits(
  commits: readonly TreeCommit[],
  before: readonly TreeCommit[],
  series: Series,
  state: State,
  notes: string[],
): Assigned[] {
  const known = new Map(series.entries.map((entry) => [entry.slug, entry]))
  const lost = findLost(commits, before, known)
  const made = new Set(state.commits.map((commit) => commit.id))
  const applied = new Set(state.commits.map((commit) => commit.slug))
  const taken = new Set<string>()
  return commits.map((commit): Assigned => {
    const own = commit.slug ?? lost.get(commit.id)
    if (own !== undefined && !taken.has(own) && (known.has(own) || applied.has(own))) {
      taken.add(own)
      if (commit.slug === undefined)
        notes.push(
          `the commit ${commit.id.slice(0, 12)} has no trailer; by its files it is the entry "${own}"`,
        )
      const entry = known.get(own)
      const untouched = made.has(commit.id)
      if (!entry && !untouched) throw bothChanged(`The entry "${own}" of series.yaml`)
      return { commit, slug: own, entry, untouched }
    }
    const slug = newSlug(commit.message, new Set([...taken, ...known.keys(), ...applied]))
    taken.add(slug)
    const from = own === undefined ? '' : `, split from "${own}"`
    notes.push(`the commit ${commit.id.slice(0, 12)} is the new entry "${slug}"${from}`)
    return { commit, slug, entry: undefined, untouched: false }
  })
}

/** Commits without a trailer, with the entries that they are by what they do. */
function findLost(
  commits: readonly TreeCommit[],
  before: readonly TreeCommit[],
  known: ReadonlyMap<string, unknown>,
): Map<string, string> {
  const found = new Map<string, string>()
  const open = new Map<string, TreeCommit>()
  for (const commit of before) if (commit.slug !== undefined) open.set(commit.slug, commit)
  for (const { slug } of commits) if (slug !== undefined) open.delete(slug)
  const exactly = ({ changes }: TreeCommit) => JSON.stringify(changes)
  const files = ({ changes }: TreeCommit) => JSON.stringify(changes.map((one) => one.path))
  for (const look of [exactly, files]) {
    for (const commit of commits) {
      if (commit.slug !== undefined || found.has(commit.id)) continue
      for (const [slug, old] of open) {
        if (!known.has(slug) || look(old) !== look(commit)) continue
        found.set(commit.id, slug)
        open.delete(slug)
        break
      }
    }
  }
  return found
}

/** "Problem: nothing builds scif" becomes "nothing-builds-scif". */
export function newSlug(message: string, taken: ReadonlySet<string>): string {
  const subject = message.split('\n', 1)[0] ?? ''
  const words = subject
    .replace(/^Problem: */, '')
    .toLowerCase()
    .replace(/['’]/g, '')
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
  let slug = ''
  for (const word of words) {
    if (slug.length + word.length > 48) break
    slug = slug ? `${slug}-${word}` : word
  }
  const name = slug || 'entry'
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`
    if (!taken.has(candidate)) return candidate
  }
}

/** Refuses a commit that no entry of a series can be. */
export function checkCommit(work: ExportWork, { commit, untouched }: Assigned): void {
  if (untouched) return
  const where = `${commit.id.slice(0, 12)} in ${work.repo.workDir}`
  const rebase = `git -C ${work.repo.workDir} rebase -i refs/scif/base`
  const wrong = v.safeParse(messageSchema, commit.message).issues?.[0]
  if (wrong) {
    throw new UserError({
      message: `The message of the commit ${where} will not do: ${wrong.message}.`,
      details: commit.message.trimEnd(),
      hint: `Reword it: ${rebase}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  for (const { path, status, after } of commit.changes) {
    const isUpstreams = work.basePaths.has(path)
    if (isUpstreams && status === 'A') {
      throw new UserError({
        message: `The commit ${where} brings back ${path}, which an earlier commit deletes.`,
        hint: `Join the two: ${rebase}`,
        exitCode: ExitCode.checkFailed,
      })
    }
    if (!isUpstreams && after && !/^100(644|755) /.test(after)) {
      throw new UserError({
        message: `The commit ${where} adds ${path}, which is no plain file.`,
        hint: `The series can only add plain files; make it one: ${rebase}`,
        exitCode: ExitCode.checkFailed,
      })
    }
  }
}
