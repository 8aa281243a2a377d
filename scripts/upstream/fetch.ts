// SPDX-License-Identifier: MPL-2.0
import { mkdir } from 'node:fs/promises'
import type { Context } from '../system/context.ts'
import { type Cache, removeStale } from './cache.ts'
import { fetchDir } from './dir.ts'
import { diskError } from './disk-error.ts'
import { type Patience, patience } from './download.ts'
import { fetchPinned } from './fetch-pinned.ts'
import { fetchRef } from './fetch-ref.ts'
import { parseRelease, type Release, releases } from './releases.ts'
import type { FetchedSource, SourceSpec } from './types.ts'

export interface FetchRequest {
  /** --release as typed; strict when given. */
  release?: string | undefined
  source: SourceSpec
  /** <out>/cache */
  cacheDir: string
  context: Context
  /** A line that stays: a route passed over, the release that was chosen. */
  line: (text: string) => void
  progress?: ((text: string) => void) | undefined
  /** Where GitHub is: "https://github.com", unless a test says otherwise. */
  github?: string
  /** The pins, newest first: the supported releases, unless a test says otherwise. */
  known?: readonly Release[]
  patience?: Patience
}

/** A request with nothing left open. */
export interface Fetch {
  source: SourceSpec
  cache: Cache
  offline: boolean
  progress: ((text: string) => void) | undefined
  github: string
  known: readonly Release[]
  patience: Patience
}

/** Fills in what a request leaves open. */
export function openFetch(request: FetchRequest): Fetch {
  const { env, signal, now, offline } = request.context
  return {
    source: request.source,
    cache: { dir: request.cacheDir, env, signal, now, line: request.line },
    offline,
    progress: request.progress,
    github: request.github ?? 'https://github.com',
    known: request.known ?? releases,
    patience: request.patience ?? patience,
  }
}

/**
 * Gets a tree of libzmq, verified, by the first route that can deliver it. Without a release:
 * the newest supported one that is in the cache or can be had.
 */
export async function fetchUpstream(request: FetchRequest): Promise<FetchedSource> {
  const fetch = openFetch(request)
  const { source, cache, known } = fetch
  const wanted = request.release === undefined ? undefined : parseRelease(request.release, known)
  try {
    await mkdir(cache.dir, { recursive: true })
    await removeStale(cache)
    if (source.kind === 'dir') return await fetchDir(cache, source.path, wanted, known)
    if (wanted?.kind === 'ref') return await fetchRef(fetch, wanted.ref)
    return await fetchPinned(fetch, wanted?.release)
  } catch (error) {
    cache.signal.throwIfAborted()
    throw diskError(error, cache.dir) ?? error
  }
}
