// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Misfit } from './build-commits.ts'
import { findBreak, findRemoval, sayCommit, type UpstreamCommit } from './history.ts'
import { findMisfits, type HunkMisfit } from './locate.ts'
import { parsePatch } from './patch-text.ts'
import { type Repository, readBlob } from './repository.ts'
import type { ResolvedEntry } from './types.ts'

/** A file of a patch that does not fit. */
export interface FileMisfit {
  path: string
  /** Line of the patch at which the file's part begins. */
  patchLine: number
  /** Upstream has no such file here. */
  missing: boolean
  /** Where upstream moved it to. */
  renamedTo?: string
  hunks: readonly HunkMisfit[]
  /** The commit of upstream that made it unfit, where its history is at hand. */
  culprit?: UpstreamCommit
}

/** What is known of a misfit; for the JSON report as it is. */
export interface Conflict {
  slug: string
  release: string
  /** "patches/glue.patch"; absent when a file that the entry adds is upstream already. */
  patch?: string
  existing?: readonly string[]
  files: readonly FileMisfit[]
  /** How much of the patch upstream has already. */
  upstream: 'all' | 'part' | 'none'
}

/** Looks into a misfit: which files and hunks, what is there instead, and which commit did it. */
export async function examine(
  repo: Repository,
  misfit: Misfit,
  where: { base: string; entries: readonly ResolvedEntry[]; release: string },
): Promise<Conflict> {
  const { entry, patch, existing, index } = misfit
  const { base, entries, release } = where
  const files: FileMisfit[] = []
  let fitting = 0
  for (const part of patch ? parsePatch(patch.bytes).files : []) {
    const bytes = await readBlob(repo, `${misfit.tree}:${part.path}`)
    const file = { path: part.path, patchLine: part.from }
    if (!bytes) {
      const removal = await findRemoval(repo, base, part.path)
      files.push({ ...file, missing: true, hunks: [], ...removal })
      continue
    }
    const hunks = findMisfits(bytes.toString('latin1'), part)
    fitting += part.hunks.length - hunks.length
    if (hunks.length === 0) continue
    const { culprit } = (await findBreak(repo, base, entries, index, part)) ?? {}
    files.push({ ...file, missing: false, hunks, ...(culprit ? { culprit } : {}) })
  }
  const hunks = files.flatMap((file) => file.hunks)
  const all = fitting === 0 && hunks.length > 0 && files.every((f) => !f.missing)
  const some = hunks.some((hunk) => hunk.already)
  return {
    ...{ slug: entry.slug, release, files },
    ...(patch ? { patch: patch.label } : {}),
    ...(existing ? { existing } : {}),
    upstream: all && hunks.every((hunk) => hunk.already) ? 'all' : some ? 'part' : 'none',
  }
}

/** The error of an entry that does not apply: where, what was expected, what is there, what to type. */
export function conflictError(conflict: Conflict, said: string, hint: string): UserError {
  const { slug, release, patch, existing, files, upstream } = conflict
  if (existing) {
    return new UserError({
      message: `The entry "${slug}" adds ${existing.join(', ')}, which libzmq ${release} has already.`,
      hint: `Drop the file from the entry in patches/series.yaml, or give it a range of releases.\n${hint}`,
      exitCode: ExitCode.checkFailed,
      cause: conflict,
    })
  }
  const details = files.map((file) => describeFile(patch ?? '', file, release))
  if (details.length === 0) details.push(said)
  const merged = {
    all: `libzmq ${release} has all of it already: drop the patch, or give it a range of releases.\n`,
    part: `libzmq ${release} has a part of it already: drop that part.\n`,
    none: '',
  }
  return new UserError({
    message: `The entry "${slug}" does not apply to libzmq ${release}: ${patch} does not fit.`,
    details: details.join('\n\n'),
    hint: `${merged[upstream]}${hint}`,
    exitCode: ExitCode.checkFailed,
    cause: conflict,
  })
}

function describeFile(label: string, file: FileMisfit, release: string): string {
  const { path, patchLine, missing, renamedTo, hunks, culprit } = file
  const by = culprit ? `\n  upstream changed it in ${sayCommit(culprit)}` : ''
  if (missing) {
    const where = renamedTo ? `; it is ${renamedTo} now` : ''
    return `${label}:${patchLine}: libzmq ${release} has no ${path}${where}.${by}`
  }
  return hunks.map((hunk) => describeHunk(label, path, hunk)).join('\n\n') + by
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
