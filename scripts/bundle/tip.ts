// SPDX-License-Identifier: MPL-2.0
import { gitTry } from '../system/git.ts'
import type { Env } from '../system/run.ts'
import type { UpstreamTip } from './types.ts'

interface AskOptions {
  cwd: string
  env: Env
  signal: AbortSignal
  offline: boolean
}

/** Asks upstream what its master is now, or else the repository that the source is of. */
export async function askTip(
  upstream: string,
  url: string | undefined,
  options: AskOptions,
): Promise<UpstreamTip> {
  const said = await ask(upstream, options)
  if (said.commit !== undefined) return { ...said, byUpstream: true }
  return url === upstream ? said : ask(url, options)
}

async function ask(url: string | undefined, options: AskOptions): Promise<UpstreamTip> {
  if (url === undefined) return { problem: 'the source is no repository' }
  if (options.offline && /^[a-z+]+:\/\/|^[\w.-]+@[\w.-]+:/.test(url) && !url.startsWith('file:'))
    return { problem: 'it was run with --offline' }
  const said = await gitTry(['ls-remote', url, 'refs/heads/master'], {
    ...options,
    timeout: 60_000,
  })
  const commit = /^([0-9a-f]{40,})\trefs\/heads\/master$/m.exec(said.stdout)?.[1]
  if (commit !== undefined) return { commit }
  return {
    problem:
      said.exitCode === 0
        ? 'the repository has no branch master'
        : 'the repository was not reached',
  }
}
