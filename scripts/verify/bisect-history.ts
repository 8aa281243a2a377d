// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bringBase } from '../series/base.ts'
import {
  exists,
  initRepository,
  type Repository,
  refs,
  repositoryAt,
  resolveRev,
} from '../series/repository.ts'
import { git } from '../system/git.ts'
import type { Env } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { FetchedSource } from '../upstream/types.ts'

/** A repository with upstream's history up to the end; kept, so that the next time is quicker. */
export async function openHistory(
  source: FetchedSource,
  workDir: string,
  { env, signal }: { env: Env; signal: AbortSignal },
): Promise<Repository> {
  const { commit } = await needHistory(source, { env, signal })
  mkdirSync(dirname(workDir), { recursive: true })
  const repo = repositoryAt(workDir, env, signal)
  if (!(await exists(join(workDir, '.git')))) await initRepository(repo)
  await bringBase(repo, source)
  await repo.git(['update-ref', refs.base, commit])
  return repo
}

/** What is needed of a source that came with its whole history; else a UserError (exit code 2). */
export async function needHistory(
  { release, route, gitDir, commit }: FetchedSource,
  context: { env: Env; signal: AbortSignal },
): Promise<{ gitDir: string; commit: string }> {
  const refuse = (why: string, hint: string) =>
    new UserError({
      message: `libzmq ${release} came by ${route}, ${why}.`,
      hint,
      exitCode: ExitCode.usage,
    })
  if (!gitDir || !commit)
    throw refuse(
      'without its history; there is nothing to bisect',
      'Give --source git:<url or path>.',
    )
  const asked = [`--git-dir=${gitDir}`, 'rev-parse', '--is-shallow-repository']
  if ((await git(asked, { cwd: gitDir, ...context })).trim() === 'true')
    throw refuse(
      'from a shallow clone, which lacks the older history; it cannot be bisected',
      'Complete the clone (git fetch --unshallow) and type ./build clean cache, or give another one: --source git:<url or path>.',
    )
  return { gitDir, commit }
}

/** Of the commits at which all was well, the one with the fewest commits from it to the end. */
export async function nearestGood(
  repo: Repository,
  good: readonly string[],
  bad: string,
): Promise<string> {
  let best: { commit: string; distance: number } | undefined
  for (const name of good) {
    const commit = await resolveRev(repo, `${name}^{commit}`)
    if (!commit) continue
    const common = (await repo.try(['merge-base', commit, bad])).stdout.trim()
    if (common === '' || common === bad) continue
    const distance = Number(await repo.git(['rev-list', '--count', `${common}..${bad}`]))
    if (!best || distance < best.distance) best = { commit: common, distance }
  }
  if (best) return best.commit
  throw new UserError({
    message: `None of ${good.map((name) => name.slice(0, 12)).join(', ') || 'nothing'} is a commit before ${bad.slice(0, 12)}.`,
    hint: 'Give --good <tag or commit> at which the series was well.',
    exitCode: ExitCode.usage,
  })
}

/** The commits of the main line behind `good` up to `bad`, oldest first. */
export async function lineOf(repo: Repository, good: string, bad: string): Promise<string[]> {
  const argv = ['rev-list', '--first-parent', '--reverse', `${good}..${bad}`]
  return (await repo.git(argv)).split('\n').filter(Boolean)
}
