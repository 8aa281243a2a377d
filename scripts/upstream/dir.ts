// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { isLibzmq, unpack } from './archive.ts'
import { admitTree, type Cache, treeDir, withTemp, writeProvenance } from './cache.ts'
import { headerVersion, type Release, requireSupported, type Wanted } from './releases.ts'
import { mismatch, RouteFailure } from './route.ts'
import { hashCheckout, hashTree } from './tree-id.ts'
import type { FetchedSource } from './types.ts'

/**
 * Takes a folder or tarball of the user's own into the cache. With --release it must be that
 * release; without, it may be any libzmq that is new enough, and is named after its tree.
 */
export function fetchDir(
  cache: Cache,
  path: string,
  wanted: Wanted | undefined,
  known: readonly Release[],
): Promise<FetchedSource> {
  if (wanted?.kind === 'ref') {
    throw new UserError({
      message: `"${wanted.ref}" cannot be told from the files of ${path} alone.`,
      hint: `Leave --release out to take the files as they are, or give --source git:${path} for a ref of that repository.`,
      exitCode: ExitCode.usage,
    })
  }
  return withTemp(cache, async (temp) => {
    const dir = await openTree(cache, path, temp)
    const version = await versionOf(dir, path)
    requireSupported(version)
    const pin = wanted?.release
    const checkout = dir === path && existsSync(join(dir, '.git'))
    const tree = await admitTree(
      cache,
      temp,
      (scratch) => (checkout ? hashCheckout(scratch, dir) : hashTree(scratch, dir)),
      (actual) => {
        if (pin && actual !== pin.tree)
          throw mismatch(`${path}, given as libzmq ${pin.name},`, 'tree', pin.tree, actual)
      },
    )
    const fetchedAt = cache.now().toISOString()
    await writeProvenance(cache, tree, { schemaVersion: 1, route: 'dir', from: path, fetchedAt })
    const release = known.find((one) => one.tree === tree)
    if (!release) cache.line(`${path} is no release: libzmq ${version}, tree ${tree}`)
    return {
      release: release?.name ?? `${version}-${tree.slice(0, 10)}`,
      version,
      tree,
      ...(release ? { commit: release.commit } : {}),
      route: 'dir',
      cached: true,
      dir: treeDir(cache, tree),
      passedOver: [],
    }
  })
}

/** The root of the tree: the folder itself, or what the tarball has in it. */
async function openTree(cache: Cache, path: string, temp: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats) throw unusable(`There is no ${path}.`)
  if (stats.isDirectory()) return path
  try {
    return await unpack(path, join(temp, 'unpacked'), cache)
  } catch (error) {
    if (error instanceof RouteFailure) throw unusable(`${path}: ${error.message}.`, error)
    throw error
  }
}

async function versionOf(dir: string, path: string): Promise<string> {
  const header = isLibzmq(dir) ? await readFile(join(dir, 'include', 'zmq.h'), 'utf8') : ''
  const version = headerVersion(header)
  if (version !== undefined) return version
  throw unusable(`${path} is not libzmq's source: it has no include/zmq.h with a version.`)
}

function unusable(message: string, cause?: unknown): UserError {
  return new UserError({
    message,
    hint: 'Give --source dir:<folder or tarball> with the source of libzmq.',
    exitCode: ExitCode.source,
    cause,
  })
}
