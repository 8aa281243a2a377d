// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Repository } from './repository.ts'
import type { MergedFile, SeriesCommit } from './types.ts'

/** What apply left in a work tree; .git/scif/state.json. */
export interface State {
  schemaVersion: 1
  release: string
  version: string
  base: string
  baseTree: string
  head: string
  tree: string
  seriesHash: string
  /** Name and digest of everything that made the series. */
  inputs: Record<string, string>
  /** Those that the series makes by itself. */
  commits: readonly SeriesCommit[]
  /** Files that a merge, or a human after it, put right in commits above these. */
  merges?: readonly MergedFile[]
  /** Entries that were left out. */
  skipped?: readonly string[]
}

/** An apply that is stopped at an entry; .git/scif/session.json. */
export interface Session {
  schemaVersion: 1
  release: string
  version: string
  base: string
  baseTree: string
  /** Of the series that is being applied. */
  seriesHash: string
  /** The entry, as an index and by name. */
  index: number
  slug: string
  /** The commit that it is to stand on, and those made so far. */
  parent: string
  commits: readonly SeriesCommit[]
  /** How many of them the series makes by itself: all up to the first that was merged. */
  strict: number
  merges: readonly MergedFile[]
  skipped: readonly string[]
  /** What is to be resolved. */
  files: readonly MergedFile[]
  /** What the work tree was before. */
  before: State
}

/** A switch of the work tree that has begun; .git/scif/journal.json until it is done. */
export interface Journal {
  /** The commit whose files the work tree held. */
  from: string
  /** What it is to become. */
  to: State
  /** Paths with edits that are to be overwritten. */
  discarding?: readonly string[]
  /** The commit for HEAD, when it is above what the series makes by itself. */
  head?: string
  /** The tree for the files and the index, when it is not that of HEAD. */
  files?: string
  /** The session that this begins or goes on with. */
  session?: Session
}

export const readState = (repo: Repository): Promise<State | undefined> =>
  readJson<State>(join(repo.own, 'state.json'))
export const writeState = (repo: Repository, state: State): Promise<void> =>
  writeJson(join(repo.own, 'state.json'), state)
export const readJournal = (repo: Repository): Promise<Journal | undefined> =>
  readJson<Journal>(join(repo.own, 'journal.json'))
export const writeJournal = (repo: Repository, journal: Journal): Promise<void> =>
  writeJson(join(repo.own, 'journal.json'), journal)
export const readSession = (repo: Repository): Promise<Session | undefined> =>
  readJson<Session>(join(repo.own, 'session.json'))
export const writeSession = (repo: Repository, session: Session): Promise<void> =>
  writeJson(join(repo.own, 'session.json'), session)
export const removeSession = (repo: Repository): Promise<void> =>
  rm(join(repo.own, 'session.json'), { force: true })
export const removeJournal = (repo: Repository): Promise<void> =>
  rm(join(repo.own, 'journal.json'), { force: true })

/** The value in a JSON file; undefined when there is none. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error) => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as T)
}

/** Writes a JSON file whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`)
  await rename(temporary, path)
}
