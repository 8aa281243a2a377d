// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { gitEnv } from '../system/git.ts'
import { type Env, runOrFail } from '../system/run.ts'

/** Writes the files of a commit into a folder that is made anew. */
export async function exportCommit(
  gitDir: string,
  commit: string,
  dir: string,
  context: { env: Env; signal: AbortSignal },
): Promise<void> {
  const { env, signal } = context
  const making = `${dir}.new`
  const archive = `${dir}.tar`
  for (const path of [making, dir]) rmSync(path, { recursive: true, force: true })
  mkdirSync(making, { recursive: true })
  const options = { cwd: dirname(dir), env: gitEnv({ env }), signal }
  const argv = ['git', `--git-dir=${gitDir}`, 'archive', `--output=${archive}`, commit]
  await runOrFail(argv, { ...options, what: 'git archive' })
  await runOrFail(['tar', '-xf', archive, '-C', making], { ...options, what: 'tar' })
  rmSync(archive, { force: true })
  renameSync(making, dir)
}

/** As exportCommit, unless the folder has that commit already. */
export async function exportOnce(
  gitDir: string,
  commit: string,
  dir: string,
  context: { env: Env; signal: AbortSignal },
): Promise<string> {
  const note = `${dir}.commit`
  if (existsSync(dir) && existsSync(note) && readFileSync(note, 'utf8') === commit) return dir
  rmSync(note, { force: true })
  mkdirSync(dirname(dir), { recursive: true })
  await exportCommit(gitDir, commit, dir, context)
  writeFileSync(note, commit)
  return dir
}
