// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import type { Env } from '../system/run.ts'
import { unpack } from './archive.ts'
import { download, type Patience } from './download.ts'
import type { Release } from './releases.ts'
import { type Route, RouteFailure } from './route.ts'

const proxyNames = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']

/** The archive that GitHub makes of a release's tag; the release's own tarball has other files. */
export function githubRoute(options: {
  /** "https://github.com", or what stands in for it in a test. */
  base: string
  env: Env
  signal: AbortSignal
  patience: Patience
  progress?: ((text: string) => void) | undefined
}): Route {
  const url = (release: Release) =>
    `${options.base}/zeromq/libzmq/archive/refs/tags/${release.tag}.tar.gz`
  return {
    name: 'github',
    plan: (release) => `download ${url(release)}`,
    async deliver(release, temp) {
      const file = join(temp, 'libzmq.tar.gz')
      const sha256 = await download(url(release), file, options).catch(adviseProxy(options.env))
      const dir = await unpack(file, join(temp, 'unpacked'), options)
      return { dir, from: url(release), sha256 }
    },
  }
}

/** Node.js does not take a proxy from the environment; git does. */
function adviseProxy(env: Env): (error: unknown) => never {
  return (error) => {
    const proxy = proxyNames.find((name) => env[name])
    if (!(error instanceof RouteFailure) || error.scope !== 'route' || !proxy) throw error
    const advice = `${proxy} is used by the git route only`
    throw new RouteFailure('route', `${error.message}; ${advice}`, error)
  }
}
