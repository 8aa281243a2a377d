// SPDX-License-Identifier: MPL-2.0
import { type BuildResult, buildCommits } from '../series/build-commits.ts'
import { describeCommit, type UpstreamCommit } from '../series/history.ts'
import { type Conflict, conflictError, examine } from '../series/misfit.ts'
import { type Repository, readBlob, resolveRev } from '../series/repository.ts'
import { resolveSeries } from '../series/resolve.ts'
import type { ResolvedEntry, Series } from '../series/types.ts'
import { inRange } from '../series/versions.ts'
import type { Env } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { headerVersion } from '../upstream/releases.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { lineOf, nearestGood, openHistory } from './bisect-history.ts'
import { findTurn, type Verdict } from './search.ts'

/** What came of building a commit with the series on it, and of its tests. */
export type Proof =
  | { kind: 'passed' }
  | { kind: 'build' | 'tests'; detail: string; failures?: readonly string[] }

/** Builds the files of a commit and runs its tests: all, or those that are named. */
export type Prover = (
  repo: Repository,
  head: string,
  what: { upstream: string; version: string; only?: readonly string[] },
) => Promise<Proof>

export interface BisectOptions {
  /** The end at which something is wrong; it came with its history. */
  source: FetchedSource
  /** Commits of upstream at which all was well, or may have been: the nearest before the end counts. */
  good: readonly string[]
  series: Series
  /** Where the repository for it is kept. */
  workDir: string
  /** Without one only applying is looked at. */
  prove?: Prover
  env: Env
  signal: AbortSignal
  line(text: string): void
  progress(text: string): void
}

export interface Bisection {
  release: string
  /** What stops; nothing when all is well at the end, too. */
  stops: 'applying' | 'building' | 'passing' | 'nothing'
  good: string
  bad: string
  /** Commits between them. */
  commits: number
  /** How often the series was applied, which costs nothing, and built, which does. */
  applied: number
  builds: number
  culprit?: UpstreamCommit
  /** Commits before the culprit of which nothing can be said. */
  unknown?: number
  conflict?: Conflict
  /** What collides, or what the build or the tests said. */
  details?: string
}

/**
 * Finds the first commit of upstream at which the series stops applying, building or passing, in
 * this order: what costs nothing is tried first.
 */
export async function bisect(options: BisectOptions): Promise<Bisection> {
  const { source } = options
  const repo = await openHistory(source, options.workDir, options)
  const bad = source.commit ?? ''
  const good = await nearestGood(repo, options.good, bad)
  const commits = await lineOf(repo, good, bad)
  const counts = { applied: 0, builds: 0 }
  const known = { release: source.release, good, bad, commits: commits.length }
  const applies = async (commit: string): Promise<Applied> => {
    counts.applied++
    options.progress(`apply to ${commit.slice(0, 12)}`)
    return applyTo(repo, options.series, commit)
  }
  const atEnd = await applies(bad)
  if (atEnd.kind !== 'built') {
    const look = async (commit: string): Promise<Verdict> => {
      const { kind } = await applies(commit)
      return kind === 'built' ? 'good' : kind === 'misfit' ? 'bad' : 'skip'
    }
    if ((await look(good)) !== 'good') throw neverWell(options, good, 'apply')
    const { culprit, unknown } = await descend(repo, commits, look)
    const found = await applies(culprit)
    return {
      ...{ ...known, ...counts, stops: 'applying', unknown },
      ...(await explain(repo, options, culprit, found)),
      culprit: await describeCommit(repo, culprit),
    }
  }
  const { prove } = options
  if (!prove) return { ...known, ...counts, stops: 'nothing' }
  const proofOf = async (commit: string, applied: Applied, only?: readonly string[]) => {
    if (applied.kind !== 'built') return undefined
    counts.builds++
    options.progress(`build ${commit.slice(0, 12)} (build ${counts.builds})`)
    const more = only ? { only } : {}
    return prove(repo, applied.head, { upstream: commit, version: applied.version, ...more })
  }
  const wrong = await proofOf(bad, atEnd)
  if (!wrong || wrong.kind === 'passed') return { ...known, ...counts, stops: 'nothing' }
  const only = wrong.kind === 'tests' ? wrong.failures : []
  let last = wrong
  let seenGood = false
  const look = async (commit: string): Promise<Verdict> => {
    const proof = await proofOf(commit, await applies(commit), only)
    // While the tests are sought, a commit that does not build says nothing of them.
    if (!proof || (wrong.kind === 'tests' && proof.kind === 'build')) return 'skip'
    if (proof.kind === 'passed') {
      seenGood = true
      return 'good'
    }
    last = proof
    return 'bad'
  }
  const { culprit, unknown } = await descend(repo, commits, look)
  if (!seenGood) {
    // All were bad: the first is to blame only when the one before it is good indeed.
    const before = await proofOf(good, await applies(good), only)
    if (before?.kind !== 'passed')
      throw neverWell(options, good, before?.kind === 'tests' ? 'pass' : 'build', before?.detail)
  }
  const stops = wrong.kind === 'tests' ? 'passing' : 'building'
  return {
    ...{ ...known, ...counts, stops, unknown, details: last.detail },
    culprit: await describeCommit(repo, culprit),
  }
}

/** The first bad commit; when that is a merge, the one in what was merged, if it is one of them. */
async function descend(
  repo: Repository,
  commits: readonly string[],
  look: (commit: string) => Promise<Verdict>,
): Promise<{ culprit: string; unknown: number }> {
  const { at, good } = await findTurn(commits.length, (i) => look(commits[i] ?? ''))
  const culprit = commits[at] ?? ''
  const unknown = at - good - 1
  const merged = await resolveRev(repo, `${culprit}^2`)
  if (!merged || (await look(merged)) !== 'bad') return { culprit, unknown }
  const inner = await lineOf(repo, `${culprit}^1`, merged)
  return inner.length === 0 ? { culprit, unknown } : descend(repo, inner, look)
}

type Applied =
  | { kind: 'built'; head: string; version: string }
  | { kind: 'misfit'; result: BuildResult & { kind: 'misfit' }; entries: readonly ResolvedEntry[] }
  | { kind: 'unsupported' }

/** Applies the series to a commit in the object database alone. */
async function applyTo(repo: Repository, series: Series, commit: string): Promise<Applied> {
  const header = await readBlob(repo, `${commit}:include/zmq.h`)
  const version = headerVersion(header?.toString('latin1') ?? '')
  if (version === undefined || !inRange(version, series.supports)) return { kind: 'unsupported' }
  const entries = resolveSeries(series, version)
  const { author, date } = series
  const result = await buildCommits(repo, { base: commit, entries, author, date })
  if (result.kind === 'misfit') return { kind: 'misfit', result, entries }
  return { kind: 'built', head: result.head, version }
}

/** Which entry, file and hunk collide with a commit. */
async function explain(
  repo: Repository,
  { source }: BisectOptions,
  commit: string,
  found: Applied,
): Promise<{ conflict?: Conflict; details?: string }> {
  if (found.kind !== 'misfit') return {}
  const { misfit } = found.result
  const release = `${source.release} at ${commit.slice(0, 12)}`
  const conflict = await examine(repo, misfit, { base: commit, entries: found.entries, release })
  const error = conflictError(conflict, misfit.said, '')
  const details = [error.message, error.details, error.hint.trim()].filter(Boolean).join('\n')
  return { conflict, details }
}

function neverWell(
  { source }: BisectOptions,
  good: string,
  what: 'apply' | 'build' | 'pass',
  details?: string,
): UserError {
  const does = { apply: 'apply to', build: 'build on', pass: 'pass on' }[what]
  return new UserError({
    message: `The series does not ${does} ${good.slice(0, 12)} either, so it has not stopped between that and ${source.release}.`,
    ...(details === undefined ? {} : { details }),
    hint: 'Give --good <tag or commit> at which the series was well.',
    exitCode: ExitCode.checkFailed,
  })
}
