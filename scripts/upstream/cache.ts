// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isGone, uniqueName } from '../system/identity.ts'
import type { Env } from '../system/run.ts'
import { unlessFull } from './disk-error.ts'
import { createScratch, hashTree, type Scratch, writeTree } from './tree-id.ts'
import type { RouteName } from './types.ts'

/** Where a cached tree came from; stands beside it as trees/<tree>.json. */
export interface Provenance {
  schemaVersion: 1
  route: RouteName
  /** A URL, a package version, a path. */
  from: string
  /** sha256 of the archive, where there was one. */
  sha256?: string
  /** ISO 8601, UTC. */
  fetchedAt: string
}

/**
 * The cache below <out>/cache: trees/<tree id>/ holds verified trees, git/ mirrors, tmp/ what
 * runs are at work on. Something has its final name only once it is whole and verified.
 */
export interface Cache {
  dir: string
  env: Env
  signal: AbortSignal
  now: () => Date
  line: (text: string) => void
}

const day = 24 * 60 * 60 * 1000

export function treeDir(cache: Cache, tree: string): string {
  return join(cache.dir, 'trees', tree)
}

/** Runs `use` with a new temporary folder of this run, and removes it after. */
export async function withTemp<T>(cache: Cache, use: (temp: string) => Promise<T>): Promise<T> {
  const temp = join(cache.dir, 'tmp', uniqueName())
  await mkdir(temp, { recursive: true })
  try {
    return await use(temp)
  } catch (error) {
    throw await unlessFull(error, temp)
  } finally {
    await rm(temp, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Removes what killed runs have left in tmp/; what live runs are at work on stays. */
export async function removeStale(cache: Cache): Promise<void> {
  const tmp = join(cache.dir, 'tmp')
  for (const name of await readdir(tmp).catch(() => [])) {
    const path = join(tmp, name)
    const age = cache.now().getTime() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0)
    if (!isGone(name) && age < day) continue
    // Two runs may clean at once, and a child of the killed run may still be writing.
    await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

/**
 * True when the tree is in the cache and is still, byte for byte, what its name says. One that is
 * not was edited by somebody: it is put aside, not deleted, and does not count.
 */
export async function hasTree(cache: Cache, tree: string): Promise<boolean> {
  const dir = treeDir(cache, tree)
  if (!existsSync(dir)) return false
  const actual = await withTemp(cache, async (temp) => hashTree(await scratchIn(cache, temp), dir))
  if (actual === tree && !existsSync(join(dir, '.git'))) return true
  const aside = `${dir}.changed-${cache
    .now()
    .toISOString()
    .replaceAll(/[^0-9]/g, '')}`
  await rename(dir, aside).catch(ignore('ENOENT'))
  cache.line(`the cached tree ${tree} had been changed; put aside as ${aside}`)
  return false
}

/** The git tree id of a folder. */
export function treeOf(cache: Cache, dir: string): Promise<string> {
  return withTemp(cache, async (temp) => hashTree(await scratchIn(cache, temp), dir))
}

/**
 * Takes an unpacked tree into the cache and returns its id. `check` sees the id first and throws
 * when it is not what was expected; then nothing gets in. What gets in is written out from git's
 * objects, so that it has exactly the files of the tree: no owners, no odd modes, no other entries.
 */
export async function admitTree(
  cache: Cache,
  temp: string,
  hash: (scratch: Scratch) => Promise<string>,
  check: (tree: string) => void,
): Promise<string> {
  const scratch = await scratchIn(cache, temp)
  const tree = await hash(scratch)
  check(tree)
  if (await hasTree(cache, tree)) return tree
  const made = join(temp, 'tree')
  await writeTree(scratch, tree, made)
  await mkdir(join(cache.dir, 'trees'), { recursive: true })
  // Another run may have been faster; then its tree, the same one, stays.
  await rename(made, treeDir(cache, tree)).catch(ignore('ENOTEMPTY', 'EEXIST'))
  return tree
}

export async function readProvenance(cache: Cache, tree: string): Promise<Provenance | undefined> {
  const text = await readFile(`${treeDir(cache, tree)}.json`, 'utf8').catch(() => undefined)
  try {
    const value = JSON.parse(text ?? 'null') as Provenance | null
    return value?.schemaVersion === 1 ? value : undefined
  } catch {
    return undefined
  }
}

export async function writeProvenance(
  cache: Cache,
  tree: string,
  value: Provenance,
): Promise<void> {
  await writeJson(cache, `${treeDir(cache, tree)}.json`, value)
}

/** Writes a JSON file that readers see either whole or not at all. */
export function writeJson(cache: Cache, path: string, value: unknown): Promise<void> {
  return withTemp(cache, async (temp) => {
    const file = join(temp, 'json')
    await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`)
    await rename(file, path)
  })
}

function scratchIn(cache: Cache, temp: string): Promise<Scratch> {
  return createScratch(join(temp, 'scratch.git'), { env: cache.env, signal: cache.signal })
}

function ignore(...codes: string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error
  }
}
