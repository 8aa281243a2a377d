// SPDX-License-Identifier: MPL-2.0
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { mergeResult, noEdits, result, sayCount, sayEdits, shorten } from './applied.ts'
import { bringBase } from './base.ts'
import { buildCommits } from './build-commits.ts'
import { conflictError, examine } from './misfit.ts'
import { type Place, sweep, sweepScratch, withWorkTree } from './place.ts'
import {
  exists,
  initRepository,
  type Repository,
  refs,
  repositoryAt,
  resolveRev,
} from './repository.ts'
import { describeChanges, hashInputs, resolveSeries, seriesInputs } from './resolve.ts'
import { applyMerging, stopped, type Target } from './session.ts'
import { readSession, readState, type State } from './state.ts'
import type { AppliedTree, Edits, Series } from './types.ts'
import { checkOut, findEdits, keepAside, recover, switchTo } from './worktree.ts'

export interface ApplyOptions extends Place {
  source: FetchedSource
  series: Series
  /** Throw away edits of the work tree; they stay reachable by the refs in refs/scif/kept-*. */
  discard?: boolean
  /** Merge what does not fit by itself; stops at an entry that needs a human. */
  threeWay?: boolean
}

/**
 * Makes the work tree of a release what the series says, one commit per entry, or finds that it
 * is. All commits are made before any file is touched: when an entry does not apply (UserError,
 * exit code 1) the work tree is as before. Edits are never overwritten unless `discard` says so.
 */
export async function applySeries(options: ApplyOptions): Promise<AppliedTree> {
  const { source, series, workDir } = options
  const inputs = seriesInputs(series, source.version)
  const run: Run = { ...options, inputs, seriesHash: hashInputs(inputs) }
  return withWorkTree(options, source.release, async () => {
    await sweep(workDir)
    return (await exists(workDir)) ? update(repositoryOf(run), run) : create(run)
  })
}

interface Run extends ApplyOptions {
  inputs: Record<string, string>
  seriesHash: string
}

/** A work tree from nothing: made beside its place, then renamed. */
async function create(run: Run): Promise<AppliedTree> {
  const { workDir, context, source } = run
  const making = join(dirname(workDir), `.${basename(workDir)}.new-${process.pid}`)
  try {
    const repo = repositoryAt(making, context.env, context.signal)
    await initRepository(repo)
    const base = await bringBase(repo, source)
    const state = await build(repo, run, base).catch((error) => {
      // A merge that stops has to have a work tree to stop in.
      if (run.threeWay && error instanceof UserError) return bareState(run, base)
      throw error
    })
    await checkOut(repo, state)
    await rename(making, workDir)
    if (state.seriesHash === '') return update(repositoryOf(run), run)
    return result(run, state, 'applied', sayCount(state.commits.length, source.release), noEdits)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

const repositoryOf = ({ workDir, context }: Pick<Place, 'workDir' | 'context'>): Repository =>
  repositoryAt(workDir, context.env, context.signal)

/** A work tree that has nothing of the series yet. */
function bareState({ source }: Run, base: string): State {
  const { release, version, tree } = source
  const none = { seriesHash: '', inputs: {}, commits: [] }
  return { schemaVersion: 1, release, version, base, baseTree: tree, head: base, tree, ...none }
}

async function update(repo: Repository, run: Run): Promise<AppliedTree> {
  const { series, workDir } = run
  if (await recover(repo)) run.line?.('finished an apply that was killed half-way')
  const state = await readState(repo)
  if (!state) {
    throw new UserError({
      message: `${workDir} is there, but apply did not make it.`,
      hint: `Move it away, or choose another folder with --out.`,
      exitCode: ExitCode.checkFailed,
    })
  }
  await sweepScratch(repo)
  const session = await readSession(repo)
  if (session) throw stopped(session, workDir, 'waits to be put right')
  const edits = await findEdits(repo, state.head)
  const edited = edits.moved || edits.uncommitted.length > 0 || edits.underWay !== undefined
  const changes = await whatChanged(repo, run, state)
  if (changes.length === 0 && !(run.discard && edited)) {
    const head = (await resolveRev(repo, 'HEAD')) ?? state.head
    const tree = (await resolveRev(repo, `${head}^{tree}`)) ?? state.tree
    const more = edited ? `; the work tree has edits of its own (${sayEdits(edits)})` : ''
    const reason = `same libzmq and same series as before${more}`
    return result(run, { ...state, head, tree }, 'unchanged', reason, edits)
  }
  if (edited && !run.discard) throw wouldLose(run, edits, changes)
  const base = await chooseBase(repo, run, state)
  const fresh = state.seriesHash === ''
  const next = await build(repo, run, base).catch((error) => {
    if (run.threeWay && !edited && error instanceof UserError) return undefined
    throw error
  })
  if (!next) {
    const merged = await applyMerging(repo, targetOf(run, base), state, state.head)
    return mergeResult(repo, run, merged, fresh ? 'applied' : 'reapplied')
  }
  if (edited) {
    const kept = await keepAside(repo, edits, series.author)
    for (const ref of kept) run.line?.(`what is thrown away stays reachable as ${ref}`)
    await switchTo(repo, { from: 'HEAD', to: next, discarding: edits.uncommitted })
  } else {
    await switchTo(repo, { from: state.head, to: next })
  }
  if (fresh)
    return result(run, next, 'applied', sayCount(next.commits.length, next.release), noEdits)
  const reason = [...changes, ...(edited ? ['edits thrown away'] : [])]
  return result(run, next, 'reapplied', shorten(reason), noEdits)
}

function targetOf(run: Run, base: string): Target {
  const { workDir, source, series, inputs, seriesHash, line } = run
  const { release, version, tree } = source
  return { workDir, release, version, base, baseTree: tree, series, inputs, seriesHash, line }
}

async function whatChanged(repo: Repository, run: Run, state: State): Promise<string[]> {
  const { source } = run
  const changes: string[] = []
  if (state.baseTree !== source.tree)
    changes.push(`libzmq ${source.release} is now tree ${source.tree.slice(0, 12)}`)
  else if (source.gitDir && source.commit && state.base !== source.commit)
    changes.push(`upstream's own commit ${source.commit.slice(0, 12)} is at hand now`)
  if (state.seriesHash === '') changes.push('nothing was applied yet')
  else if (state.seriesHash !== run.seriesHash) {
    const named = describeChanges(state.inputs, run.inputs)
    changes.push(...(named.length > 0 ? named : ['the series changed']))
  }
  const applied = await resolveRev(repo, refs.applied)
  if (changes.length === 0 && applied !== state.head) changes.push(`${refs.applied} was moved`)
  return changes
}

/** A base with the right tree is kept when the source has no better one. */
async function chooseBase(repo: Repository, run: Run, state: State): Promise<string> {
  const same = state.baseTree === run.source.tree
  if (same && (!run.source.gitDir || run.source.commit === state.base)) return state.base
  return bringBase(repo, run.source)
}

/** Makes the commits; an entry that does not apply is a UserError. */
async function build(repo: Repository, run: Run, base: string): Promise<State> {
  const { source, series } = run
  const entries = resolveSeries(series, source.version)
  const { author, date } = series
  const built = await buildCommits(repo, { base, entries, author, date })
  if (built.kind === 'misfit') {
    const where = { base, entries, release: source.release }
    const conflict = await examine(repo, built.misfit, where)
    const hint = [
      `Correct the patch, or add a variant for this release in patches/series.yaml; then: ./build apply --release ${source.release}`,
      `Or have it merged: ./build apply --3way --release ${source.release}, then ./build export`,
    ].join('\n')
    throw conflictError(conflict, built.misfit.said, hint)
  }
  return {
    schemaVersion: 1,
    release: source.release,
    version: source.version,
    base,
    baseTree: source.tree,
    head: built.head,
    tree: built.tree,
    seriesHash: run.seriesHash,
    inputs: run.inputs,
    commits: built.commits,
  }
}

function wouldLose(run: Run, edits: Edits, changes: readonly string[]): UserError {
  const release = run.source.release
  return new UserError({
    message: `The work tree of libzmq ${release} has edits that the series does not have, and cannot be brought up to date: ${shorten(changes)}.`,
    details: [
      `${run.workDir}: ${sayEdits(edits)}`,
      ...edits.uncommitted.slice(0, 20).map((path) => `  ${path}`),
    ].join('\n'),
    hint: [
      `To keep them:       ./build export --release ${release}`,
      `To throw them away: ./build apply --discard --release ${release}`,
    ].join('\n'),
    exitCode: ExitCode.checkFailed,
  })
}
