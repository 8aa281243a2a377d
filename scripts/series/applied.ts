// SPDX-License-Identifier: MPL-2.0
import type { Repository } from './repository.ts'
import type { MergeResult } from './session.ts'
import type { State } from './state.ts'
import type { AppliedTree, Edits } from './types.ts'

export const noEdits: Edits = { uncommitted: [], moved: false }

export function result(
  run: { workDir: string },
  state: State,
  action: AppliedTree['action'],
  reason: string,
  edits: Edits,
): AppliedTree {
  const { release, version, base, head, tree, seriesHash, commits } = state
  return {
    workDir: run.workDir,
    ...{ release, version, base, head, tree, seriesHash, commits },
    ...{ action, reason, edits },
    ...(state.merges ? { merges: state.merges } : {}),
    ...(state.skipped ? { skipped: state.skipped } : {}),
  }
}

/** The result of an apply with merges: commits above what the series makes by itself. */
export async function mergeResult(
  repo: Repository,
  where: { workDir: string },
  merged: MergeResult,
  action: AppliedTree['action'],
): Promise<AppliedTree> {
  const { state, head, commits } = merged
  const { merges = [], skipped = [] } = state
  const tree = (await repo.git(['rev-parse', `${head}^{tree}`])).trim()
  const slugs = new Set(merges.map((file) => file.slug))
  const reason = [
    sayCount(commits.length, state.release),
    ...(slugs.size > 0 ? [`merged or put right: ${[...slugs].join(', ')}`] : []),
    ...(skipped.length > 0 ? [`left out: ${skipped.join(', ')}`] : []),
  ].join('; ')
  const edits = { ...noEdits, moved: head !== state.head }
  const whole = { ...state, head, tree, commits }
  return { ...result(where, whole, action, reason, edits), merges, skipped }
}

/** "2 files not committed, commits of its own, a rebase under way" */
export function sayEdits(edits: Edits): string {
  const count = edits.uncommitted.length
  return [
    ...(count > 0 ? [`${count} ${count === 1 ? 'file' : 'files'} not committed`] : []),
    ...(edits.moved ? ['HEAD is not the commit that apply left'] : []),
    ...(edits.underWay ? [sayUnderWay(edits.underWay)] : []),
    ...(edits.untracked ? [`${shorten(edits.untracked)} not known to git`] : []),
  ].join(', ')
}

/** "a rebase under way", "an am under way" */
export function sayUnderWay(what: string): string {
  return `${what === 'am' ? 'an' : 'a'} ${what} under way`
}

/** The first three, and how many more. */
export function shorten(changes: readonly string[]): string {
  const more = changes.length - 3
  return changes.slice(0, 3).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

export function sayCount(entries: number, release: string): string {
  return `${entries} ${entries === 1 ? 'entry' : 'entries'} on libzmq ${release}`
}
