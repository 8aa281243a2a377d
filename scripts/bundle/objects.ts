// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GitOptions, git, gitTry } from '../system/git.ts'
import type { Env, RunResult } from '../system/run.ts'

type CallOptions = Pick<GitOptions, 'author' | 'date' | 'input' | 'indexFile'>

/** A bare repository without a configuration of anybody, over the objects of another one. */
export interface Objects {
  dir: string
  git(args: readonly string[], options?: CallOptions): Promise<string>
  try(args: readonly string[], options?: CallOptions): Promise<RunResult>
}

/**
 * Makes it. Whatever the user has set in the work tree (diff.noprefix, format.*, notes, hooks)
 * has no part in what git writes from here, and nothing is added to the work tree's repository.
 */
export async function borrowObjects(
  gitDir: string,
  dir: string,
  context: { env: Env; signal: AbortSignal },
): Promise<Objects> {
  const options = { cwd: dir, env: context.env, signal: context.signal, timeout: 300_000 }
  await mkdir(dir, { recursive: true })
  await git(['init', '--quiet', '--bare', '--template=', dir], options)
  await mkdir(join(dir, 'objects', 'info'), { recursive: true })
  const alternates = [join(gitDir, 'objects'), ...(await alternatesOf(gitDir))]
  await writeFile(join(dir, 'objects', 'info', 'alternates'), `${alternates.join('\n')}\n`)
  const where = `--git-dir=${dir}`
  return {
    dir,
    git: (args, call = {}) => git([where, ...args], { ...options, ...call }),
    try: (args, call = {}) => gitTry([where, ...args], { ...options, ...call }),
  }
}

async function alternatesOf(gitDir: string): Promise<string[]> {
  const file = join(gitDir, 'objects', 'info', 'alternates')
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line.startsWith('/'))
}
