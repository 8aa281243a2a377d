// SPDX-License-Identifier: MPL-2.0
import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GitOptions, git, gitTry, type Identity } from '../system/git.ts'
import { uniqueName } from '../system/identity.ts'
import type { Env, RunResult } from '../system/run.ts'

/** The refs of a work tree that are the toolkit's own. */
export const refs = {
  /** The commit below the series. */
  base: 'refs/scif/base',
  /** What apply left in HEAD. */
  applied: 'refs/scif/applied',
  branch: 'refs/heads/scif',
  /** A base that is being fetched. */
  incoming: 'refs/scif/incoming',
  /** HEAD and edits before the last `apply --discard` or `export`. */
  keptHead: 'refs/scif/kept-head',
  keptEdits: 'refs/scif/kept-edits',
} as const

export interface CallOptions {
  indexFile?: string
  input?: string
  author?: Identity
  date?: string
  /** Another folder as the work tree of this call, and where git runs. */
  workTree?: string
}

/**
 * A git repository with a work tree, named outright: git never searches for it upwards, so a
 * damaged one can not be mistaken for the project's own.
 */
export interface Repository {
  workDir: string
  gitDir: string
  /** The toolkit's folder in it: state, journal, scratch. */
  own: string
  env: Env
  signal: AbortSignal | undefined
  git(args: readonly string[], options?: CallOptions): Promise<string>
  try(args: readonly string[], options?: CallOptions): Promise<RunResult>
}

/** A repository at workDir, which need not exist yet. */
export function repositoryAt(workDir: string, env: Env, signal?: AbortSignal): Repository {
  const gitDir = join(workDir, '.git')
  const argv = (args: readonly string[], { workTree = workDir }: CallOptions): string[] => [
    `--git-dir=${gitDir}`,
    `--work-tree=${workTree}`,
    ...args,
  ]
  const options = ({ workTree = workDir, ...call }: CallOptions): GitOptions => ({
    cwd: workTree,
    env,
    signal,
    ...call,
  })
  return {
    workDir,
    gitDir,
    own: join(gitDir, 'scif'),
    env,
    signal,
    git: (args, call = {}) => git(argv(args, call), options(call)),
    try: (args, call = {}) => gitTry(argv(args, call), options(call)),
  }
}

/**
 * Makes an empty repository whose files are the bytes of their blobs for everybody: neither
 * upstream's .gitattributes nor the user's configuration converts anything.
 */
export async function initRepository(repo: Repository): Promise<void> {
  await mkdir(repo.workDir, { recursive: true })
  await repo.git(['init', '--quiet', '--template='])
  await mkdir(join(repo.gitDir, 'info'), { recursive: true })
  const raw = '* diff -text -ident -filter -working-tree-encoding !eol !merge\n'
  await writeFile(join(repo.gitDir, 'info', 'attributes'), raw)
  for (const [key, value] of [
    ['core.autocrlf', 'false'],
    ['core.safecrlf', 'false'],
    ['core.fileMode', 'true'],
    ['core.logAllRefUpdates', 'true'],
  ] as const) {
    await repo.git(['config', key, value])
  }
  await repo.git(['symbolic-ref', 'HEAD', refs.branch])
  await mkdir(repo.own, { recursive: true })
}

/** The object a revision names, or undefined. */
export async function resolveRev(repo: Repository, rev: string): Promise<string | undefined> {
  const found = await repo.try(['rev-parse', '--quiet', '--verify', rev])
  return found.exitCode === 0 ? found.stdout.trim() : undefined
}

/** The bytes of a file in a commit, tree or (as ":path") index; undefined when there is none. */
export async function readBlob(
  repo: Repository,
  rev: string,
  call: CallOptions = {},
): Promise<Buffer | undefined> {
  const found = await repo.try(['rev-parse', '--quiet', '--verify', rev], call)
  if (found.exitCode !== 0) return undefined
  return withScratch(repo, async (scratch) => {
    const id = found.stdout.trim()
    const name = (await repo.git(['unpack-file', id], { workTree: scratch })).trim()
    return readFile(join(scratch, name))
  })
}

/** A scratch folder inside the repository, gone afterwards; a killed run's is swept up by the next. */
export async function withScratch<T>(
  repo: Repository,
  work: (scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = join(repo.own, `tmp-${uniqueName()}`)
  await mkdir(scratch, { recursive: true })
  try {
    return await work(scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Whether there is anything at a path, a dangling link too. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
