// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { applySeries, workDirOf } from '../series/apply.ts'
import { loadSeries } from '../series/manifest.ts'
import type { AppliedTree, Series } from '../series/types.ts'
import { ExitCode } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import { table } from '../ui/table.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput } from './command.ts'
import { fetchStep } from './fetch.ts'

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

export const apply: Command = {
  name: 'apply',
  summary: 'Make the work tree: upstream with one commit per entry of the series',
  options: [
    {
      flag: '--discard',
      describe: 'Throw away edits of the work tree (they stay in refs/scif/kept-*)',
    },
  ],
  examples: ['./build apply', './build apply --release 4.3.4', './build apply --discard'],
  plan: async (input) => {
    const artifacts: Artifacts = {}
    return {
      steps: [fetchStep(input, artifacts), await applyStep(input, artifacts)],
      report: async () => {
        const work = need(artifacts, 'work')
        return {
          exitCode: ExitCode.done,
          data: { schemaVersion: 1, ...work },
          text: describe(work),
          next: [`./build compile --release ${work.release}`],
        }
      },
    }
  },
}

function describe(work: AppliedTree): string {
  const rows = work.commits.map(({ id, slug, subject, variant }) => [
    id.slice(0, 12),
    slug,
    variant ?? '',
    subject,
  ])
  return [
    `libzmq ${work.release} in ${work.workDir}: ${work.reason}`,
    '',
    table(['commit', 'entry', 'variant', 'subject'], rows),
  ].join('\n')
}
