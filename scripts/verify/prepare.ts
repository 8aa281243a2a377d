// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { applySeries } from '../series/apply.ts'
import { countGlue, type Glue } from '../series/glue.ts'
import type { Conflict } from '../series/misfit.ts'
import { repositoryAt } from '../series/repository.ts'
import { resolveSeries, seriesHash } from '../series/resolve.ts'
import type { AppliedTree, Series } from '../series/types.ts'
import type { Context } from '../system/context.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'
import { fetchUpstream } from '../upstream/fetch.ts'
import { folderName } from '../upstream/releases.ts'
import type { FetchedSource, SourceSpec } from '../upstream/types.ts'
import { repairRelease } from './repair.ts'
import type { Check, ReleaseResult } from './types.ts'
import { whyFailed } from './types.ts'
import { type Trial, tryVariants } from './variants.ts'

export interface PrepareOptions {
  release: string
  source: SourceSpec
  series: Series
  /** The folder of all verifying. */
  dir: string
  cacheDir: string
  /** Where repaired patches go. */
  reports: string
  threeWay: boolean
  context: Context
}

/** A release that is fetched, with the series on it as far as that goes. */
export interface Prepared {
  result: ReleaseResult
  source?: FetchedSource
  /** What is to be built; of a repaired series, too. */
  work?: AppliedTree
  trials: readonly Trial[]
  /** The error that ends the command with its own exit code, if nothing else does. */
  error?: UserError
}

/** The work tree of a release that verify works on; never the user's own. */
export function verifyTree(dir: string, release: string): string {
  return join(dir, folderName(release), 'src')
}

/** Gets a release, proves it by its pin, applies the series; whatever fails is in the result. */
export async function prepareRelease(
  options: PrepareOptions,
  handle: StepHandle,
): Promise<Prepared> {
  const { release, series, dir, cacheDir, context } = options
  const empty = { release, version: '', tree: '', seriesHash: '', checks: [], variants: [] }
  let source: FetchedSource
  try {
    source = await fetchUpstream({
      ...{ release, source: options.source, cacheDir },
      context: { ...context, signal: handle.signal },
      line: handle.line,
      progress: handle.progress,
    })
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const status = error.exitCode === ExitCode.usage ? 'unsupported' : 'unavailable'
    return { result: { ...empty, status, reason: error.message }, trials: [], error }
  }
  const { version, tree, commit, route } = source
  const checks: Check[] = [{ name: 'pin', passed: true, detail: sayPin(source) }]
  const known = {
    ...{ release: source.release, version, tree, route, checks },
    ...(commit === undefined ? {} : { commit }),
    seriesHash: seriesHash(series, version),
    variants: resolveSeries(series, version).flatMap(({ slug, variant }) =>
      variant === undefined ? [] : [{ slug, releases: variant }],
    ),
  }
  const workDir = verifyTree(dir, source.release)
  const place = { workDir, context: { env: context.env, signal: handle.signal } }
  try {
    // Nobody edits there; what somebody did all the same stays reachable by a ref.
    const work = await applySeries({ ...place, source, series, discard: true, line: handle.line })
    const repo = repositoryAt(workDir, context.env, handle.signal)
    const glue = await countGlue(repo, work.base, work.head)
    checks.push({ name: 'apply', passed: true, detail: `${work.commits.length} commits` })
    checks.push({ name: 'glue', passed: true, detail: sayGlue(glue) })
    const trials = await tryVariants(repo, series, work)
    const result: ReleaseResult = { ...known, applied: work.tree, status: 'passed', glue }
    return { result, source, work, trials }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { ...(await misfit(options, source, known, checks, error, handle)), source }
  }
}

/** The series does not apply: what can be said of it, and, when asked for, a repair. */
async function misfit(
  options: PrepareOptions,
  source: FetchedSource,
  known: Omit<ReleaseResult, 'status'>,
  checks: Check[],
  error: UserError,
  handle: StepHandle,
): Promise<Prepared> {
  const conflict = conflictOf(error)
  const place = placeOf(conflict)
  checks.push({
    name: 'apply',
    passed: false,
    detail: error.message,
    more: [error.details, error.hint].filter(Boolean).join('\n'),
    ...(place ? { place } : {}),
  })
  const repaired = options.threeWay ? await repairRelease(options, source, handle) : undefined
  const reason = whyFailed(checks)
  const result: ReleaseResult = {
    ...known,
    status: 'failed',
    ...(reason === undefined ? {} : { reason }),
    ...(conflict ? { conflict } : {}),
    ...(repaired ? { repair: repaired.repair } : {}),
  }
  return { result, trials: [], ...(repaired?.work ? { work: repaired.work } : {}) }
}

/** What a misfit's error knows. */
export function conflictOf(error: UserError): Conflict | undefined {
  const cause = error.cause as Partial<Conflict> | undefined
  return cause?.slug !== undefined && cause.files !== undefined ? (cause as Conflict) : undefined
}

/** The line of the patch that is to be looked at first. */
function placeOf(conflict: Conflict | undefined): Check['place'] {
  const [first] = conflict?.files ?? []
  if (!conflict?.patch || !first) return undefined
  return { file: conflict.patch, line: first.hunks[0]?.hunk.at ?? first.patchLine }
}

function sayPin(source: FetchedSource): string {
  const what = source.commit ? `commit ${source.commit.slice(0, 12)}, ` : ''
  return `${what}tree ${source.tree.slice(0, 12)}, by ${source.route}`
}

export function sayGlue(glue: Glue): string {
  return Object.entries(glue)
    .filter(([, { added, removed }]) => added + removed > 0)
    .map(([area, { added, removed }]) => `${area} +${added} -${removed}`)
    .join(', ')
}
