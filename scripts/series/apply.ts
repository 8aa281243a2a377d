// SPDX-License-Identifier: MPL-2.0
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Context } from '../system/context.ts'
import { isGone } from '../system/identity.ts'
import { withLock } from '../system/lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { bringBase } from './base.ts'
import { buildCommits } from './build-commits.ts'
import { examine, misfitError } from './misfit.ts'
import {
  exists,
  initRepository,
  type Repository,
  refs,
  repositoryAt,
  resolveRev,
} from './repository.ts'
import { describeChanges, hashInputs, resolveSeries, seriesInputs } from './resolve.ts'
import { readState, type State } from './state.ts'
import type { AppliedTree, Edits, Series } from './types.ts'
import { checkOut, findEdits, keepAside, recover, switchTo } from './worktree.ts'

export interface ApplyOptions {
  source: FetchedSource
  series: Series
  workDir: string
  context: Pick<Context, 'env' | 'signal'>
  /** Throw away edits of the work tree; they stay reachable by the refs in refs/scif/kept-*. */
  discard?: boolean
  /** How long to wait for another run on the same work tree, in milliseconds; a minute. */
  patience?: number
  /** Takes what is worth a line of its own. */
  line?: (text: string) => void
}

const noEdits: Edits = { uncommitted: [], moved: false }

/** <out>/work/libzmq-<release>; a ref's "/" becomes "-". */
export function workDirOf(out: string, release: string): string {
  return join(out, 'work', `libzmq-${release.replaceAll('/', '-')}`)
}

/** The lock of a work tree; beside it, because it may not be there yet. */
export function lockOf(workDir: string): string {
  return join(dirname(workDir), `.${basename(workDir)}.lock`)
}

/**
 * Makes the work tree of a release what the series says, one commit per entry, or finds that it
 * is. All commits are made before any file is touched: when an entry does not apply (UserError,
 * exit code 1) the work tree is as before. Edits are never overwritten unless `discard` says so.
 */
export async function applySeries(options: ApplyOptions): Promise<AppliedTree> {
  const { source, series, workDir, context } = options
  const inputs = seriesInputs(series, source.version)
  const run: Run = { ...options, inputs, seriesHash: hashInputs(inputs) }
  return withWorkTree(options, source.release, async () => {
    await sweep(workDir)
    const repo = repositoryAt(workDir, context.env, context.signal)
    return (await exists(workDir)) ? update(repo, run) : create(run)
  })
}

/** Does the work while no other run is at work on the same work tree. */
export function withWorkTree<T>(
  options: Pick<ApplyOptions, 'workDir' | 'context' | 'patience' | 'line'>,
  release: string,
  work: () => Promise<T>,
): Promise<T> {
  const lock = {
    wait: options.patience ?? 60_000,
    signal: options.context.signal,
    waiting: (pid: number) => options.line?.(`waiting for another ./build (process ${pid})`),
    busy: (pid: number) =>
      new UserError({
        message: `Another ./build (process ${pid}) is at work on libzmq ${release}.`,
        hint: 'Wait until it has ended, then type the command again.',
        exitCode: ExitCode.checkFailed,
      }),
  }
  return withLock(lockOf(options.workDir), lock, work)
}

interface Run extends ApplyOptions {
  inputs: Record<string, string>
  seriesHash: string
}

/** Removes what killed runs left beside the work tree. */
async function sweep(workDir: string): Promise<void> {
  const parent = dirname(workDir)
  const lock = `${basename(lockOf(workDir))}.`
  for (const name of await readdir(parent)) {
    const left =
      name.startsWith(`.${basename(workDir)}.new-`) ||
      (name.startsWith(lock) && isGone(name.slice(lock.length)))
    if (left) await rm(join(parent, name), { recursive: true, force: true })
  }
}

/** A work tree from nothing: made beside its place, then renamed. */
async function create(run: Run): Promise<AppliedTree> {
  const { workDir, context, source } = run
  const making = join(dirname(workDir), `.${basename(workDir)}.new-${process.pid}`)
  try {
    const repo = repositoryAt(making, context.env, context.signal)
    await initRepository(repo)
    const state = await build(repo, run, await bringBase(repo, source))
    await checkOut(repo, state)
    await rename(making, workDir)
    const count = state.commits.length === 1 ? '1 entry' : `${state.commits.length} entries`
    return result(run, state, 'applied', `${count} on libzmq ${source.release}`, noEdits)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
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
  const next = await build(repo, run, base)
  if (edited) {
    const kept = await keepAside(repo, edits, series.author)
    for (const ref of kept) run.line?.(`what is thrown away stays reachable as ${ref}`)
    await switchTo(repo, { from: 'HEAD', to: next, discarding: edits.uncommitted })
  } else {
    await switchTo(repo, { from: state.head, to: next })
  }
  const reason = [...changes, ...(edited ? ['edits thrown away'] : [])]
  return result(run, next, 'reapplied', shorten(reason), noEdits)
}

async function whatChanged(repo: Repository, run: Run, state: State): Promise<string[]> {
  const { source } = run
  const changes: string[] = []
  if (state.baseTree !== source.tree)
    changes.push(`libzmq ${source.release} is now tree ${source.tree.slice(0, 12)}`)
  else if (source.gitDir && source.commit && state.base !== source.commit)
    changes.push(`upstream's own commit ${source.commit.slice(0, 12)} is at hand now`)
  if (state.seriesHash !== run.seriesHash) {
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
  const built = await buildCommits(repo, {
    base,
    entries: resolveSeries(series, source.version),
    author: series.author,
    date: series.date,
  })
  if (built.kind === 'misfit') {
    const files = await examine(repo, built.misfit)
    const hint = `Correct the patch, or add a variant for this release in patches/series.yaml; then: ./build apply --release ${source.release}`
    throw misfitError(built.misfit, files, source.release, hint)
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

/** Scratch folders of killed runs; this one has none yet. */
async function sweepScratch(repo: Repository): Promise<void> {
  for (const name of await readdir(repo.own)) {
    if (name.startsWith('tmp-')) await rm(join(repo.own, name), { recursive: true, force: true })
  }
}

function result(
  run: Run,
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

/** "2 files not committed, commits of its own, a rebase under way" */
export function sayEdits(edits: Edits): string {
  const count = edits.uncommitted.length
  return [
    ...(count > 0 ? [`${count} ${count === 1 ? 'file' : 'files'} not committed`] : []),
    ...(edits.moved ? ['HEAD is not the commit that apply left'] : []),
    ...(edits.underWay ? [`a ${edits.underWay} under way`] : []),
  ].join(', ')
}

function shorten(changes: readonly string[]): string {
  const more = changes.length - 3
  return changes.slice(0, 3).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
