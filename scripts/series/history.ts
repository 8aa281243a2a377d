// SPDX-License-Identifier: MPL-2.0
import { applyHunks } from './locate.ts'
import { type FilePatch, parsePatch } from './patch-text.ts'
import { type Repository, readBlob } from './repository.ts'
import type { ResolvedEntry } from './types.ts'

/** A commit of upstream, for people. */
export interface UpstreamCommit {
  id: string
  author: string
  /** "2026-03-18" */
  date: string
  subject: string
}

/** Where a patch of a file still fitted, and what came then. */
export interface Break {
  /** The commit after which it no longer fits. */
  culprit: UpstreamCommit
  /** The file before that commit with the earlier entries' edits, and with this one's too. */
  before: { commit: string; without: string; with: string }
}

/** How many commits of a file's history are looked through. */
const depth = 2000

/**
 * Finds the last commit of upstream that made a patch of a file unfit. The earlier entries' edits
 * of the same file count as a part of it. Undefined when the history is not at hand, or when the
 * patch fits nowhere in it.
 */
export async function findBreak(
  repo: Repository,
  base: string,
  entries: readonly ResolvedEntry[],
  index: number,
  patch: FilePatch,
): Promise<Break | undefined> {
  const { path } = patch
  const log = ['log', `--max-count=${depth}`, '--format=%H', base, '--', `:(literal)${path}`]
  const commits = (await repo.git(log)).split('\n').filter(Boolean)
  const earlier = editsBefore(entries, index, patch)
  const fits = async (at: number): Promise<Break['before'] | undefined> => {
    const commit = commits[at] ?? ''
    const text = (await readBlob(repo, `${commit}:${path}`))?.toString('latin1')
    const without = earlier.reduce<string | undefined>(
      (before, edit) => (before === undefined ? undefined : applyHunks(before, edit)),
      text,
    )
    const made = without === undefined ? undefined : applyHunks(without, patch)
    if (without === undefined || made === undefined) return undefined
    return { commit, without, with: made }
  }
  // Ever greater steps back until it fits, then the border between: few looks, the newest break.
  let unfit = 0
  let step = 1
  let found: Break['before'] | undefined
  let at = 0
  while (!found) {
    at = Math.min(unfit + step, commits.length - 1)
    if (at <= unfit) return undefined
    found = await fits(at)
    if (!found) {
      unfit = at
      step *= 2
    }
  }
  while (at - unfit > 1) {
    const middle = Math.floor((at + unfit) / 2)
    const before = await fits(middle)
    if (before) {
      at = middle
      found = before
    } else {
      unfit = middle
    }
  }
  return { culprit: await describeCommit(repo, commits[unfit] ?? ''), before: found }
}

/** What the entries before, and the same entry's earlier patches, do to the same file. */
function editsBefore(
  entries: readonly ResolvedEntry[],
  index: number,
  patch: FilePatch,
): FilePatch[] {
  return entries
    .slice(0, index)
    .flatMap((entry) => entry.patches)
    .flatMap((input) => parsePatch(input.bytes).files)
    .filter((file) => file.path === patch.path)
}

/** The commit that took a file away, and where it moved the file to, if it did. */
export async function findRemoval(
  repo: Repository,
  base: string,
  path: string,
): Promise<{ culprit: UpstreamCommit; renamedTo?: string } | undefined> {
  const log = ['log', '--max-count=1', '--diff-filter=D', '--no-renames', '--format=%H']
  const id = (await repo.git([...log, base, '--', `:(literal)${path}`])).trim()
  if (id === '') return undefined
  const moved = await repo.git([
    'diff-tree',
    '-r',
    '-z',
    '-M',
    '--diff-filter=R',
    '--name-status',
    `${id}^`,
    id,
  ])
  const fields = moved.split('\0')
  const at = fields.findIndex((field, i) => field === path && /^R\d+$/.test(fields[i - 1] ?? ''))
  const renamedTo = at < 0 ? undefined : fields[at + 1]
  return { culprit: await describeCommit(repo, id), ...(renamedTo ? { renamedTo } : {}) }
}

export async function describeCommit(repo: Repository, id: string): Promise<UpstreamCommit> {
  const line = await repo.git([
    'log',
    '-1',
    '--date=format:%Y-%m-%d',
    '--format=%an%x00%ad%x00%s',
    id,
  ])
  const [author = '', date = '', subject = ''] = line.trimEnd().split('\0')
  return { id, author, date, subject }
}

export function sayCommit({ id, author, date, subject }: UpstreamCommit): string {
  return `${id.slice(0, 12)} (${date}, ${author}: ${subject})`
}
