// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { sayCommit } from '../series/history.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { writeWhole } from '../toolchain/stamp.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import { facts } from '../ui/table.ts'
import { fetchUpstream } from '../upstream/fetch.ts'
import { folderName, releases as pins } from '../upstream/releases.ts'
import { alone } from '../verify/alone.ts'
import { type Bisection, bisect } from '../verify/bisect.ts'
import { needHistory } from '../verify/bisect-history.ts'
import { readCompatibility } from '../verify/compatibility.ts'
import { makeProver } from '../verify/prove.ts'
import { commitOf } from '../verify/tags.ts'
import { projectSeries } from './apply.ts'
import type { CommandInput, CommandPlan, CommandResult } from './command.ts'
import { type FoundLibscif, libscifStep } from './verify-libscif.ts'

/** verify --bisect: the first upstream commit at which the series stops applying, building or passing. */
export async function planBisect(input: CommandInput): Promise<CommandPlan> {
  const { context, options, extra } = input
  const series = await projectSeries(input)
  const release = options.release ?? 'master'
  const build = extra['no-build'] !== true
  const libscif: FoundLibscif = {}
  let found: Bisection | undefined
  const step: Step = {
    id: 'verify-bisect',
    title: `Bisect up to libzmq ${release}`,
    plan: [
      `fetch libzmq ${release} with its history`,
      'apply the series to commits of it, and, where it applies to all, build and test them',
    ],
    run: async (handle) => {
      const source = await fetchUpstream({
        ...{ release, source: options.source, cacheDir: join(context.out, 'cache') },
        context: { ...context, signal: handle.signal },
        line: handle.line,
        progress: handle.progress,
      })
      const root = join(context.out, 'verify', `${folderName(source.release)}-bisect`)
      const { env } = context
      const { gitDir } = await needHistory(source, { env, signal: handle.signal })
      const good = await goodCommits(input, gitDir)
      const compilers = await findCompilers(env, handle.signal)
      const prove =
        build && libscif.value
          ? makeProver({
              ...{ buildSystem: options.buildSystem, libscif: libscif.value, compilers, root },
              jobs: context.jobs,
              logs: join(context.out, 'logs', 'verify'),
              context: { env, signal: handle.signal, progress: handle.progress },
            })
          : undefined
      found = await alone(root, handle, () =>
        bisect({
          ...{ source, good, series, env, signal: handle.signal },
          workDir: join(root, 'history'),
          ...(prove ? { prove } : {}),
          ...{ line: handle.line, progress: handle.progress },
        }),
      )
      return { status: 'done', detail: `${found.applied} applied, ${found.builds} built` }
    },
  }
  return {
    steps: build ? [libscifStep(input, libscif), step] : [step],
    report: async () => {
      if (!found) throw new Error('the bisect step did not run')
      return reportBisection(input, found)
    },
  }
}

/** Where all was well: as --good says, or the last verified and the releases that have a pin. */
async function goodCommits(input: CommandInput, gitDir: string): Promise<string[]> {
  const { context, extra } = input
  const asked = extra.good
  if (typeof asked !== 'string') {
    const verified = readCompatibility(join(context.root, 'docs'))?.releases ?? []
    return [
      ...verified.flatMap(({ status, commit }) => (status === 'passed' && commit ? [commit] : [])),
      ...pins.map((pin) => pin.commit),
    ]
  }
  const commit = await commitOf(gitDir, asked, context)
  if (commit) return [commit]
  throw new UserError({
    message: `--good ${JSON.stringify(asked)} is no tag, branch or commit of that source.`,
    hint: 'For example: --good 4.3.5',
    exitCode: ExitCode.usage,
  })
}

function reportBisection({ context }: CommandInput, found: Bisection): CommandResult {
  const { stops, culprit, good, bad, commits, applied, builds, unknown, details } = found
  const reports = join(context.out, 'reports')
  const file = join(reports, 'verify-bisect.json')
  const data = { schemaVersion: 1, command: 'verify --bisect', date: context.now().toISOString() }
  mkdirSync(reports, { recursive: true })
  writeWhole(file, `${JSON.stringify({ ...data, ...found }, null, 2)}\n`)
  const summary = markdownOf(found)
  writeWhole(join(reports, 'verify-bisect.md'), summary)
  const { GITHUB_STEP_SUMMARY } = context.env
  if (GITHUB_STEP_SUMMARY) appendFileSync(GITHUB_STEP_SUMMARY, summary)
  const looks = `applied ${applied} times, built ${builds} times`
  const between = `${commits} commits, ${good.slice(0, 12)}..${bad.slice(0, 12)}`
  const next = stops === 'applying' ? [`./build apply --release ${found.release} --3way`] : []
  return {
    exitCode: stops === 'nothing' ? ExitCode.done : ExitCode.checkFailed,
    data: { ...data, ...found },
    text: [
      facts([
        ['libzmq', found.release],
        ['between', between],
        ['looked at', looks],
        [
          'found',
          culprit
            ? `the series stops ${stops} with ${sayCommit(culprit)}`
            : 'nothing: all is well at the end',
        ],
        ...(unknown ? [['unknown', `${unknown} commits before it say nothing`] as const] : []),
      ]),
      ...(details ? ['', details] : []),
    ].join('\n'),
    next,
  }
}

/** For a step summary or an issue. */
function markdownOf({ stops, culprit, commits, details, release }: Bisection): string {
  if (!culprit) return `\n## bisect: ${release} is well\n`
  const fenced = details ? ['', '```', details.replaceAll('```', "'''"), '```'] : []
  const who = `\`${culprit.id.slice(0, 12)}\` (${culprit.date}, ${culprit.author}): ${culprit.subject}`
  const head = [`## bisect: the series stops ${stops}`, '', `Of ${commits} commits: ${who}`]
  return `\n${[...head, ...fenced].join('\n')}\n`
}
