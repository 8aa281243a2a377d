// SPDX-License-Identifier: MPL-2.0
import { treeDir } from './cache.ts'
import { type FetchRequest, openFetch } from './fetch.ts'
import { routesOf } from './fetch-pinned.ts'
import { repositoryOf } from './fetch-ref.ts'
import { parseRelease } from './releases.ts'
import { withoutSecret } from './source.ts'

/** What fetchUpstream would do, in the order in which it would try; touches nothing. */
export function planFetch(request: FetchRequest): string[] {
  const fetch = openFetch(request)
  const { source, cache, known } = fetch
  const wanted = request.release === undefined ? undefined : parseRelease(request.release, known)
  if (source.kind === 'dir') {
    const pin = wanted?.kind === 'pinned' ? `, which must be tree ${wanted.release.tree}` : ''
    return [`copy ${source.path} into ${cache.dir}${pin}`]
  }
  if (wanted?.kind === 'ref') {
    const url = withoutSecret(repositoryOf(fetch, wanted.ref))
    return [`${fetch.offline ? 'take' : `git fetch ${url}, take`} ${wanted.ref} of its mirror`]
  }
  const releases = wanted ? [wanted.release] : known
  return releases.flatMap((release) => [
    `take ${treeDir(cache, release.tree)} if it is there (${release.name})`,
    ...(fetch.offline ? [] : routesOf(fetch, '').map((route) => `else ${route.plan(release)}`)),
  ])
}
