// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findCompilers } from '../toolchain/compiler.ts'
import { chooseLibscif, libraryVersion, scifDevices, scifPrefixes } from '../toolchain/libscif.ts'
import { buildSoftscif, type SoftscifBuild } from '../toolchain/softscif.ts'
import { hashFiles, hashFolder, writeWhole } from '../toolchain/stamp.ts'
import { ExitCode, type UserError } from '../ui/errors.ts'
import { duration } from '../ui/run-steps.ts'
import type { Step, StepHandle, StepOutcome } from '../ui/steps.ts'
import { parseRelease, releases as pins } from '../upstream/releases.ts'
import type { CellJob } from '../verify/cell.ts'
import { annotations, junit, markdown } from '../verify/formats.ts'
import { planCells, runMatrix } from '../verify/matrix.ts'
import { memoryIn, noMemory } from '../verify/memory.ts'
import { type Prepared, prepareRelease } from '../verify/prepare.ts'
import { allPassed, describeMachine, reportText, type VerifyReport } from '../verify/report.ts'
import { type BuildSystem, type CellPlan, type CellResult, cellId } from '../verify/types.ts'
import { judgeVariants } from '../verify/variants.ts'
import { projectSeries } from './apply.ts'
import type { Command, CommandInput, CommandPlan, CommandResult } from './command.ts'
import { systemStep } from './system.ts'
import { patternOf, releasesOf } from './verify-options.ts'

export const verify: Command = {
  name: 'verify',
  summary: 'Prove the series on every release: apply, build, test, with both build systems',
  options: [
    {
      flag: '--releases <list>',
      describe: 'Which releases, separated by commas (default: all supported)',
    },
    { flag: '--cells <regex>', describe: 'Only builds whose name matches: "cmake-scif"' },
    { flag: '--every-commit', describe: 'Build each commit of the series, too' },
    { flag: '--no-build', describe: 'Only apply the series' },
    { flag: '--3way', describe: 'Where it does not apply, merge, and build what comes of it' },
    { flag: '--again', describe: 'Run also what is remembered as good' },
  ],
  examples: [
    './build verify',
    './build verify --release 4.3.4 --every-commit',
    './build verify --releases 4.3.5,master --source git:../libzmq',
    "./build verify --release 4.3.4 --cells 'cmake-scif'",
  ],
  plan: planVerify,
}

/** What the steps of a run find. */
interface Found {
  prepared: Prepared[]
  cells: CellResult[]
  libscif?: CellJob['libscif'] & { version?: string }
  compiler: string
}

async function planVerify(input: CommandInput): Promise<CommandPlan> {
  const { context, options, extra } = input
  const start = performance.now()
  const series = await projectSeries(input)
  const pattern = patternOf(extra.cells)
  const names = releasesOf(input)
  for (const name of names) parseRelease(name)
  const found: Found = { prepared: [], cells: [], compiler: '' }
  const build = extra['no-build'] !== true
  const plans = planCells(systemsOf(input), [true, false], true)
  const chosen = (release: string) => plans.filter((plan) => pattern.test(cellId(release, plan)))
  const dir = join(context.out, 'verify')
  const reports = join(context.out, 'reports', 'verify')
  const steps: Step[] = [await systemStep(input)]
  if (build) steps.push(libscifStep(input, found))
  for (const release of names)
    steps.push({
      id: `verify-${release}`,
      title: `Apply the series to libzmq ${release}`,
      plan: [`fetch libzmq ${release}, check it against its pin, apply the series strictly`],
      run: async (handle) => {
        const prepared = await prepareRelease(
          {
            ...{ release, source: options.source, series, dir, reports, context },
            cacheDir: join(context.out, 'cache'),
            threeWay: extra['3way'] === true,
          },
          handle,
        )
        found.prepared.push(prepared)
        return outcomeOf(prepared)
      },
    })
  if (build)
    steps.push({
      id: 'verify-cells',
      title: 'Build and test',
      plan: names.flatMap((release) => chosen(release).map((plan) => cellId(release, plan))),
      run: (handle) => runCells(input, found, chosen, handle),
    })
  return { steps, report: async () => report(input, found, performance.now() - start) }

  async function runCells(
    { context, extra }: CommandInput,
    found: Found,
    chosen: (release: string) => CellPlan[],
    handle: StepHandle,
  ): Promise<StepOutcome> {
    const { libscif } = found
    if (!libscif) throw new Error('no earlier step has delivered libscif')
    const compilers = await findCompilers(context.env, handle.signal)
    const results = await runMatrix(
      found.prepared.filter(({ work }) => work !== undefined),
      chosen,
      {
        ...{ series, compilers, libscif },
        logs: join(context.out, 'logs', 'verify'),
        everyCommit: extra['every-commit'] === true,
        memory: extra.again === true ? noMemory : memoryIn(join(dir, 'results')),
        ...{ jobs: context.jobs, env: context.env, signal: handle.signal, now: context.now },
        progress: handle.progress,
        ended: (result) => handle.line(sayCell(result)),
      },
    )
    found.cells.push(...results)
    const failed = results.filter(({ status }) => status === 'failed').length
    const run = results.filter(({ remembered }) => remembered === undefined).length
    const detail = `${results.length} builds, ${failed} failed, ${results.length - run} remembered`
    return { status: run === 0 ? 'skipped' : 'done', detail }
  }
}

/** Both build systems, unless one was asked for. */
function systemsOf({ options, extra }: CommandInput): readonly BuildSystem[] {
  return extra['build-system'] === undefined ? ['autotools', 'cmake'] : [options.buildSystem]
}

function outcomeOf({ result }: Prepared): StepOutcome {
  const { status, reason, checks } = result
  if (status === 'passed') {
    const detail = checks.map((check) => check.detail).join('; ')
    return { status: 'done', detail }
  }
  return { status: status === 'failed' ? 'done' : 'skipped', detail: `${status}: ${reason}` }
}

function sayCell({ id, status, reason, tests, remembered, milliseconds }: CellResult): string {
  const counts = tests ? `, tests ${tests.passed}/${tests.failed}/${tests.skipped}` : ''
  const when = remembered ? `remembered of ${remembered}` : duration(milliseconds)
  return `${id}: ${status}${counts} (${when})${reason ? `: ${reason}` : ''}`
}

/** The libscif that all builds with scif are made against. */
function libscifStep(input: CommandInput, found: Found): Step {
  const { context, options } = input
  const root = join(context.out, 'verify', 'softscif')
  const sourceDir = join(context.root, 'libzmq-ext', 'softscif')
  const places = { ownPrefix: join(root, 'prefix'), devices: scifDevices, prefixes: scifPrefixes }
  const { choice, reason } = chooseLibscif(options.scif, places)
  return {
    id: 'verify-libscif',
    title: 'Build SoftSCIF',
    plan: [choice.kind === 'soft' ? `into ${places.ownPrefix}` : `nothing: ${reason}`],
    run: async (handle) => {
      const compilers = await findCompilers(context.env, handle.signal)
      found.compiler = compilers.version
      if (choice.kind === 'real') {
        const files = [join(choice.prefix, 'include', 'scif.h'), choice.library]
        const version = libraryVersion(choice.library)
        found.libscif = { choice, key: `real ${hashFiles('/', files)}`, version }
        return { status: 'skipped', detail: reason }
      }
      const build: SoftscifBuild = {
        ...{ sourceDir, compilers, prefix: places.ownPrefix },
        buildDir: join(root, 'build'),
        logFile: join(context.out, 'logs', 'verify', 'softscif.log'),
      }
      const outcome = await buildSoftscif(build, context, handle)
      const version = libraryVersion(join(places.ownPrefix, 'lib', 'libscif.so'))
      found.libscif = { choice, key: `soft ${hashFolder(sourceDir)}`, version }
      return outcome
    },
  }
}

async function report(
  input: CommandInput,
  found: Found,
  milliseconds: number,
): Promise<CommandResult> {
  const { context } = input
  const series = await projectSeries(input)
  const trials = found.prepared.flatMap((one) => one.trials)
  const parts = {
    releases: found.prepared.map(({ result }) => result),
    cells: found.cells,
    variants: judgeVariants(
      series,
      trials,
      pins.map((pin) => pin.name),
    ),
  }
  const files = ['verify/junit.xml', 'verify/summary.md']
  const data: VerifyReport = {
    schemaVersion: 1,
    command: 'verify',
    date: context.now().toISOString(),
    commands: [commandOf(input)],
    machine: describeMachine(),
    files,
    series: { name: series.name, version: series.version, entries: series.entries.length },
    compiler: found.compiler,
    libscif: {
      kind: found.libscif?.choice.kind ?? 'none',
      ...(found.libscif?.version ? { version: found.libscif.version } : {}),
    },
    passed: allPassed(parts),
    milliseconds: Math.round(milliseconds),
    ...parts,
  }
  const reports = join(context.out, 'reports')
  mkdirSync(join(reports, 'verify'), { recursive: true })
  writeWhole(join(reports, 'verify.json'), `${JSON.stringify(data, null, 2)}\n`)
  writeWhole(join(reports, 'verify', 'junit.xml'), junit(data))
  writeWhole(join(reports, 'verify', 'summary.md'), markdown(data))
  tellGithub(input, data)
  return {
    exitCode: exitCodeOf(data, found.prepared),
    data,
    text: `${reportText(data)}\n\nreport: ${join(reports, 'verify.json')}`,
  }
}

/** Annotations, on standard error because they are talk, and the step's summary. */
function tellGithub({ context }: CommandInput, data: VerifyReport): void {
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = context.env
  if (GITHUB_ACTIONS === 'true')
    for (const line of annotations(data)) process.stderr.write(`${line}\n`)
  if (GITHUB_STEP_SUMMARY) appendFileSync(GITHUB_STEP_SUMMARY, `${markdown(data)}\n`)
}

/** A failure counts first; then that a release that was asked for, or every one, was not to be had. */
function exitCodeOf(data: VerifyReport, prepared: readonly Prepared[]): ExitCode {
  if (!data.passed) return ExitCode.checkFailed
  const errors = prepared.map((one) => one.error).filter((one): one is UserError => !!one)
  const asked = data.commands.some((command) => /--(releases?|new)\b/.test(command))
  if (errors.length === 0 || (!asked && errors.length < prepared.length)) return ExitCode.done
  return errors[0]?.exitCode ?? ExitCode.source
}

/** The command as it was meant, for the report. */
function commandOf({ extra }: CommandInput): string {
  const quiet = ['json', 'quiet', 'verbose', 'yes', 'out', 'jobs']
  const words = Object.entries(extra)
    .filter(([name, value]) => value !== undefined && !quiet.includes(name))
    .flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))
  return ['./build verify', ...words].join(' ')
}
