// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { gitTry } from '../system/git.ts'
import type { Cache } from './cache.ts'
import { type MirrorOptions, mirrorOf } from './mirror.ts'
import { headerVersion } from './releases.ts'
import { type Delivery, type Route, RouteFailure } from './route.ts'
import { withoutSecret } from './source.ts'
import { createScratch, writeTree } from './tree-id.ts'

/** A pinned release out of any repository that has its commit. */
export function gitRoute(options: MirrorOptions): Route {
  const url = withoutSecret(options.url)
  return {
    name: 'git',
    plan: (release) => `git fetch ${url}, take commit ${release.commit} (${release.tag})`,
    async deliver(release, temp) {
      const { gitDir, cached } = await mirrorOf(options, release.commit)
      const delivery = await checkOut(options.cache, gitDir, release.commit, url, temp)
      return { ...delivery, cached }
    },
  }
}

/** A commit of a mirror, for a ref without a pin: git's own ids prove it. */
export interface RefCommit {
  gitDir: string
  commit: string
  tree: string
  /** ZMQ_VERSION of its include/zmq.h. */
  version: string
  cached: boolean
}

/** Looks a ref up in the repository at the URL or path. */
export async function findRef(options: MirrorOptions, ref: string): Promise<RefCommit> {
  const { cache } = options
  const { gitDir, commit, cached } = await mirrorOf(options, ref)
  const tree = (await show(cache, gitDir, ['rev-parse', `${commit}^{tree}`])).trim()
  const header = await show(cache, gitDir, ['show', `${commit}:include/zmq.h`]).catch(() => '')
  const version = headerVersion(header)
  if (version === undefined) {
    const what = `"${ref}" of ${withoutSecret(options.url)} is not libzmq`
    throw new RouteFailure('release', `${what}: it has no include/zmq.h with a version`)
  }
  return { gitDir, commit, tree, version, cached }
}

/** Writes a commit's files out below `temp`. */
export async function checkOut(
  cache: Cache,
  gitDir: string,
  commit: string,
  url: string,
  temp: string,
): Promise<Delivery> {
  const scratch = await createScratch(join(temp, 'checkout.git'), {
    env: cache.env,
    signal: cache.signal,
    objects: join(gitDir, 'objects'),
  })
  const dir = join(temp, 'checkout')
  await writeTree(scratch, `${commit}^{tree}`, dir)
  return { dir, from: `${url} ${commit}` }
}

async function show(cache: Cache, gitDir: string, args: readonly string[]): Promise<string> {
  const { env, signal } = cache
  const result = await gitTry([`--git-dir=${gitDir}`, ...args], { cwd: gitDir, env, signal })
  signal.throwIfAborted()
  if (result.exitCode === 0) return result.stdout
  throw new RouteFailure('release', `git ${args.join(' ')} failed: ${result.stderr.trim()}`)
}
