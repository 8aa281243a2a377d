// SPDX-License-Identifier: MPL-2.0
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../system/context.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { countGlue, type Glue } from './glue.ts'
import { refs, repositoryAt, resolveRev } from './repository.ts'
import { describeChanges, hashInputs, resolveSeries, seriesInputs } from './resolve.ts'
import { readJournal, readSession, readState, type State } from './state.ts'
import type { Edits, Series, SeriesCommit } from './types.ts'
import { findEdits } from './worktree.ts'

/** How a work tree stands to its release and to the series. */
export interface TreeStatus {
  workDir: string
  release: string
  version: string
  base: {
    commit: string
    tree: string /** Made from an archive, without history. */
    imported: boolean
  }
  head: string
  /** Of the series as it was applied. */
  seriesHash: string
  /** Commits of the series that HEAD still has, and entries that the series has for this version. */
  applied: { count: number; of: number; commits: readonly SeriesCommit[] }
  /** What changed in the series since it was applied: "patches/glue.patch changed". */
  changes: readonly string[]
  edits: Edits
  /** Commits above the base that apply did not make. */
  notExported: number
  /** Commits that apply made and HEAD has no more: they were dropped, or changed. */
  gone: number
  glue: Glue
  /** A switch of the work tree was killed; the next apply finishes it. */
  halfDone: boolean
  /** The entry at which `apply --3way` is stopped. */
  stoppedAt?: string
}

/** The work trees below <out>/work, by the names of their folders. */
export async function findWorkTrees(out: string): Promise<string[]> {
  const parent = join(out, 'work')
  const names = await readdir(parent).catch(() => [])
  return names
    .filter((name) => name.startsWith('libzmq-'))
    .sort()
    .map((name) => join(parent, name))
}

/** The release of a work tree; undefined when apply has not made one there. */
async function releaseOf(
  workDir: string,
  context: Pick<Context, 'env' | 'signal'>,
): Promise<string | undefined> {
  return (await readState(repositoryAt(workDir, context.env, context.signal)))?.release
}

/**
 * The release whose work tree is meant: the one that was asked for, or else the only one that has
 * a work tree. UserError when there is none (exit code 1) or several (2); `command` is for its hint.
 */
export async function chooseRelease(
  out: string,
  asked: string | undefined,
  context: Pick<Context, 'env' | 'signal'>,
  command: string,
): Promise<string> {
  if (asked !== undefined) return asked
  const releases: string[] = []
  for (const dir of await findWorkTrees(out)) {
    const release = await releaseOf(dir, context)
    if (release !== undefined) releases.push(release)
  }
  const [only] = releases
  if (only === undefined) {
    throw new UserError({
      message: 'There is no work tree yet.',
      hint: 'Make one: ./build apply',
      exitCode: ExitCode.checkFailed,
    })
  }
  if (releases.length === 1) return only
  throw new UserError({
    message: `There are work trees of libzmq ${releases.join(', ')}.`,
    hint: `Say which: ./build ${command} --release ${releases.at(-1)}`,
    exitCode: ExitCode.usage,
  })
}

/** Looks at a work tree and changes nothing; undefined when apply has not made one there. */
export async function readStatus(
  workDir: string,
  series: Series,
  context: Pick<Context, 'env' | 'signal'>,
): Promise<TreeStatus | undefined> {
  const repo = repositoryAt(workDir, context.env, context.signal)
  const state = await readState(repo)
  if (!state) return undefined
  const session = await readSession(repo)
  const inputs = seriesInputs(series, state.version)
  const head = (await resolveRev(repo, 'HEAD')) ?? state.head
  const above = (await repo.git(['rev-list', `${refs.base}..${head}`])).split('\n').filter(Boolean)
  const commits = session?.commits ?? state.commits
  const made = new Set(commits.map((commit) => commit.id))
  const count = above.filter((id) => made.has(id)).length
  const subject = await repo.git(['log', '-1', '--format=%ae', state.base])
  return {
    workDir,
    release: state.release,
    version: state.version,
    base: {
      commit: state.base,
      tree: state.baseTree,
      imported: subject.trim() === 'import@libzmq.invalid',
    },
    head,
    seriesHash: state.seriesHash,
    applied: {
      count,
      of: resolveSeries(series, state.version).length,
      commits,
    },
    changes: changesSince(state, inputs),
    edits: await findEdits(repo, state.head),
    notExported: above.length - count,
    gone: commits.length - count,
    glue: await countGlue(repo, state.base, head),
    halfDone: (await readJournal(repo)) !== undefined,
    ...(session ? { stoppedAt: session.slug } : {}),
  }
}

function changesSince(state: State, inputs: Record<string, string>): readonly string[] {
  if (state.seriesHash === '') return ['nothing was applied yet']
  return hashInputs(inputs) === state.seriesHash ? [] : describeChanges(state.inputs, inputs)
}
