// SPDX-License-Identifier: MPL-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Identity } from '../system/git.ts'
import { type Repository, withScratch } from './repository.ts'
import type { Input, ResolvedEntry, SeriesCommit } from './types.ts'

/** Where the series does not fit: the entry, and what of it. */
export interface Misfit {
  /** Index into the resolved entries. */
  index: number
  entry: ResolvedEntry
  /** The commit that the entry was to stand on. */
  parent: string
  /** The commits that were made before. */
  done: readonly SeriesCommit[]
  /** The tree to which this patch does not apply: the parent with the entry's earlier patches. */
  tree: string
  /** The patch; absent when a file that the entry adds is upstream already. */
  patch?: Input
  /** Files that the entry adds and upstream has. */
  existing?: readonly string[]
  /** What git said. */
  said: string
}

export type BuildResult =
  | { kind: 'built'; commits: readonly SeriesCommit[]; head: string; tree: string }
  | { kind: 'misfit'; misfit: Misfit }

export interface BuildOptions {
  base: string
  entries: readonly ResolvedEntry[]
  author: Identity
  date: string
}

/** The line of a commit message that names its entry. */
export const trailer = 'Series-Entry'

/**
 * Makes one commit per entry in the object database alone: no work tree, no index and no ref is
 * touched. Patches apply strictly: at another line if need be, but with all of their context.
 */
export function buildCommits(repo: Repository, options: BuildOptions): Promise<BuildResult> {
  return withScratch(repo, async (scratch) => {
    const indexFile = join(scratch, 'index')
    const index = { indexFile }
    await repo.git(['read-tree', options.base], index)
    const listed = await repo.git(['ls-files', '-z'], index)
    const upstream = new Set(listed.split('\0'))
    const commits: SeriesCommit[] = []
    let parent = options.base
    let tree = ''
    const writeTree = async (): Promise<string> => (await repo.git(['write-tree'], index)).trim()
    const misfit = async (
      more: Pick<Misfit, 'said' | 'patch' | 'existing'>,
      at: number,
    ): Promise<BuildResult> => {
      const entry = options.entries[at] as ResolvedEntry
      tree = await writeTree()
      return { kind: 'misfit', misfit: { index: at, entry, parent, done: commits, tree, ...more } }
    }
    for (const [at, entry] of options.entries.entries()) {
      const existing = entry.files.map((file) => file.to).filter((path) => upstream.has(path))
      if (existing.length > 0) return misfit({ existing, said: '' }, at)
      for (const patch of entry.patches) {
        const said = await applyPatch(repo, patch.bytes, scratch, indexFile)
        if (said !== undefined) return misfit({ patch, said }, at)
      }
      await addFiles(repo, entry, scratch, indexFile)
      tree = await writeTree()
      const id = await commitTree(repo, tree, parent, entry, options)
      commits.push(describe(id, entry))
      parent = id
    }
    return { kind: 'built', commits, head: parent, tree }
  })
}

/** Applies a patch to an index; gives what git said when it does not fit, and changes nothing then. */
export async function applyPatch(
  repo: Repository,
  bytes: Buffer,
  scratch: string,
  indexFile: string,
): Promise<string | undefined> {
  const path = join(scratch, 'patch')
  await writeFile(path, bytes)
  const result = await repo.try(['apply', '--cached', path], { indexFile })
  return result.exitCode === 0 ? undefined : result.stderr.trimEnd() || `exit ${result.exitCode}`
}

/** Puts the files that an entry adds into an index. */
export async function addFiles(
  repo: Repository,
  entry: ResolvedEntry,
  scratch: string,
  indexFile: string,
): Promise<void> {
  if (entry.files.length === 0) return
  // From copies of the bytes that were read and hashed, not from files that may have changed since.
  const copies: string[] = []
  for (const [i, file] of entry.files.entries()) {
    const copy = join(scratch, 'files', String(i))
    await mkdir(dirname(copy), { recursive: true })
    await writeFile(copy, file.input.bytes)
    copies.push(copy)
  }
  const hashed = await repo.git(['hash-object', '-w', '--no-filters', '--stdin-paths'], {
    input: `${copies.join('\n')}\n`,
  })
  const ids = hashed.trim().split('\n')
  const info = entry.files.map(
    (file, i) => `${file.executable ? '100755' : '100644'} ${ids[i]}\t${file.to}\0`,
  )
  await repo.git(['update-index', '-z', '--index-info'], { indexFile, input: info.join('') })
}

/** Commits a tree as an entry's commit. */
export async function commitTree(
  repo: Repository,
  tree: string,
  parent: string,
  entry: Pick<ResolvedEntry, 'slug' | 'message'>,
  options: Pick<BuildOptions, 'author' | 'date'>,
): Promise<string> {
  const id = await repo.git(['commit-tree', tree, '-p', parent, '-F', '-'], {
    input: `${entry.message}\n${trailer}: ${entry.slug}\n`,
    author: options.author,
    date: options.date,
  })
  return id.trim()
}

export function describe(id: string, entry: ResolvedEntry): SeriesCommit {
  const subject = entry.message.split('\n', 1)[0] ?? ''
  return { id, slug: entry.slug, subject, ...(entry.variant ? { variant: entry.variant } : {}) }
}
