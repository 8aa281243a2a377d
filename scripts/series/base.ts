// SPDX-License-Identifier: MPL-2.0
import { join, resolve } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { FetchedSource } from '../upstream/types.ts'
import {
  exists,
  type Repository,
  refs,
  repositoryAt,
  resolveRev,
  withScratch,
} from './repository.ts'

/** Who "made" the commit of a tree that came without its history. */
const importer = { name: 'libzmq import', email: 'import@libzmq.invalid' }
const importDate = '2000-01-01T00:00:00Z'

/**
 * Brings the commit below the series into the repository and gives its id: upstream's own commit
 * with its history when the source has it, else a commit of the unpacked tree that is the same
 * for everybody. A source that is no longer the tree that was fetched is a UserError (exit code 4).
 */
export async function bringBase(repo: Repository, source: FetchedSource): Promise<string> {
  const base =
    source.gitDir && source.commit
      ? await fetchCommit(repo, source.gitDir, source.commit)
      : await importTree(repo, source)
  const tree = (await repo.git(['rev-parse', `${base}^{tree}`])).trim()
  if (tree !== source.tree) {
    throw new UserError({
      message: `The source of libzmq ${source.release} is no longer the tree that was fetched.`,
      details: `expected tree ${source.tree}\nfound    tree ${tree}\nin       ${source.gitDir ?? source.dir}`,
      hint: `Fetch it again: ./build fetch --release ${source.release}`,
      exitCode: ExitCode.source,
    })
  }
  return base
}

async function fetchCommit(repo: Repository, gitDir: string, commit: string): Promise<string> {
  const here = await resolveRev(repo, `${commit}^{commit}`)
  if (here) return here
  // The other side is a git of its own, to which no "-c" is handed on.
  const serve = 'git -c safe.directory=* -c uploadpack.allowAnySHA1InWant=true upload-pack'
  await repo.git([
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    `--upload-pack=${serve}`,
    resolve(gitDir),
    `+${commit}:${refs.incoming}`,
  ])
  return commit
}

async function importTree(repo: Repository, source: FetchedSource): Promise<string> {
  return withScratch(repo, async (scratch) => {
    const indexFile = join(scratch, 'index')
    await addFolder(repo, source.dir, indexFile)
    const tree = (await repo.git(['write-tree'], { indexFile })).trim()
    const lines = [
      `libzmq ${source.release}`,
      '',
      `Imported from a source without history (${source.route}).`,
      ...(source.commit ? [`Upstream-Commit: ${source.commit}`] : []),
    ]
    const options = { author: importer, date: importDate, input: `${lines.join('\n')}\n` }
    return (await repo.git(['commit-tree', tree, '-F', '-'], options)).trim()
  })
}

/** All files of a folder; of a git checkout those that git would commit, without the ignored. */
async function addFolder(repo: Repository, dir: string, indexFile: string): Promise<void> {
  const call = { indexFile, workTree: dir }
  if (!(await exists(join(dir, '.git')))) {
    await repo.git(['add', '--force', '--all', '.'], call)
    return
  }
  const checkout = repositoryAt(dir, repo.env, repo.signal)
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const input = await checkout.git(listed)
  await repo.git(['update-index', '--add', '--remove', '-z', '--stdin'], { ...call, input })
}
