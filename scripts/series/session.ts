// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { buildCommits, commitTree, describe } from './build-commits.ts'
import { mergeEntry } from './merge.ts'
import { conflictError, examine } from './misfit.ts'
import type { Repository } from './repository.ts'
import { resolveSeries } from './resolve.ts'
import type { Session, State } from './state.ts'
import type { MergedFile, ResolvedEntry, Series, SeriesCommit } from './types.ts'
import { switchTo } from './worktree.ts'

/** What is being applied, and to what. */
export interface Target {
  workDir: string
  release: string
  version: string
  base: string
  baseTree: string
  series: Series
  inputs: Record<string, string>
  seriesHash: string
  line?: ((text: string) => void) | undefined
}

/** How far an apply with merges has come. */
export interface Progress {
  index: number
  parent: string
  commits: SeriesCommit[]
  strict: number | undefined
  merges: MergedFile[]
  skipped: string[]
}

/** The tree that came of it. */
export interface MergeResult {
  state: State
  /** HEAD; above state.head when something was merged. */
  head: string
  commits: readonly SeriesCommit[]
}

/**
 * Applies the series with three-way merges where it does not fit by itself. An entry that needs a
 * human stops it: the work tree is left at that entry, and a UserError (exit code 1) says what to
 * do. `from` is the commit whose files the work tree holds, without edits.
 */
export function applyMerging(
  repo: Repository,
  target: Target,
  before: State,
  from: string,
): Promise<MergeResult> {
  const progress: Progress = {
    index: 0,
    parent: target.base,
    commits: [],
    strict: undefined,
    merges: [],
    skipped: [],
  }
  return goOn(repo, target, progress, before, from)
}

/** Applies the entries from where it has come to. */
export async function goOn(
  repo: Repository,
  target: Target,
  progress: Progress,
  before: State,
  from: string,
): Promise<MergeResult> {
  const { series, base, release } = target
  const { author, date } = series
  const entries = resolveSeries(series, target.version)
  const { commits } = progress
  while (progress.index < entries.length) {
    const rest = entries.slice(progress.index)
    const built = await buildCommits(repo, { base: progress.parent, entries: rest, author, date })
    if (built.kind === 'built') {
      commits.push(...built.commits)
      progress.parent = built.head
      break
    }
    const { misfit } = built
    commits.push(...misfit.done)
    const index = progress.index + misfit.index
    const entry = entries[index] as ResolvedEntry
    progress.index = index
    progress.parent = misfit.parent
    progress.strict ??= commits.length
    if (misfit.existing) {
      const conflict = await examine(repo, { ...misfit, index }, { base, entries, release })
      throw conflictError(conflict, misfit.said, `Then: ./build apply --release ${release}`)
    }
    const merged = await mergeEntry(repo, { base, release, entries, index, parent: misfit.parent })
    if (merged.files.some((file) => file.how !== 'merged')) {
      throw await stop(repo, target, progress, entry, merged, before, from)
    }
    for (const file of merged.files) target.line?.(sayMerge(file))
    const id = await commitTree(repo, merged.tree, misfit.parent, entry, { author, date })
    takeUp(progress, id, entry, merged.files)
  }
  return finish(repo, target, progress, from)
}

/** Takes a commit that was merged, or put right, as the entry's. */
export function takeUp(
  progress: Progress,
  id: string,
  entry: ResolvedEntry,
  files: readonly MergedFile[],
): void {
  progress.commits.push(describe(id, entry))
  progress.merges.push(...files)
  progress.parent = id
  progress.index++
}

/** All entries are in or left out: the work tree gets the whole. */
async function finish(
  repo: Repository,
  target: Target,
  progress: Progress,
  from: string,
): Promise<MergeResult> {
  const { commits, merges, skipped } = progress
  const strict = commits.slice(0, progress.strict ?? commits.length)
  const { release, version, base, baseTree, seriesHash, inputs } = target
  const below = strict.at(-1)?.id ?? base
  const state: State = {
    schemaVersion: 1,
    ...{ release, version, base, baseTree, seriesHash, inputs, merges, skipped },
    head: below,
    tree: (await repo.git(['rev-parse', `${below}^{tree}`])).trim(),
    commits: strict,
  }
  await switchTo(repo, { from, to: state, head: progress.parent })
  return { state, head: progress.parent, commits }
}

async function stop(
  repo: Repository,
  target: Target,
  progress: Progress,
  entry: ResolvedEntry,
  merged: { tree: string; files: readonly MergedFile[] },
  before: State,
  from: string,
): Promise<UserError> {
  const { release, version, base, baseTree, seriesHash } = target
  const { index, parent, commits, merges, skipped } = progress
  const session: Session = {
    schemaVersion: 1,
    ...{ release, version, base, baseTree, seriesHash, before },
    ...{ index, parent, commits, merges, skipped },
    slug: entry.slug,
    strict: progress.strict ?? commits.length,
    files: merged.files,
  }
  await switchTo(repo, { from, to: before, head: parent, files: merged.tree, session })
  return stopped(session, target.workDir, 'does not go in by itself')
}

/** The error of a work tree that waits for a human. */
export function stopped(session: Session, workDir: string, why: string): UserError {
  const { release, slug, files } = session
  return new UserError({
    message: `The apply to libzmq ${release} is stopped at the entry "${slug}": it ${why}.`,
    details: [`in ${workDir}:`, ...files.map((file) => `  ${sayMerge(file)}`)].join('\n'),
    hint: [
      `When it is put right:       ./build apply --continue --release ${release}`,
      `To leave the entry out:     ./build apply --skip --release ${release}`,
      `To go back to the start:    ./build apply --abort --release ${release}`,
    ].join('\n'),
    exitCode: ExitCode.checkFailed,
  })
}

function sayMerge({ slug, path, how, basedOn, renamedTo }: MergedFile): string {
  const where = renamedTo ? `${renamedTo} (once ${path})` : path
  const by = basedOn ? ` with ${basedOn.slice(0, 12)} as the base` : ''
  return {
    merged: `${where}: merged for "${slug}"${by}`,
    conflict: `${where}: conflict markers, merged${by}`,
    marked: `${where}: marked where it seems to belong; there is no history to merge with`,
    missing: `${where}: upstream has no such file any more`,
  }[how]
}
