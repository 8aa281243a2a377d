// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { writeWhole } from '../toolchain/stamp.ts'
import { ExitCode } from '../ui/errors.ts'
import type { StepReport } from '../ui/steps.ts'
import { facts } from '../ui/table.ts'
import { applyStep } from './apply.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput } from './command.ts'
import { builtFacts, compileOptions, compileSteps } from './compile.ts'
import { fetchStep } from './fetch.ts'
import { quickFacts, quickRunStep } from './quick-run.ts'
import { systemStep } from './system.ts'

/** ./build without a command: from nothing to a libzmq that speaks scif://, proven by a run. */
export const build: Command = {
  name: 'build',
  summary: 'Makes a libzmq with the scif:// transport, and runs its perf programs over it',
  options: compileOptions,
  examples: ['./build', './build --release 4.3.4 --source debian', './build --dry-run'],
  plan: async (input) => {
    const artifacts: Artifacts = {}
    return {
      steps: [
        await systemStep(input),
        fetchStep(input, artifacts),
        await applyStep(input, artifacts),
        ...(await compileSteps(input, artifacts)),
        ...(input.extra['no-scif'] === true || input.extra.host !== undefined
          ? []
          : [quickRunStep(input, artifacts)]),
      ],
      report: async (steps) => report(input, artifacts, steps),
    }
  },
}

function report(input: CommandInput, artifacts: Artifacts, steps: readonly StepReport[]) {
  const { context } = input
  const built = need(artifacts, 'built')
  const { quick } = artifacts
  const data = {
    schemaVersion: 1,
    date: context.now().toISOString(),
    steps,
    source: artifacts.source,
    work: artifacts.work,
    built,
    figures: quick ?? null,
  }
  const reports = join(context.out, 'reports')
  mkdirSync(reports, { recursive: true })
  writeWhole(join(reports, 'build.json'), `${JSON.stringify(data, null, 2)}\n`)
  const bin = relative(process.cwd(), join(built.prefix, 'bin')) || '.'
  return {
    exitCode: ExitCode.done,
    data,
    text: facts([
      ...builtFacts(artifacts),
      ...(quick ? quickFacts(quick) : []),
      ['report', join(reports, 'build.json')],
    ]),
    next: quick
      ? [
          `${bin}/local_thr scif://6666 1000 1000 &`,
          `${bin}/remote_thr scif://0:6666 1000 1000`,
          './build status',
        ]
      : ['./build status'],
  }
}
