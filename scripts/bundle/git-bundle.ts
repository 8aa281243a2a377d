// SPDX-License-Identifier: MPL-2.0
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Objects } from './objects.ts'

export interface GitBundleOptions {
  base: string
  head: string
  branch: string
}

/**
 * Writes a git bundle with the commits from base to head, which needs the base where it is fetched
 * into. `git bundle create` takes over deltas as they happen to lie in the repository and divides
 * the work among threads; the pack is made here so that the same commits give the same bytes.
 */
export async function writeGitBundle(
  objects: Objects,
  file: string,
  { base, head, branch }: GitBundleOptions,
): Promise<void> {
  const made = await objects.git(
    [
      'pack-objects',
      '--quiet',
      '--revs',
      '--threads=1',
      '--no-reuse-delta',
      '--no-reuse-object',
      '--window=10',
      '--depth=50',
      '--compression=9',
      `${file}.pack`,
    ],
    { input: `${head}\n^${base}\n` },
  )
  const pack = `${file}.pack-${made.trim()}`
  const header = `# v2 git bundle\n-${base}\n${head} refs/heads/${branch}\n\n`
  const bytes = await readFile(`${pack}.pack`)
  for (const end of ['pack', 'idx', 'rev']) await rm(`${pack}.${end}`, { force: true })
  await writeFile(`${file}.new`, Buffer.concat([Buffer.from(header), bytes]))
  await rename(`${file}.new`, file)
  await objects.git(['bundle', 'verify', '--quiet', file])
}

/** Makes the commits of another bundle known here; gives its head. */
export async function readGitBundle(
  objects: Objects,
  file: string,
  branch: string,
): Promise<string | undefined> {
  const ref = 'refs/previous/head'
  const spec = `+refs/heads/${branch}:${ref}`
  const fetched = await objects.try(['fetch', '--quiet', '--no-tags', file, spec])
  if (fetched.exitCode !== 0) return undefined
  return (await objects.git(['rev-parse', ref])).trim()
}

/** How two versions of a series differ, commit by commit. */
export function rangeDiff(
  objects: Objects,
  before: { base: string; head: string },
  after: { base: string; head: string },
): Promise<string> {
  return objects.git([
    'range-diff',
    '--no-color',
    '--creation-factor=60',
    `${before.base}..${before.head}`,
    `${after.base}..${after.head}`,
  ])
}
