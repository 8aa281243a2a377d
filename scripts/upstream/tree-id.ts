// SPDX-License-Identifier: MPL-2.0
import { lstat, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GitOptions, gitTry } from '../system/git.ts'
import { type Env, tail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { throwIfFull } from './disk-error.ts'

/** A git repository that exists only to hash trees and to write them out. */
export interface Scratch {
  gitDir: string
  env: Env
  signal?: AbortSignal | undefined
}

// Nothing in a tree may change the bytes on their way in or out: this file wins over every
// .gitattributes in the tree.
const attributes = '* -text -eol -ident -filter -working-tree-encoding\n'

/** Makes one at `gitDir`; with `objects`, that object folder can be read from it. */
export async function createScratch(
  gitDir: string,
  options: { env: Env; signal?: AbortSignal | undefined; objects?: string },
): Promise<Scratch> {
  const scratch = { gitDir, env: options.env, signal: options.signal }
  await mkdir(gitDir, { recursive: true })
  await mustGit(['init', '--quiet', '--bare', '--template=', '.'], { ...options, cwd: gitDir })
  await mkdir(join(gitDir, 'info'), { recursive: true })
  await writeFile(join(gitDir, 'info', 'attributes'), attributes)
  if (options.objects !== undefined) {
    await writeFile(join(gitDir, 'objects', 'info', 'alternates'), `${options.objects}\n`)
  }
  return scratch
}

/**
 * The git tree id of a folder, computed from every byte of every file in it, ignored files too.
 * Writes nothing into the folder.
 */
export async function hashTree(scratch: Scratch, dir: string): Promise<string> {
  await scratchGit(scratch, dir, ['read-tree', '--empty'])
  await scratchGit(scratch, dir, ['add', '--all', '--force', '.'])
  return (await scratchGit(scratch, dir, ['write-tree'])).trim()
}

/** As hashTree, of a git checkout: the files as they are now that git would commit. */
export async function hashCheckout(scratch: Scratch, dir: string): Promise<string> {
  const files = await checkoutFiles(scratch, dir)
  await scratchGit(scratch, dir, ['read-tree', '--empty'])
  await scratchGit(scratch, dir, ['update-index', '--add', '-z', '--stdin'], files)
  return (await scratchGit(scratch, dir, ['write-tree'])).trim()
}

/** Writes a tree that the scratch repository knows into the new folder `dir`, byte for byte. */
export async function writeTree(scratch: Scratch, tree: string, dir: string): Promise<void> {
  await mkdir(dir)
  await scratchGit(scratch, dir, ['read-tree', tree])
  await scratchGit(scratch, dir, ['checkout-index', '--all', '--quiet'])
}

/** Tracked and new files of a checkout, without the ignored and the deleted; ended by NUL each. */
async function checkoutFiles(scratch: Scratch, dir: string): Promise<string> {
  const listed = await mustGit(['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: dir,
    env: scratch.env,
    signal: scratch.signal,
  })
  const names = [...new Set(listed.split('\0').filter((name) => name !== ''))]
  const stats = await Promise.allSettled(names.map((name) => lstat(join(dir, name))))
  return names
    .map((name, index) => (stats[index]?.status === 'fulfilled' ? `${name}\0` : ''))
    .join('')
}

function scratchGit(
  scratch: Scratch,
  workTree: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const { gitDir, env, signal } = scratch
  const settings = ['core.bare=false', 'core.fileMode=true', 'core.symlinks=true']
  return mustGit(
    [
      ...settings.flatMap((setting) => ['-c', setting]),
      ...['-c', 'core.looseCompression=0'],
      `--git-dir=${gitDir}`,
      `--work-tree=${workTree}`,
      ...args,
    ],
    { cwd: workTree, env, signal, input },
  )
}

async function mustGit(args: readonly string[], options: GitOptions): Promise<string> {
  const result = await gitTry(args, options)
  options.signal?.throwIfAborted()
  if (result.exitCode === 0) return result.stdout
  throwIfFull(result.stderr)
  throw new UserError({
    message: `The tree in ${options.cwd} could not be read or written by git.`,
    details: tail(result.stderr),
    hint: 'See what git says above: a file that cannot be read, a full disk, a git that is missing.',
    exitCode: result.exitCode === 127 ? ExitCode.missing : ExitCode.source,
  })
}
