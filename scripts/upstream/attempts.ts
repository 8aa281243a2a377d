// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cache, writeJson } from './cache.ts'
import type { Release } from './releases.ts'
import type { RouteName } from './types.ts'

interface Attempt {
  reason: string
  /** ISO 8601, UTC. */
  at: string
}

/** Routes that lately could not deliver a release, so that not every run asks the network again. */
export interface Attempts {
  /** The reason, when the route failed for the release within the last hour. */
  recent(route: RouteName, release: Release): string | undefined
  record(route: RouteName, release: Release, reason: string): void
  save(): Promise<void>
}

const hour = 60 * 60 * 1000

export async function readAttempts(cache: Cache): Promise<Attempts> {
  const file = join(cache.dir, 'attempts.json')
  const attempts = new Map(Object.entries(await readJson(file)))
  const key = (route: RouteName, release: Release) => `${route} ${release.name}`
  const now = cache.now()
  let changed = false
  return {
    recent(route, release) {
      const attempt = attempts.get(key(route, release))
      const age = attempt === undefined ? Number.NaN : now.getTime() - Date.parse(attempt.at)
      if (!attempt || !(age >= 0 && age < hour)) return undefined
      const minutes = Math.floor(age / 60_000)
      return `${attempt.reason}; asked ${minutes === 0 ? 'just now' : `${minutes} min ago`}`
    },
    record(route, release, reason) {
      attempts.set(key(route, release), { reason, at: now.toISOString() })
      changed = true
    },
    async save() {
      if (changed) await writeJson(cache, file, Object.fromEntries(attempts))
    },
  }
}

/** What is not readable counts as nothing: the file only saves time. */
async function readJson(file: string): Promise<Record<string, Attempt>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, Attempt>
  } catch {
    return {}
  }
}
