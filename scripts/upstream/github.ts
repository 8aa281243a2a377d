// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import type { Env } from '../system/run.ts'
import { unpack } from './archive.ts'
import { download, type Patience } from './download.ts'
import type { Release } from './releases.ts'
import type { Route } from './route.ts'

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
      const sha256 = await download(url(release), file, options)
      const dir = await unpack(file, join(temp, 'unpacked'), options)
      return { dir, from: url(release), sha256 }
    },
  }
}
