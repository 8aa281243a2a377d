// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import type { StepHandle } from '../ui/steps.ts'
import { fetchUpstream } from '../upstream/fetch.ts'
import { releases as pins } from '../upstream/releases.ts'
import { readCompatibility, verifiedReleases } from '../verify/compatibility.ts'
import { newerTags } from '../verify/tags.ts'
import type { CommandInput } from './command.ts'

/** Upstream's releases that are newer than all that were verified, and master; by the git route. */
export async function newReleases(input: CommandInput, handle: StepHandle): Promise<string[]> {
  const { context, options } = input
  const { gitDir } = await fetchUpstream({
    ...{ release: 'master', source: options.source, cacheDir: join(context.out, 'cache') },
    context: { ...context, signal: handle.signal },
    line: handle.line,
    progress: handle.progress,
  })
  if (!gitDir) throw new Error('master came without its repository')
  const before = readCompatibility(join(context.root, 'docs'))
  const known = [...pins.map((pin) => pin.name), ...(before ? verifiedReleases(before) : [])]
  return [...(await newerTags(gitDir, known, context)), 'master']
}
