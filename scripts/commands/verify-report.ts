// SPDX-License-Identifier: MPL-2.0
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../toolchain/stamp.ts'
import { ExitCode, type UserError } from '../ui/errors.ts'
import { releases as pins } from '../upstream/releases.ts'
import { compatibilityOf, writeCompatibility } from '../verify/compatibility.ts'
import { annotations, junit, markdown } from '../verify/formats.ts'
import type { Prepared } from '../verify/prepare.ts'
import { allPassed, describeMachine, reportText, type VerifyReport } from '../verify/report.ts'
import type { CellResult } from '../verify/types.ts'
import { judgeVariants } from '../verify/variants.ts'
import { projectSeries } from './apply.ts'
import type { CommandInput, CommandResult } from './command.ts'
import type { FoundLibscif } from './verify-libscif.ts'

/** What the steps of a run have found. */
export interface Found {
  prepared: Prepared[]
  cells: CellResult[]
  libscif: FoundLibscif
}

/** Writes all forms of the report, and tells GitHub when it is GitHub that runs this. */
export async function reportVerify(
  input: CommandInput,
  found: Found,
  milliseconds: number,
): Promise<CommandResult> {
  const { context } = input
  const data = await makeReport(input, found, milliseconds)
  const reports = join(context.out, 'reports')
  mkdirSync(join(reports, 'verify'), { recursive: true })
  writeWhole(join(reports, 'verify.json'), `${JSON.stringify(data, null, 2)}\n`)
  writeWhole(join(reports, 'verify', 'junit.xml'), junit(data))
  writeWhole(join(reports, 'verify', 'summary.md'), markdown(data))
  if (input.extra['write-docs'] === true)
    writeCompatibility(join(context.root, 'docs'), compatibilityOf(data))
  tellGithub(input, data)
  const broken = data.releases.find(({ conflict }) => conflict !== undefined)
  return {
    exitCode: exitCodeOf(input, data, found.prepared),
    data,
    text: `${reportText(data)}\n\nreport: ${join(reports, 'verify.json')}`,
    next: broken ? [`./build verify --bisect --release ${broken.release}`] : [],
  }
}

async function makeReport(
  input: CommandInput,
  found: Found,
  milliseconds: number,
): Promise<VerifyReport> {
  const series = await projectSeries(input)
  const trials = found.prepared.flatMap((one) => one.trials)
  const versions = pins.map((pin) => pin.name)
  const parts = {
    releases: found.prepared.map(({ result }) => result),
    cells: found.cells,
    variants: judgeVariants(series, trials, versions),
  }
  const { value, compiler = '' } = found.libscif
  return {
    schemaVersion: 1,
    command: 'verify',
    date: input.context.now().toISOString(),
    commands: [commandOf(input)],
    machine: describeMachine(),
    files: ['verify/junit.xml', 'verify/summary.md'],
    series: { name: series.name, version: series.version, entries: series.entries.length },
    compiler,
    libscif: value ? { kind: value.choice.kind, version: value.version } : { kind: 'none' },
    passed: allPassed(parts),
    milliseconds: Math.round(milliseconds),
    ...parts,
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
function exitCodeOf(
  { extra }: CommandInput,
  data: VerifyReport,
  prepared: readonly Prepared[],
): ExitCode {
  if (!data.passed) return ExitCode.checkFailed
  const errors = prepared.map((one) => one.error).filter((one): one is UserError => !!one)
  const asked = ['release', 'releases', 'new'].some((name) => extra[name] !== undefined)
  if (errors.length === 0 || (!asked && errors.length < prepared.length)) return ExitCode.done
  return errors[0]?.exitCode ?? ExitCode.source
}

/** What to type to get the report again. */
function commandOf({ extra }: CommandInput): string {
  const aside = ['json', 'quiet', 'verbose', 'yes', 'out', 'jobs', 'again']
  const words = Object.entries(extra)
    .filter(([name, value]) => value !== undefined && !aside.includes(name))
    .flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))
  return ['./build verify', ...words].join(' ')
}
