// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPatch } from './build-commits.ts'
import { parsePatch } from './patch-text.ts'
import { type Repository, withScratch } from './repository.ts'

/** The part of a patch that is about one file. */
export interface Section {
  path: string
  bytes: Buffer
}

export function splitSections(bytes: Buffer): Section[] {
  const lines = bytes.toString('latin1').split('\n')
  return parsePatch(bytes).files.map((file) => {
    const text = lines.slice(file.from - 1, file.to).join('\n')
    return {
      path: file.path,
      bytes: Buffer.from(text.endsWith('\n') ? text : `${text}\n`, 'latin1'),
    }
  })
}

/**
 * The edits of one file between two commits as a section. It has no "index" line: the ids of
 * blobs differ from release to release, and a patch is to be the same for all it fits.
 */
export function makeSection(
  repo: Repository,
  from: string,
  to: string,
  path: string,
): Promise<Buffer> {
  return withScratch(repo, async (scratch) => {
    const output = join(scratch, 'diff')
    const fixed = ['--no-renames', '--no-ext-diff', '--no-textconv', '--no-color', '-U3']
    const shape = ['--src-prefix=a/', '--dst-prefix=b/', '--inter-hunk-context=0']
    const algorithm = ['--diff-algorithm=myers', '--indent-heuristic', '-O/dev/null']
    await repo.git([
      'diff-tree',
      '-r',
      '-p',
      ...[...fixed, ...shape, ...algorithm],
      `--output=${output}`,
      from,
      to,
      '--',
      `:(literal)${path}`,
    ])
    const text = (await readFile(output)).toString('latin1')
    return Buffer.from(text.replace(/^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n/m, ''), 'latin1')
  })
}

/**
 * What the paths of a patch are after it was applied to a commit, as "100644 <blob>", undefined
 * for a deleted one; or undefined for all when it does not apply.
 */
export function tryPatch(
  repo: Repository,
  commit: string,
  bytes: Buffer,
): Promise<Map<string, string | undefined> | undefined> {
  return withScratch(repo, async (scratch) => {
    const indexFile = join(scratch, 'index')
    await repo.git(['read-tree', commit], { indexFile })
    if ((await applyPatch(repo, bytes, scratch, indexFile)) !== undefined) return undefined
    const paths = parsePatch(bytes).files.map((file) => file.path)
    const after = new Map<string, string | undefined>(paths.map((path) => [path, undefined]))
    const listed = await repo.git(
      ['ls-files', '-s', '-z', '--', ...paths.map((p) => `:(literal)${p}`)],
      {
        indexFile,
      },
    )
    for (const line of listed.split('\0').filter(Boolean)) {
      const [info = '', path = ''] = line.split('\t')
      const [mode, blob] = info.split(' ')
      after.set(path, `${mode} ${blob}`)
    }
    return after
  })
}

/**
 * The bytes of a patch that turns `from` into `to` for these paths. Sections of the old patch
 * that do it already stay to the byte, in their order; undefined when there is nothing to do.
 */
export async function remakePatch(
  repo: Repository,
  old: Buffer | undefined,
  from: string,
  to: string,
  wanted: ReadonlyMap<string, string | undefined>,
): Promise<Buffer | undefined> {
  if (wanted.size === 0) return undefined
  const sections = old ? splitSections(old) : []
  if (old && sections.length === wanted.size) {
    const after = await tryPatch(repo, from, old)
    const same = [...wanted].every(([path, is]) => after?.has(path) && after.get(path) === is)
    if (same) return old
  }
  const parts: Buffer[] = []
  const left = new Set(wanted.keys())
  for (const section of sections) {
    if (!left.delete(section.path)) continue
    const after = await tryPatch(repo, from, section.bytes)
    const same = after?.has(section.path) && after.get(section.path) === wanted.get(section.path)
    parts.push(same ? section.bytes : await makeSection(repo, from, to, section.path))
  }
  for (const path of [...left].sort()) parts.push(await makeSection(repo, from, to, path))
  return Buffer.concat(parts)
}
