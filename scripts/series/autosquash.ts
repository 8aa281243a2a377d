// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { git, type Identity } from '../system/git.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { type Repository, withScratch } from './repository.ts'

const mark = /^(fixup|squash|amend)! /

/**
 * The commits up to head with each "fixup!" joined to its commit, as `git rebase --autosquash`
 * does it, but beside the work tree: gives the id of the new head and moves nothing. One that
 * does not go is a UserError (exit code 1).
 */
export async function autosquash(
  repo: Repository,
  base: string,
  head: string,
  committer: Identity,
): Promise<string> {
  const subjects = await repo.git(['log', '--format=%s', `${base}..${head}`])
  if (!subjects.split('\n').some((subject) => mark.test(subject))) return head
  return withScratch(repo, async (scratch) => {
    const tree = join(scratch, 'tree')
    await repo.git(['worktree', 'add', '--quiet', '--detach', tree, head])
    try {
      const options = {
        cwd: tree,
        env: repo.env,
        signal: repo.signal,
        author: undefined,
        committer,
      }
      const rebase = ['rebase', '--quiet', '--interactive', '--autosquash', '--empty=drop', base]
      await git(rebase, options).catch((cause) => {
        repo.signal?.throwIfAborted()
        throw cannotJoin(repo, cause)
      })
      return (await git(['rev-parse', 'HEAD'], options)).trim()
    } finally {
      await repo.try(['worktree', 'remove', '--force', tree])
      await repo.try(['worktree', 'prune'])
    }
  })
}

function cannotJoin(repo: Repository, cause: unknown): UserError {
  return new UserError({
    message: 'A "fixup!" commit does not go into the commit that it is for.',
    details: cause instanceof UserError ? (cause.details ?? '') : String(cause),
    hint: `Join them by hand: git -C ${repo.workDir} rebase -i --autosquash refs/scif/base`,
    exitCode: ExitCode.checkFailed,
    cause,
  })
}
