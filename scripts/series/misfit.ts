// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Misfit } from './build-commits.ts'
import { findMisfits, type HunkMisfit } from './locate.ts'
import { parsePatch } from './patch-text.ts'
import { type Repository, readBlob } from './repository.ts'

/** A file of a patch that does not fit. */
export interface FileMisfit {
  path: string
  /** Line of the patch at which the file's part begins. */
  patchLine: number
  /** Upstream has no such file here. */
  missing: boolean
  hunks: readonly HunkMisfit[]
}

/** The files of a misfit's patch, each with the hunks that have no place. */
export async function examine(repo: Repository, misfit: Misfit): Promise<FileMisfit[]> {
  if (!misfit.patch) return []
  const files: FileMisfit[] = []
  for (const part of parsePatch(misfit.patch.bytes).files) {
    const bytes = await readBlob(repo, `${misfit.tree}:${part.path}`)
    const hunks = bytes ? findMisfits(bytes.toString('latin1'), part) : []
    if (!bytes || hunks.length > 0)
      files.push({ path: part.path, patchLine: part.from, missing: !bytes, hunks })
  }
  return files
}

/** The error of an entry that does not apply: where, what was expected, what is there, what to type. */
export function misfitError(
  misfit: Misfit,
  files: readonly FileMisfit[],
  release: string,
  hint: string,
): UserError {
  const { entry, patch, existing, said } = misfit
  if (existing) {
    return new UserError({
      message: `The entry "${entry.slug}" adds ${existing.join(', ')}, which libzmq ${release} has already.`,
      hint: `Drop the file from the entry in patches/series.yaml, or give it a range of releases.\n${hint}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  const details = files.map((file) => describeFile(patch?.label ?? '', file, release))
  if (details.length === 0) details.push(said)
  const all = files.flatMap((file) => file.hunks)
  const merged =
    all.length > 0 && files.every((file) => !file.missing) && all.every((h) => h.already)
  return new UserError({
    message: `The entry "${entry.slug}" does not apply to libzmq ${release}: ${patch?.label} does not fit.`,
    details: details.join('\n\n'),
    hint: merged
      ? `What it changes is in libzmq ${release} already: give it a range of releases, or drop it.\n${hint}`
      : hint,
    exitCode: ExitCode.checkFailed,
  })
}

function describeFile(label: string, file: FileMisfit, release: string): string {
  if (file.missing) return `${label}:${file.patchLine}: libzmq ${release} has no ${file.path}.`
  return file.hunks.map((hunk) => describeHunk(label, file.path, hunk)).join('\n\n')
}

function describeHunk(label: string, path: string, misfit: HunkMisfit): string {
  const { hunk, number, expected, found, already } = misfit
  const head = `${label}:${hunk.at}: hunk ${number} of ${path} has no place (it was made for line ${hunk.oldStart}).`
  if (already) return `${head}\n  What it makes is there already.`
  const show = (lines: readonly string[]): string[] =>
    lines.map((line) => `    ${Buffer.from(line, 'latin1').toString('utf8')}`)
  return [
    head,
    '  expected:',
    ...show(expected),
    ...(found
      ? [`  found at line ${found.line}:`, ...show(found.lines)]
      : ['  nothing like it is in the file.']),
  ].join('\n')
}
