// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { buildCommits, commitTree, describe } from './build-commits.ts'
import { mergeEntry } from './merge.ts'
import { conflictError, examine } from './misfit.ts'
import type { Repository } from './repository.ts'
import { resolveSeries } from './resolve.ts'
import type { Session, State } from './state.ts'
import type { MergedFile, ResolvedEntry, Series, SeriesCommit } from './types.ts'
import { findEdits, keepAside, switchTo } from './worktree.ts'

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
interface Progress {
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

async function goOn(
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

function takeUp(
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

/** Takes the work tree, put right by hand, as the entry's commit, and goes on. */
export async function continueSession(
  repo: Repository,
  target: Target,
  session: Session,
): Promise<MergeResult> {
  const entry = sameSeries(target, session)
  const edits = await findEdits(repo, session.parent)
  if (edits.moved || edits.underWay) {
    throw new UserError({
      message: `HEAD of ${repo.workDir} is no longer where the apply stopped.`,
      hint: `Put it back, and keep the files: git -C ${repo.workDir} reset --soft ${session.parent.slice(0, 12)}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  const marked: string[] = []
  for (const { path, renamedTo, how } of session.files) {
    const text = await readFile(join(repo.workDir, renamedTo ?? path), 'latin1').catch(() => '')
    if (how !== 'missing' && /^(<{7}|>{7}|\|{7}) /m.test(text)) marked.push(renamedTo ?? path)
  }
  if (marked.length > 0) {
    throw new UserError({
      message: `There are still conflict markers in ${marked.join(', ')}.`,
      details: `in ${repo.workDir}`,
      hint: `Put these files right, then: ./build apply --continue --release ${session.release}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  await repo.git(['add', '-u'])
  const tree = (await repo.git(['write-tree'])).trim()
  if (tree === (await repo.git(['rev-parse', `${session.parent}^{tree}`])).trim()) {
    throw new UserError({
      message: `Nothing is left of the entry "${session.slug}".`,
      hint: `Leave it out: ./build apply --skip --release ${session.release}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  const { author, date } = target.series
  const id = await commitTree(repo, tree, session.parent, entry, { author, date })
  const progress = progressOf(session)
  takeUp(progress, id, entry, session.files)
  return goOn(repo, target, progress, session.before, tree)
}

/** Leaves the entry out and goes on; what was edited meanwhile stays in refs/scif/kept-edits. */
export async function skipSession(
  repo: Repository,
  target: Target,
  session: Session,
): Promise<MergeResult> {
  sameSeries(target, session)
  await putAway(repo, target, session, session.parent)
  const progress = progressOf(session)
  progress.skipped.push(session.slug)
  progress.index++
  return goOn(repo, target, progress, session.before, session.parent)
}

/** Makes the work tree what it was before the apply. */
export async function abortSession(
  repo: Repository,
  target: Target,
  session: Session,
): Promise<void> {
  await putAway(repo, target, session, undefined)
}

/** Throws the stopped entry's files away: for the commit below it, or for what was before. */
async function putAway(
  repo: Repository,
  target: Target,
  session: Session,
  parent: string | undefined,
): Promise<void> {
  const edits = await findEdits(repo, session.parent)
  for (const ref of await keepAside(repo, edits, target.series.author)) {
    target.line?.(`what is thrown away stays reachable as ${ref}`)
  }
  await switchTo(repo, {
    from: 'HEAD',
    to: session.before,
    discarding: edits.uncommitted,
    ...(parent === undefined ? {} : { head: parent, session }),
  })
}

function progressOf({ index, parent, commits, strict, merges, skipped }: Session): Progress {
  return {
    index,
    parent,
    strict,
    commits: [...commits],
    merges: [...merges],
    skipped: [...skipped],
  }
}

/** The entry that it is stopped at; a series that changed meanwhile is a UserError. */
function sameSeries(target: Target, session: Session): ResolvedEntry {
  const entry = resolveSeries(target.series, session.version)[session.index]
  if (target.seriesHash === session.seriesHash && entry?.slug === session.slug) return entry
  throw new UserError({
    message: 'The series changed while the apply was stopped.',
    hint: `Go back to the start: ./build apply --abort --release ${session.release}`,
    exitCode: ExitCode.checkFailed,
  })
}
