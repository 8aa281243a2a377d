// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { applySeries, workDirOf } from '../series/apply.ts'
import { loadSeries } from '../series/manifest.ts'
import type { Series } from '../series/types.ts'
import type { Step } from '../ui/steps.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { CommandInput } from './command.ts'

/** The series of this repository; mistakes in it are a UserError (exit code 2). */
export function projectSeries(input: CommandInput): Promise<Series> {
  const { root } = input.context
  return loadSeries(join(root, 'patches'), join(root, 'libzmq-ext', 'transport'))
}

/** Brings the work tree of the fetched release up to date. */
export async function applyStep(input: CommandInput, artifacts: Artifacts): Promise<Step> {
  const series = await projectSeries(input)
  const { context, options, extra } = input
  const workDir = workDirOf(context.out, options.release ?? '<release>')
  return {
    id: 'apply',
    title: 'Apply the series',
    plan: [
      `in ${workDir}:`,
      ...series.entries.map(({ slug }) => `commit the entry ${slug} of patches/series.yaml`),
    ],
    run: async (handle) => {
      const source = need(artifacts, 'source')
      const work = await applySeries({
        source,
        series,
        workDir: workDirOf(context.out, source.release),
        context: { env: context.env, signal: handle.signal },
        discard: extra.discard === true,
        line: handle.line,
      })
      artifacts.work = work
      const status = work.action === 'unchanged' ? 'skipped' : 'done'
      return { status, detail: `${work.action}: ${work.reason}` }
    },
  }
}
