// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Series } from '../series/types.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { duration } from '../ui/run-steps.ts'
import type { Step, StepHandle, StepOutcome } from '../ui/steps.ts'
import { parseRelease } from '../upstream/releases.ts'
import { alone } from '../verify/alone.ts'
import { planCells, runMatrix } from '../verify/matrix.ts'
import { memoryIn, noMemory } from '../verify/memory.ts'
import { chooseOthers } from '../verify/others.ts'
import { type Prepared, prepareRelease } from '../verify/prepare.ts'
import { type CellPlan, type CellResult, cellId } from '../verify/types.ts'
import { projectSeries } from './apply.ts'
import type { Command, CommandInput, CommandPlan } from './command.ts'
import { systemStep } from './system.ts'
import { planBisect } from './verify-bisect.ts'
import { libscifStep } from './verify-libscif.ts'
import { newReleases } from './verify-new.ts'
import { checkOptions, patternOf, releasesOf, systemsOf } from './verify-options.ts'
import { type Found, reportVerify } from './verify-report.ts'

export const verify: Command = {
  name: 'verify',
  summary: 'Prove the series on every release: apply, build, test, with both build systems',
  options: [
    {
      flag: '--releases <list>',
      describe: 'Which releases, separated by commas (default: all supported)',
    },
    { flag: '--new', describe: "Upstream's tags newer than what was verified, and master" },
    { flag: '--cells <regex>', describe: 'Only builds whose name matches: "cmake-scif"' },
    { flag: '--every-commit', describe: 'Build each commit of the series, too' },
    { flag: '--no-build', describe: 'Only apply the series' },
    { flag: '--3way', describe: 'Where it does not apply, merge, and build what comes of it' },
    { flag: '--again', describe: 'Run also what is remembered as good' },
    {
      flag: '--bisect',
      describe: 'Find the first upstream commit at which the series stops applying, or building',
    },
    {
      flag: '--good <ref>',
      describe: 'With --bisect: where all was well (default: last verified)',
    },
    { flag: '--write-docs', describe: 'Write docs/compatibility.md from what was found' },
  ],
  examples: [
    './build verify',
    './build verify --release 4.3.4 --every-commit',
    './build verify --releases 4.3.5,master --source git:../libzmq',
    './build verify --new --source git:../libzmq --3way',
    './build verify --bisect --release master --source git:../libzmq',
  ],
  plan: (input) => {
    checkOptions(input)
    return input.extra.bisect === true ? planBisect(input) : planVerify(input)
  },
}

/** One run of the matrix. */
interface Run {
  input: CommandInput
  series: Series
  found: Found
  /** The folder of all verifying. */
  dir: string
  chosen: (release: string) => CellPlan[]
}

async function planVerify(input: CommandInput): Promise<CommandPlan> {
  const { context, extra } = input
  const start = performance.now()
  const series = await projectSeries(input)
  const pattern = patternOf(extra.cells)
  const plans = planCells(systemsOf(input), [true, false], true)
  const run: Run = {
    ...{ input, series },
    found: { prepared: [], cells: [], libscif: {} },
    dir: join(context.out, 'verify'),
    chosen: (release) => plans.filter((plan) => pattern.test(cellId(release, plan))),
  }
  const build = extra['no-build'] !== true
  const names = extra.new === true ? [] : releasesOf(input)
  // One that is too old is not even tried.
  for (const name of names) parseRelease(name)
  const steps: Step[] = [await systemStep(input)]
  if (build) steps.push(libscifStep(input, run.found.libscif))
  if (extra.new === true) steps.push(newStep(run))
  else steps.push(...names.map((name) => releaseStep(run, name)))
  if (build)
    steps.push({
      id: 'verify-cells',
      title: 'Build and test',
      plan: (extra.new === true ? ['<release>'] : names).flatMap((release) =>
        run.chosen(release).map((plan) => cellId(release, plan)),
      ),
      run: (handle) => runCells(run, handle),
    })
  const line = (text: string) => {
    if (!input.options.quiet) process.stderr.write(`${text}\n`)
  }
  return {
    steps,
    report: () => reportVerify(input, run.found, performance.now() - start),
    // Of one run from the first release to the report: trees, builds and repairs are all in there.
    alone: (work) => alone(run.dir, { signal: context.signal, line }, work),
  }
}

function releaseStep(run: Run, release: string): Step {
  return {
    id: `verify-${release}`,
    title: `Apply the series to libzmq ${release}`,
    plan: [`fetch libzmq ${release}, check it against its pin, apply the series strictly`],
    run: async (handle) => outcomeOf(await prepare(run, release, handle)),
  }
}

function newStep(run: Run): Step {
  return {
    id: 'verify-new',
    title: 'Apply the series to what is new',
    plan: ['fetch master and the tags newer than the last that was verified, apply the series'],
    run: async (handle) => {
      const names = await newReleases(run.input, handle)
      const tags = names.filter((name) => name !== 'master')
      handle.line(tags.length > 0 ? `new: ${tags.join(', ')}` : 'no new release; master as it is')
      for (const name of names) {
        const { detail } = outcomeOf(await prepare(run, name, handle))
        handle.line(`${name}: ${detail}`)
      }
      return { status: 'done', detail: names.join(', ') }
    },
  }
}

async function prepare(run: Run, release: string, handle: StepHandle): Promise<Prepared> {
  const { input, series, found, dir } = run
  const { context, options, extra } = input
  const places = {
    cacheDir: join(context.out, 'cache'),
    reports: join(context.out, 'reports', 'verify'),
  }
  const more = { source: options.source, threeWay: extra['3way'] === true, context }
  const prepared = await prepareRelease({ release, series, dir, ...places, ...more }, handle)
  found.prepared.push(prepared)
  return prepared
}

async function runCells(run: Run, handle: StepHandle): Promise<StepOutcome> {
  const { input, series, found, dir } = run
  const { context, extra } = input
  const libscif = found.libscif.value
  if (!libscif) throw new Error('no earlier step has delivered libscif')
  const compilers = await findCompilers(context.env, handle.signal)
  const buildable = found.prepared.filter(({ work }) => work !== undefined)
  const results = await runMatrix(buildable, run.chosen, {
    ...{ series, compilers, libscif },
    logs: join(context.out, 'logs', 'verify'),
    everyCommit: extra['every-commit'] === true,
    othersOf: ({ workDir }) =>
      chooseOthers(readFileSync(join(workDir, 'configure.ac'), 'utf8'), {
        ...{ env: context.env, signal: handle.signal },
      }),
    memory: extra.again === true ? noMemory : memoryIn(join(dir, 'results')),
    ...{ jobs: context.jobs, env: context.env, signal: handle.signal, now: context.now },
    progress: handle.progress,
    ended: (result) => handle.line(sayCell(result)),
  })
  found.cells.push(...results)
  const failed = results.filter(({ status }) => status === 'failed').length
  const remembered = results.filter((result) => result.remembered !== undefined).length
  const detail = `${results.length} builds, ${failed} failed, ${remembered} remembered`
  return { status: remembered === results.length ? 'skipped' : 'done', detail }
}

function outcomeOf({ result }: Prepared): StepOutcome {
  const { status, reason, checks } = result
  if (status === 'passed')
    return { status: 'done', detail: checks.map((check) => check.detail).join('; ') }
  return { status: status === 'failed' ? 'done' : 'skipped', detail: `${status}: ${reason}` }
}

function sayCell({ id, status, reason, tests, remembered, milliseconds }: CellResult): string {
  const counts = tests ? `, tests ${tests.passed}/${tests.failed}/${tests.skipped}` : ''
  const when = remembered ? `remembered of ${remembered}` : duration(milliseconds)
  return `${id}: ${status}${counts} (${when})${reason ? `: ${reason}` : ''}`
}
