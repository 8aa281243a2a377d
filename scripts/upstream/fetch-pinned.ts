// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import { type Attempts, readAttempts } from './attempts.ts'
import {
  admitTree,
  type Cache,
  hasTree,
  readProvenance,
  treeDir,
  withTemp,
  writeProvenance,
} from './cache.ts'
import { debianRoute } from './debian.ts'
import type { Fetch } from './fetch.ts'
import { gitRoute } from './git.ts'
import { githubRoute } from './github.ts'
import { mirrorWith } from './mirror.ts'
import { headerVersion, type Release } from './releases.ts'
import { mismatch, type Route, RouteFailure } from './route.ts'
import { hashTree } from './tree-id.ts'
import type { FetchedSource, PassedOver, RouteName } from './types.ts'

/** The routes that a source allows, in the order in which they are tried. */
export function routesOf(fetch: Fetch, aptRoot: string): Route[] {
  const { cache, offline, patience, progress, source } = fetch
  const common = { env: cache.env, signal: cache.signal, patience, progress }
  const github = () => githubRoute({ ...common, base: fetch.github })
  const debian = () => debianRoute({ ...common, root: aptRoot })
  if (source.kind === 'github') return [github()]
  if (source.kind === 'debian') return [debian()]
  if (source.kind === 'git')
    return [gitRoute({ cache, url: source.url, offline, patience, progress })]
  return [github(), debian()]
}

/** A release with a pin; without one, the newest that can be had. */
export function fetchPinned(fetch: Fetch, wanted: Release | undefined): Promise<FetchedSource> {
  const { cache } = fetch
  return withTemp(cache, async (temp) => {
    const aptRoot = join(temp, 'apt')
    await mkdir(aptRoot)
    const search: Search = {
      fetch,
      strict: wanted !== undefined,
      routes: routesOf(fetch, aptRoot),
      attempts: await readAttempts(cache),
      dead: new Map(),
      passedOver: [],
    }
    const candidates = wanted ? [wanted] : fetch.known
    try {
      for (const [index, release] of candidates.entries()) {
        const older = candidates.slice(index + 1)
        const source = await findRelease(search, release, older)
        if (!source) continue
        const missed = candidates.slice(0, index).map((one) => one.name)
        if (missed.length > 0)
          cache.line(
            `${missed.join(', ')}: not to be had here; taking ${release.name} by ${source.route}`,
          )
        return source
      }
    } finally {
      await search.attempts.save()
    }
    throw nothingToBeHad(search, candidates)
  })
}

interface Search {
  fetch: Fetch
  /** A release was asked for by name. */
  strict: boolean
  routes: readonly Route[]
  attempts: Attempts
  /** Routes that in this run turned out to deliver nothing at all, and why. */
  dead: Map<RouteName, string>
  passedOver: PassedOver[]
}

async function findRelease(
  search: Search,
  release: Release,
  older: readonly Release[],
): Promise<FetchedSource | undefined> {
  const { fetch, routes } = search
  const { cache } = fetch
  const byGit = fetch.source.kind === 'git'
  // A git source is asked first all the same: its history is wanted too.
  if (!byGit && (await hasTree(cache, release.tree))) return describe(search, release, undefined)
  for (const route of routes) {
    if (fetch.offline && !byGit) {
      passOver(search, route, release, 'it is not in the cache', false)
      continue
    }
    const before = reasonFromBefore(search, route, release, older)
    if (before !== undefined) {
      passOver(search, route, release, before, !search.dead.has(route.name))
      continue
    }
    try {
      return await deliver(search, route, release)
    } catch (error) {
      if (!(error instanceof RouteFailure)) throw error
      if (error.scope === 'route') search.dead.set(route.name, error.message)
      search.attempts.record(route.name, release, error.message)
      passOver(search, route, release, error.message, true)
    }
  }
  if (byGit && (await hasTree(cache, release.tree))) return describe(search, release, undefined)
  return undefined
}

/** Why a route need not be asked: it is dead in this run, or failed lately and the cache helps out. */
function reasonFromBefore(
  search: Search,
  route: Route,
  release: Release,
  older: readonly Release[],
): string | undefined {
  const dead = search.dead.get(route.name)
  if (dead !== undefined || search.strict) return dead
  if (!older.some((one) => existsSync(treeDir(search.fetch.cache, one.tree)))) return undefined
  return search.attempts.recent(route.name, release)
}

function passOver(
  search: Search,
  route: Route,
  release: Release,
  reason: string,
  aloud: boolean,
): void {
  search.passedOver.push({ route: route.name, release: release.name, reason })
  if (aloud) search.fetch.cache.line(`${release.name}: ${route.name} passed over: ${reason}`)
}

async function deliver(search: Search, route: Route, release: Release): Promise<FetchedSource> {
  const { cache } = search.fetch
  return withTemp(cache, async (temp) => {
    const { dir, from, sha256, cached } = await route.deliver(release, temp)
    const what = `libzmq ${release.name} by ${route.name} (${from})`
    await admitTree(
      cache,
      temp,
      (scratch) => hashTree(scratch, dir),
      (tree) => {
        if (tree !== release.tree) throw mismatch(what, 'tree', release.tree, tree)
      },
    )
    const provenance = { schemaVersion: 1 as const, route: route.name, from }
    await writeProvenance(cache, release.tree, {
      ...provenance,
      ...(sha256 === undefined ? {} : { sha256 }),
      fetchedAt: cache.now().toISOString(),
    })
    return describe(search, release, { route: route.name, cached: cached ?? false })
  })
}

/** The release as it lies in the cache; `delivered` when a route has just been used. */
async function describe(
  search: Search,
  release: Release,
  delivered: { route: RouteName; cached: boolean } | undefined,
): Promise<FetchedSource> {
  const { cache } = search.fetch
  const gitDir = await mirrorWith(cache, release.commit)
  const route = delivered?.route ?? (await readProvenance(cache, release.tree))?.route ?? 'cache'
  return {
    release: release.name,
    version: await versionIn(cache, release),
    tree: release.tree,
    commit: release.commit,
    route,
    cached: delivered?.cached ?? true,
    dir: treeDir(cache, release.tree),
    ...(gitDir === undefined ? {} : { gitDir }),
    passedOver: search.passedOver,
  }
}

async function versionIn(cache: Cache, release: Release): Promise<string> {
  const header = join(treeDir(cache, release.tree), 'include', 'zmq.h')
  const version = headerVersion(await readFile(header, 'utf8'))
  if (version === undefined) throw new Error(`${header} has no ZMQ_VERSION`)
  return version
}

function nothingToBeHad(search: Search, candidates: readonly Release[]): UserError {
  const { fetch, passedOver, routes } = search
  const names = candidates.map((one) => one.name)
  const [newest] = candidates
  const ways = newest === undefined ? [] : routes.map((route) => `  ${route.plan(newest)}`)
  return new UserError({
    message: fetch.offline
      ? `libzmq ${names.join(', ')} cannot be had without the network: the cache lacks it.`
      : `libzmq ${names.join(', ')} could not be had.`,
    details: fetch.offline
      ? candidates.map((one) => `missing: ${treeDir(fetch.cache, one.tree)}`).join('\n')
      : passedOver.map((one) => `${one.release}: ${one.route}: ${one.reason}`).join('\n'),
    hint: fetch.offline
      ? `Once without --offline it comes by:\n${ways.join('\n')}\nOr give --source dir:<folder or tarball>.`
      : [
          'Give --source git:<url or path> or --source dir:<folder or tarball>, or mend the network.',
          ...(search.strict ? ['Without --release the newest that can be had is taken.'] : []),
        ].join('\n'),
    exitCode: ExitCode.source,
  })
}
