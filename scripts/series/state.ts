// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Repository } from './repository.ts'
import type { SeriesCommit } from './types.ts'

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
  commits: readonly SeriesCommit[]
}

/** A switch of the work tree that has begun; .git/scif/journal.json until it is done. */
export interface Journal {
  /** The commit whose files the work tree held. */
  from: string
  /** What it is to become. */
  to: State
  /** Paths with edits that are to be overwritten. */
  discarding?: readonly string[]
}

export const readState = (repo: Repository): Promise<State | undefined> =>
  readJson<State>(join(repo.own, 'state.json'))
export const writeState = (repo: Repository, state: State): Promise<void> =>
  writeJson(join(repo.own, 'state.json'), state)
export const readJournal = (repo: Repository): Promise<Journal | undefined> =>
  readJson<Journal>(join(repo.own, 'journal.json'))
export const writeJournal = (repo: Repository, journal: Journal): Promise<void> =>
  writeJson(join(repo.own, 'journal.json'), journal)
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
