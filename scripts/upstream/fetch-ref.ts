// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { admitTree, hasTree, treeDir, withTemp, writeProvenance } from './cache.ts'
import type { Fetch } from './fetch.ts'
import { checkOut, findRef, type RefCommit } from './git.ts'
import type { MirrorOptions } from './mirror.ts'
import { folderName, requireSupported } from './releases.ts'
import { mismatch, RouteFailure } from './route.ts'
import { withoutSecret } from './source.ts'
import { hashTree } from './tree-id.ts'
import type { FetchedSource } from './types.ts'

/**
 * A ref without a pin comes by git alone: there the commit id proves the tree, while an archive
 * of a ref proves nothing. Unless a repository is named, it is upstream's own.
 */
export async function fetchRef(fetch: Fetch, ref: string): Promise<FetchedSource> {
  const { cache, offline, patience, progress } = fetch
  const url = repositoryOf(fetch, ref)
  if (fetch.source.kind === 'auto')
    cache.line(`"${ref}" has no pin, so only git can prove it: taking it from ${url}`)
  const mirror: MirrorOptions = { cache, url, offline, patience, progress }
  try {
    const found = await findRef(mirror, ref)
    requireSupported(found.version)
    const { version, tree, commit, gitDir } = found
    if (!(await hasTree(cache, tree))) await take(fetch, found, withoutSecret(url))
    return {
      release: folderName(ref.replace(/^v(?=\d+\.\d+\.\d+$)/, '')),
      version,
      tree,
      commit,
      route: 'git',
      cached: found.cached,
      dir: treeDir(cache, tree),
      gitDir,
      passedOver: [],
    }
  } catch (error) {
    if (!(error instanceof RouteFailure)) throw error
    throw new UserError({
      message: `libzmq's "${ref}" could not be had, because ${error.message}.`,
      hint: offline
        ? `Once without --offline: git fetch ${withoutSecret(url)}`
        : 'Give --source git:<url or path> with a repository of libzmq that can be reached and has it.',
      exitCode: ExitCode.source,
      cause: error,
    })
  }
}

/** The repository that a ref is looked up in. */
export function repositoryOf(fetch: Pick<Fetch, 'source' | 'github'>, ref: string): string {
  if (fetch.source.kind === 'git') return fetch.source.url
  if (fetch.source.kind !== 'debian') return `${fetch.github}/zeromq/libzmq.git`
  throw new UserError({
    message: `"${ref}" has no pin, and only git can prove what it is; Debian's archive has releases only.`,
    hint: 'Give --source git:<url or path>.',
    exitCode: ExitCode.usage,
  })
}

async function take(fetch: Fetch, found: RefCommit, url: string): Promise<void> {
  const { cache } = fetch
  await withTemp(cache, async (temp) => {
    const { dir, from } = await checkOut(cache, found.gitDir, found.commit, url, temp)
    await admitTree(
      cache,
      temp,
      (scratch) => hashTree(scratch, dir),
      (actual) => {
        if (actual !== found.tree)
          throw mismatch(`Commit ${found.commit}`, 'tree', found.tree, actual)
      },
    )
    const fetchedAt = cache.now().toISOString()
    await writeProvenance(cache, found.tree, { schemaVersion: 1, route: 'git', from, fetchedAt })
  })
}
