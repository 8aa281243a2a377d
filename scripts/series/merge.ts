// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addFiles, applyPatch } from './build-commits.ts'
import { findBreak, findRemoval } from './history.ts'
import { applyHunks, findMisfits } from './locate.ts'
import { type FilePatch, hunkSides, parsePatch } from './patch-text.ts'
import { type Repository, readBlob, withScratch } from './repository.ts'
import { splitSections } from './sections.ts'
import type { Input, MergedFile, ResolvedEntry } from './types.ts'

export interface MergedEntry {
  /** With all that the entry makes, as far as it goes; conflict markers and all. */
  tree: string
  files: readonly MergedFile[]
}

export interface MergeWhere {
  base: string
  release: string
  entries: readonly ResolvedEntry[]
  index: number
  /** The commit that the entry is to stand on. */
  parent: string
}

/**
 * Makes an entry's tree although a patch of it does not fit: what fits goes in as ever, the rest
 * by three-way merge with the last version of the file that it fitted.
 */
export function mergeEntry(repo: Repository, where: MergeWhere): Promise<MergedEntry> {
  const entry = where.entries[where.index] as ResolvedEntry
  return withScratch(repo, async (scratch) => {
    const indexFile = join(scratch, 'index')
    await repo.git(['read-tree', where.parent], { indexFile })
    const files: MergedFile[] = []
    for (const input of entry.patches) {
      if ((await applyPatch(repo, input.bytes, scratch, indexFile)) === undefined) continue
      files.push(...(await mergePatch(repo, where, input, scratch, indexFile)))
    }
    await addFiles(repo, entry, scratch, indexFile)
    return { tree: (await repo.git(['write-tree'], { indexFile })).trim(), files }
  })
}

async function mergePatch(
  repo: Repository,
  where: MergeWhere,
  input: Input,
  scratch: string,
  indexFile: string,
): Promise<MergedFile[]> {
  const parsed = parsePatch(input.bytes).files
  const merged: MergedFile[] = []
  for (const [i, section] of splitSections(input.bytes).entries()) {
    if ((await applyPatch(repo, section.bytes, scratch, indexFile)) === undefined) continue
    const patch = parsed[i] as FilePatch
    const { path, content, file } = await mergeFile(repo, where, input, patch, scratch, indexFile)
    merged.push(file)
    if (content === undefined) continue
    const copy = join(scratch, 'merged')
    await writeFile(copy, content)
    const id = (await repo.git(['hash-object', '-w', '--no-filters', copy])).trim()
    const listed = await repo.git(['ls-files', '-s', '--', `:(literal)${path}`], { indexFile })
    const mode = listed.slice(0, 6)
    await repo.git(['update-index', '--cacheinfo', `${mode},${id},${path}`], { indexFile })
  }
  return merged
}

interface Merge {
  path: string
  /** Undefined when there is nothing to put anywhere. */
  content: Buffer | undefined
  file: MergedFile
}

async function mergeFile(
  repo: Repository,
  where: MergeWhere,
  input: Input,
  patch: FilePatch,
  scratch: string,
  indexFile: string,
): Promise<Merge> {
  const slug = (where.entries[where.index] as ResolvedEntry).slug
  const removal = await readBlob(repo, `:${patch.path}`, { indexFile }).then((found) =>
    found ? undefined : findRemoval(repo, where.base, patch.path),
  )
  const renamedTo = removal?.renamedTo
  const path = renamedTo ?? patch.path
  const known = { slug, path: patch.path, ...(renamedTo ? { renamedTo } : {}) }
  const current = await readBlob(repo, `:${path}`, { indexFile })
  if (!current) return { path, content: undefined, file: { ...known, how: 'missing' } }
  const text = current.toString('latin1')
  const moved = renamedTo === undefined ? undefined : applyHunks(text, patch)
  if (moved !== undefined)
    return { path, content: Buffer.from(moved, 'latin1'), file: { ...known, how: 'merged' } }
  const { base, entries, index } = where
  const before = (await findBreak(repo, base, entries, index, patch))?.before
  if (!before) {
    const marked = markHunks(text, patch, where.release, `${slug} (${input.label})`)
    return { path, content: Buffer.from(marked, 'latin1'), file: { ...known, how: 'marked' } }
  }
  const folder = join(scratch, 'merge')
  await mkdir(folder, { recursive: true })
  const paths = ['ours', 'base', 'theirs'].map((name) => join(folder, name))
  const texts = [text, before.without, before.with]
  for (const [i, to] of paths.entries()) await writeFile(to, texts[i] ?? '', 'latin1')
  const labels = [`libzmq ${where.release}`, before.commit.slice(0, 12), `${slug} (${input.label})`]
  const flags = ['--diff3', ...labels.flatMap((label) => ['-L', label])]
  const done = await repo.try(['merge-file', ...flags, ...paths])
  const content = await readFile(paths[0] as string)
  const how = done.exitCode === 0 ? 'merged' : 'conflict'
  return { path, content, file: { ...known, how, basedOn: before.commit } }
}

/** Puts in the hunks that fit, and the others as conflicts where the file is most like them. */
function markHunks(text: string, patch: FilePatch, release: string, label: string): string {
  const misfits = new Map(findMisfits(text, patch).map((misfit) => [misfit.hunk, misfit]))
  const fitting = { ...patch, hunks: patch.hunks.filter((hunk) => !misfits.has(hunk)) }
  const lines = (applyHunks(text, fitting) ?? text).split('\n')
  for (const { hunk, already } of misfits.values()) {
    if (already) continue
    const [again] = findMisfits(lines.join('\n'), { ...patch, hunks: [hunk] })
    const at = again?.found ? again.found.line - 1 : 0
    const there = again?.found?.lines ?? []
    lines.splice(
      at,
      there.length,
      `<<<<<<< libzmq ${release}`,
      ...there,
      '=======',
      ...hunkSides(hunk).new,
      `>>>>>>> ${label}`,
    )
  }
  return lines.join('\n')
}
