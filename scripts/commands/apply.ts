// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { applySeries } from '../series/apply.ts'
import { loadSeries } from '../series/manifest.ts'
import { workDirOf } from '../series/place.ts'
import { type ResumeOptions, resumeSeries } from '../series/resume.ts'
import { chooseRelease } from '../series/status.ts'
import type { AppliedTree, Series } from '../series/types.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import { table } from '../ui/table.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput, CommandPlan, CommandResult } from './command.ts'
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
        threeWay: extra['3way'] === true,
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
    { flag: '--3way', describe: 'Merge what does not fit by itself; stop where a human is needed' },
    { flag: '--continue', describe: 'Go on after a stop: what was put right becomes the commit' },
    { flag: '--skip', describe: 'Go on after a stop without that entry' },
    { flag: '--abort', describe: 'After a stop, make the work tree what it was before' },
    {
      flag: '--discard',
      describe: 'Throw away edits of the work tree (they stay in refs/scif/kept-*)',
    },
  ],
  examples: [
    './build apply',
    './build apply --release 4.3.4',
    './build apply --release master --source git:../libzmq --3way',
    './build apply --continue',
  ],
  plan: async (input) => {
    const artifacts: Artifacts = {}
    const action = resumeAction(input)
    if (action) return resumePlan(input, action)
    return {
      steps: [fetchStep(input, artifacts), await applyStep(input, artifacts)],
      report: async () => reportOf(need(artifacts, 'work')),
    }
  },
}

/** Which of --continue, --skip and --abort was given; more than one is a mistake (exit code 2). */
function resumeAction({ extra }: CommandInput): ResumeOptions['action'] | undefined {
  const given = (['continue', 'skip', 'abort'] as const).filter((name) => extra[name] === true)
  if (given.length > 1 || (given.length === 1 && (extra['3way'] || extra.discard))) {
    throw new UserError({
      message: `--${given.join(' and --')} cannot be given together with other ways to apply.`,
      hint: 'Give one of --continue, --skip and --abort, and nothing else.',
      exitCode: ExitCode.usage,
    })
  }
  return given[0]
}

async function resumePlan(
  input: CommandInput,
  action: ResumeOptions['action'],
): Promise<CommandPlan> {
  const { context, options } = input
  const series = await projectSeries(input)
  const release = await chooseRelease(context.out, options.release, context, `apply --${action}`)
  const workDir = workDirOf(context.out, release)
  let work: AppliedTree | undefined
  const step: Step = {
    id: `apply-${action}`,
    title: `Apply the series: ${action}`,
    plan: [`${action} the apply that is stopped in ${workDir}`],
    run: async (handle) => {
      work = await resumeSeries({
        ...{ workDir, release, series, action },
        context: { env: context.env, signal: handle.signal },
        line: handle.line,
      })
      return { status: 'done', detail: work?.reason ?? 'the work tree is as it was before' }
    },
  }
  const aborted = {
    exitCode: ExitCode.done,
    data: { schemaVersion: 1, workDir, release, action: 'aborted' },
    text: `${workDir} is as it was before.`,
  }
  return { steps: [step], report: async () => (work ? reportOf(work) : aborted) }
}

function reportOf(work: AppliedTree): CommandResult {
  const { release, merges = [], skipped = [] } = work
  const repaired = merges.length > 0 && skipped.length === 0 && work.edits.moved
  return {
    exitCode: ExitCode.done,
    data: { schemaVersion: 1, ...work },
    text: describe(work),
    next: [
      ...(repaired ? [`./build export --release ${release}`] : []),
      `./build compile --release ${release}`,
    ],
  }
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
