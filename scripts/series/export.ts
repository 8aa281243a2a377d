// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { sayEdits, sayUnderWay } from './applied.ts'
import { autosquash } from './autosquash.ts'
import { buildCommits } from './build-commits.ts'
import { assignCommits, checkCommit } from './export-commits.ts'
import { exportFiles } from './export-files.ts'
import { arrangeEntries } from './export-order.ts'
import { exportMessage, exportPatches } from './export-patches.ts'
import { type ExportWork, put } from './export-work.ts'
import { sweepExports, writeAll } from './export-write.ts'
import type { Overlay } from './inputs.ts'
import { loadSeries } from './manifest.ts'
import { cutManifest, joinManifest } from './manifest-text.ts'
import { conflictError, examine } from './misfit.ts'
import { type Place, withWorkTree } from './place.ts'
import { readChanges, readCommits } from './read-commits.ts'
import { type Repository, refs, repositoryAt } from './repository.ts'
import { hashInputs, resolveSeries, seriesInputs } from './resolve.ts'
import { stopped } from './session.ts'
import { readJournal, readSession, readState, type State } from './state.ts'
import type { Edits, Series } from './types.ts'
import { findEdits, switchTo } from './worktree.ts'

export interface ExportOptions extends Place {
  release: string
  /** As it is on the disk. */
  series: Series
  /** Write nothing, only tell what would change. */
  check?: boolean
  /** Drop also entries of which other releases have patches or files of their own. */
  drop?: boolean
}

export interface ExportReport {
  workDir: string
  release: string
  version: string
  /** Files of the project, from its root. */
  changes: readonly { path: string; action: 'added' | 'changed' | 'deleted' }[]
  /** Sentences on what was understood: new, dropped, split and moved entries. */
  notes: readonly string[]
  /** Files of the work tree that git neither knows nor ignores, and that are not exported. */
  untracked: readonly string[]
  /** HEAD of the work tree afterwards. */
  head: string
  written: boolean
}

/**
 * Turns the commits of an edited work tree back into patches/ and libzmq-ext/transport. What the
 * tree does not change stays to the byte. Before anything is written the new series is applied in
 * the object database and has to give the very tree of HEAD; afterwards the work tree stands on
 * the commits of the new series.
 */
export async function exportSeries(options: ExportOptions): Promise<ExportReport> {
  const { workDir, context, release } = options
  const repo = repositoryAt(workDir, context.env, context.signal)
  if (!(await readState(repo))) {
    throw new UserError({
      message: `There is no work tree of libzmq ${release}.`,
      hint: `Make it: ./build apply --release ${release}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  return withWorkTree(options, release, () => exportLocked(repo, options))
}

async function exportLocked(repo: Repository, options: ExportOptions): Promise<ExportReport> {
  const { series, release } = options
  const state = await readState(repo)
  if (!state) throw new Error('the work tree lost its state')
  const { untracked = [] } = await checkReady(repo, state, release)
  if (!options.check) await sweepExports([series.patchesDir, series.transportDir])
  const head = (await repo.git(['rev-parse', 'HEAD'])).trim()
  const tip = await autosquash(repo, state.base, head, series.author)
  const { overlay, notes } = await planExport(repo, state, options, tip)
  const next = await prove(repo, options, state, overlay, tip)
  const changes = await describeChanges(overlay, dirname(series.patchesDir))
  const report = {
    workDir: repo.workDir,
    release,
    version: state.version,
    changes,
    notes,
    untracked,
  }
  const nothing = changes.length === 0 && head === state.head
  if (options.check || nothing) return { ...report, head, written: false }
  await writeAll(overlay)
  if (head !== next.head) await repo.git(['update-ref', refs.keptHead, head])
  await switchTo(repo, { from: head, to: next })
  return { ...report, head: next.head, written: changes.length > 0 }
}

/** Refuses over anything that is half done, and says what to type; else gives the edits. */
async function checkReady(repo: Repository, state: State, release: string): Promise<Edits> {
  if (await readJournal(repo)) {
    throw new UserError({
      message: `An apply to ${repo.workDir} was killed half-way.`,
      hint: `Finish it first: ./build apply --release ${release}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  const session = await readSession(repo)
  if (session) throw stopped(session, repo.workDir, 'waits to be put right')
  if (state.skipped?.length) {
    throw new UserError({
      message: `The work tree leaves out ${state.skipped.join(', ')}, so it is not the whole series.`,
      hint: `In patches/series.yaml drop what was left out, or give it a range of releases; then: ./build apply --discard --3way --release ${release}`,
      exitCode: ExitCode.checkFailed,
    })
  }
  const edits = await findEdits(repo, state.head)
  const git = `git -C ${repo.workDir}`
  if (edits.underWay) {
    throw new UserError({
      message: `In ${repo.workDir} there is ${sayUnderWay(edits.underWay)}.`,
      hint: `Finish or abandon it: ${git} ${edits.underWay} --continue, or --abort`,
      exitCode: ExitCode.checkFailed,
    })
  }
  if (edits.uncommitted.length > 0) {
    throw new UserError({
      message: `${repo.workDir} has edits that are not committed: ${sayEdits(edits)}.`,
      details: await whoseEdits(repo, state, edits.uncommitted),
      hint: [
        `Commit them as a part of an entry: ${git} commit -a --fixup=<its commit>`,
        `or as an entry of their own:       ${git} commit -a   (Problem: …, Solution: …)`,
      ].join('\n'),
      exitCode: ExitCode.checkFailed,
    })
  }
  return edits
}

/** Each path with the commits of the series that touch it. */
async function whoseEdits(
  repo: Repository,
  state: State,
  paths: readonly string[],
): Promise<string> {
  const commits = await readCommits(repo, state.base, state.head)
  return paths
    .map((path) => {
      const touching = commits.filter(({ changes }) => changes.some((one) => one.path === path))
      const names = touching.map(({ id, slug }) => `${slug} ${id.slice(0, 12)}`)
      return `  ${path}${names.length > 0 ? `: of ${names.join(', ')}` : ''}`
    })
    .join('\n')
}

/** Works out the project's files as they are to be. */
async function planExport(
  repo: Repository,
  state: State,
  { series, drop = false }: ExportOptions,
  head: string,
): Promise<{ overlay: Overlay; notes: readonly string[] }> {
  const text = await readFile(series.manifest, 'utf8')
  const manifest = cutManifest(text)
  const commits = await readCommits(repo, state.base, head)
  const applied = await readCommits(repo, state.base, state.head)
  const listed = await repo.git(['ls-tree', '-r', '-z', '--name-only', state.base])
  const notes: string[] = []
  const work: ExportWork = {
    ...{ repo, state, series, head, notes, applied, drop },
    assigned: assignCommits(commits, applied, series, state, notes),
    basePaths: new Set(listed.split('\0')),
    overlay: new Map(),
    texts: new Map(manifest.entries.map((entry) => [entry.slug, entry])),
    fresh: new Map(),
  }
  for (const one of work.assigned) {
    checkCommit(work, one)
    await exportPatches(work, one)
    exportMessage(work, one)
  }
  await exportFiles(work)
  const entries = arrangeEntries(work, manifest.entries)
  const joined = joinManifest({ ...manifest, entries })
  if (joined !== text) put(work, series.manifest, Buffer.from(joined, 'utf8'))
  return { overlay: work.overlay, notes }
}

/** Applies the series as it is to be, in the object database; it has to give the tree of head. */
async function prove(
  repo: Repository,
  options: ExportOptions,
  state: State,
  overlay: Overlay,
  head: string,
): Promise<State> {
  const { patchesDir, transportDir } = options.series
  const planned = await loadSeries(patchesDir, transportDir, overlay)
  const entries = resolveSeries(planned, state.version)
  const { author, date } = planned
  const built = await buildCommits(repo, { base: state.base, entries, author, date })
  if (built.kind === 'misfit') {
    const where = { base: state.base, entries, release: options.release }
    const conflict = await examine(repo, built.misfit, where)
    const hint = `Nothing was written. See git -C ${repo.workDir} log -p refs/scif/base..HEAD`
    throw conflictError(conflict, built.misfit.said, hint)
  }
  const inputs = seriesInputs(planned, state.version)
  const newer = hashInputs(seriesInputs(options.series, state.version)) !== state.seriesHash
  const different = await readChanges(repo, head, built.tree)
  // A series that went on since it was applied brings more than the tree has.
  if (different.length > 0 && !newer) {
    throw new UserError({
      message: `The series that export would write does not give back the tree of ${repo.workDir}.`,
      details: different.map(({ path }) => `  ${path}`).join('\n'),
      hint: 'Nothing was written. Please report this with the commits of the work tree.',
      exitCode: ExitCode.checkFailed,
    })
  }
  const { head: newHead, tree, commits } = built
  const { merges: _merges, skipped: _skipped, ...rest } = state
  return { ...rest, head: newHead, tree, commits, inputs, seriesHash: hashInputs(inputs) }
}

async function describeChanges(overlay: Overlay, root: string): Promise<ExportReport['changes']> {
  const changes: { path: string; action: 'added' | 'changed' | 'deleted' }[] = []
  for (const [path, file] of overlay) {
    const old = await readFile(path).catch(() => undefined)
    const label = relative(root, path).split(sep).join('/')
    const action = file === null ? 'deleted' : old === undefined ? 'added' : 'changed'
    changes.push({ path: label, action })
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
}
