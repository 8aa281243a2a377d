// SPDX-License-Identifier: MPL-2.0
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { applySeries } from '../series/apply.ts'
import { exportSeries } from '../series/export.ts'
import { loadSeries } from '../series/manifest.ts'
import type { AppliedTree } from '../series/types.ts'
import { UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'
import { folderName } from '../upstream/releases.ts'
import type { FetchedSource } from '../upstream/types.ts'
import type { PrepareOptions } from './prepare.ts'
import type { ReleaseResult } from './types.ts'

/**
 * Merges what does not fit, in a work tree of its own, and exports the outcome into a copy of the
 * series below the reports: a proposal, to be read by a maintainer. Where a human is needed it
 * says so, and there is nothing to build.
 */
export async function repairRelease(
  options: PrepareOptions,
  source: FetchedSource,
  handle: StepHandle,
): Promise<{ repair: NonNullable<ReleaseResult['repair']>; work?: AppliedTree }> {
  const { series, context } = options
  const release = folderName(source.release)
  const dir = join(options.reports, `repaired-${release}`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const patches = join(dir, 'patches')
  const transport = join(dir, 'libzmq-ext', 'transport')
  cpSync(series.patchesDir, patches, { recursive: true })
  cpSync(series.transportDir, transport, { recursive: true })
  const workDir = join(options.dir, `${release}-repaired`, 'src')
  // From nothing each time: a stop of the last night is of no use.
  rmSync(dirname(workDir), { recursive: true, force: true })
  mkdirSync(dirname(workDir), { recursive: true })
  const place = { workDir, context: { env: context.env, signal: handle.signal } }
  try {
    const copy = await loadSeries(patches, transport)
    const more = { threeWay: true, line: handle.line }
    const work = await applySeries({ ...place, source, series: copy, ...more })
    const report = await exportSeries({ ...place, series: copy, release: source.release })
    const paths = report.changes.map(({ path }) => path).join(', ')
    return {
      work,
      repair: { merged: true, files: work.merges ?? [], dir, reason: `rewrote ${paths}` },
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    rmSync(dir, { recursive: true, force: true })
    const reason = [error.message, error.details].filter(Boolean).join('\n')
    return { repair: { merged: false, files: [], reason } }
  }
}
