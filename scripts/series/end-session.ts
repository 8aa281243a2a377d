// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { commitTree } from './build-commits.ts'
import type { Repository } from './repository.ts'
import { resolveSeries } from './resolve.ts'
import { goOn, type MergeResult, type Progress, type Target, takeUp } from './session.ts'
import type { Session } from './state.ts'
import type { ResolvedEntry } from './types.ts'
import { findEdits, keepAside, switchTo } from './worktree.ts'

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
