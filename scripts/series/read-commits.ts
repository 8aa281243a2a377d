// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { trailer } from './build-commits.ts'
import type { Repository } from './repository.ts'

/** What a commit does to one path. */
export interface PathChange {
  path: string
  /** Added, modified (also its mode) or deleted. */
  status: 'A' | 'M' | 'D'
  /** "100644 <blob>" after the commit; undefined when it is deleted. */
  after: string | undefined
}

/** A commit of an edited work tree. */
export interface TreeCommit {
  id: string
  parent: string
  /** Without the trailer; ends in one newline. */
  message: string
  /** The entry that it says it is of. */
  slug?: string
  changes: readonly PathChange[]
}

/**
 * The commits from base to head, oldest first. History that is no line of single commits is a
 * UserError (exit code 1).
 */
export async function readCommits(
  repo: Repository,
  base: string,
  head: string,
): Promise<TreeCommit[]> {
  const listed = await repo.git([
    'rev-list',
    '--reverse',
    '--topo-order',
    '--parents',
    `${base}..${head}`,
  ])
  const commits: TreeCommit[] = []
  let expected = base
  for (const line of listed.split('\n').filter(Boolean)) {
    const [id = '', ...parents] = line.split(' ')
    if (parents.length !== 1 || parents[0] !== expected) throw notALine(repo, base, id)
    commits.push(await readCommit(repo, id, expected))
    expected = id
  }
  if (expected !== head) throw notALine(repo, base, head)
  return commits
}

async function readCommit(repo: Repository, id: string, parent: string): Promise<TreeCommit> {
  const raw = await repo.git(['log', '-1', '--format=%B', id])
  const slug = new RegExp(`^${trailer}: *(\\S+) *$`, 'm').exec(raw)?.[1]
  const lines = raw.split('\n').filter((line) => !line.startsWith(`${trailer}:`))
  const message = `${lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trim()}\n`
  const changes = await readChanges(repo, parent, id)
  return { id, parent, message, ...(slug === undefined ? {} : { slug }), changes }
}

/** What differs between two commits or trees, path by path. */
export async function readChanges(
  repo: Repository,
  from: string,
  to: string,
): Promise<PathChange[]> {
  const raw = await repo.git(['diff-tree', '-r', '-z', '--no-renames', '--no-abbrev', from, to])
  const fields = raw.split('\0')
  const changes: PathChange[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [, mode = '', , blob = '', status = ''] = (fields[i] ?? '').slice(1).split(' ')
    const path = fields[i + 1] ?? ''
    const kind = status === 'A' || status === 'D' ? status : 'M'
    changes.push({ path, status: kind, after: kind === 'D' ? undefined : `${mode} ${blob}` })
  }
  return changes
}

function notALine(repo: Repository, base: string, id: string): UserError {
  return new UserError({
    message: `The commits of ${repo.workDir} are not one line above refs/scif/base (${base.slice(0, 12)}): see ${id.slice(0, 12)}.`,
    hint: `Put them there: git -C ${repo.workDir} rebase refs/scif/base`,
    exitCode: ExitCode.checkFailed,
  })
}
