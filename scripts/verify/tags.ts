// SPDX-License-Identifier: MPL-2.0
import semver from 'semver'
import { gitTry } from '../system/git.ts'
import type { Env } from '../system/run.ts'

/** The releases that a repository has tags of, "4.3.6", newer than all that are known; oldest first. */
export async function newerTags(
  gitDir: string,
  known: readonly string[],
  context: { env: Env; signal: AbortSignal },
): Promise<string[]> {
  const args = [`--git-dir=${gitDir}`, 'for-each-ref', '--format=%(refname:strip=2)', 'refs/tags']
  const { stdout } = await gitTry(args, { cwd: gitDir, ...context })
  const [newest = '0.0.0'] = semver.rsort([...known])
  const names = stdout.split('\n').flatMap((tag) => /^v(\d+\.\d+\.\d+)$/.exec(tag)?.[1] ?? [])
  return semver.sort(names.filter((name) => semver.gt(name, newest)))
}

/** The commit that a name (a tag with or without "v", a branch, an id) has in a repository. */
export async function commitOf(
  gitDir: string,
  name: string,
  context: { env: Env; signal: AbortSignal },
): Promise<string | undefined> {
  for (const rev of [name, `v${name}`]) {
    const args = [`--git-dir=${gitDir}`, 'rev-parse', '--verify', '--quiet', `${rev}^{commit}`]
    const { exitCode, stdout } = await gitTry(args, { cwd: gitDir, ...context })
    if (exitCode === 0) return stdout.trim()
  }
  return undefined
}
