// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BuiltTests, buildPreload, buildTests } from '../check/build.ts'
import { type ExplainedList, readExplained } from '../check/explained.ts'
import { checkMarkdown, checkText } from '../check/formats.ts'
import { junit } from '../check/junit.ts'
import { type CheckReport, judge, totalsOf } from '../check/report.ts'
import { runSuite } from '../check/run-suite.ts'
import { type Execution, type Transport, transports } from '../check/types.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { writeWhole } from '../toolchain/stamp.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import type { Step } from '../ui/steps.ts'
import type { TreeBuild } from '../verify/build.ts'
import { describeMachine } from '../verify/report.ts'
import { applyStep } from './apply.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput, CommandPlan } from './command.ts'
import { compileSteps } from './compile.ts'
import { fetchStep } from './fetch.ts'
import { systemStep } from './system.ts'

export const check: Command = {
  name: 'check',
  summary: "Run libzmq's own test programs: unchanged, over scif://, and over ipc:// as control",
  options: [
    {
      flag: '--only <regex>',
      describe: 'Only programs whose name matches; then there is no floor',
    },
    { flag: '--transports <list>', describe: 'Of scif, ipc, none (default: scif,ipc)' },
    { flag: '--list', describe: 'Print the test programs and what is explained; run none' },
    { flag: '--parallel <n>', describe: 'Programs at a time (default: six per job)' },
    { flag: '--timeout <seconds>', describe: 'When a program counts as hung (default: 90)' },
  ],
  examples: [
    './build check',
    './build check --release master --source git:../libzmq',
    "./build check --only 'test_(pair|reqrep)_tcp' --transports scif",
  ],
  plan: planCheck,
}

/** What the steps find. */
interface Found {
  tests?: BuiltTests
  preload?: string
  list?: ExplainedList
  executions: readonly Execution[]
}

interface Choice {
  only: RegExp | undefined
  transports: readonly Transport[]
  listOnly: boolean
  parallel: number
  timeout: number
}

async function planCheck(given: CommandInput): Promise<CommandPlan> {
  // Without the draft API a third of upstream's programs would be missing.
  const input: CommandInput = { ...given, extra: { ...given.extra, drafts: true } }
  const start = performance.now()
  const choice = readChoice(input)
  const artifacts: Artifacts = {}
  const found: Found = { executions: [] }
  return {
    steps: [
      await systemStep(input),
      fetchStep(input, artifacts),
      await applyStep(input, artifacts),
      ...(await compileSteps(input, artifacts)),
      buildStep(input, artifacts, found),
      ...(choice.listOnly ? [] : [runStep(input, artifacts, found, choice)]),
    ],
    report: async () => {
      const { list, tests } = found
      if (!list || !tests) throw new Error('the tests were not built')
      if (choice.listOnly) return listing(chosen(tests, choice), list)
      const report = reportOf(input, artifacts, found, list, choice, performance.now() - start)
      const dir = join(input.context.out, 'reports')
      mkdirSync(dir, { recursive: true })
      writeWhole(join(dir, 'check.json'), `${JSON.stringify(report, null, 2)}\n`)
      writeWhole(join(dir, 'check.md'), checkMarkdown(report, list.kinds))
      writeWhole(join(dir, 'check.xml'), junit(report))
      return {
        exitCode: report.passed ? ExitCode.done : ExitCode.checkFailed,
        data: report,
        text: `${checkText(report)}\nReport: ${join(dir, 'check.md')}`,
        next: report.passed ? [] : [`./build check --only '${failedPattern(report)}'`],
      }
    },
  }
}

/** The options of this command; a wrong one is a UserError with exit code 2. */
export function readChoice({ context, extra }: Pick<CommandInput, 'context' | 'extra'>): Choice {
  const names = typeof extra.transports === 'string' ? extra.transports.split(',') : transports
  const unknown = names.find((name) => name !== 'none' && !transports.some((one) => one === name))
  if (unknown !== undefined)
    throw wrong(
      `--transports ${JSON.stringify(extra.transports)} names ${JSON.stringify(unknown)}, which endpoints cannot be rewritten to.`,
      'Give scif, ipc, both with a comma between them, or none.',
    )
  return {
    only: patternOf(extra.only),
    transports: transports.filter((one) => names.includes(one)),
    listOnly: extra.list === true,
    parallel: numberOf(extra.parallel, '--parallel', Math.max(4, 6 * context.jobs)),
    timeout: numberOf(extra.timeout, '--timeout', 90),
  }
}

function patternOf(text: unknown): RegExp | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return new RegExp(text)
  } catch (error) {
    throw wrong(
      `--only ${JSON.stringify(text)} is not a regular expression: ${(error as Error).message}.`,
      "For example: ./build check --only 'test_spec_'",
    )
  }
}

function numberOf(text: unknown, flag: string, otherwise: number): number {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!/^\d+$/.test(String(text)) || number < 1 || number > 10_000)
    throw wrong(
      `${flag} ${JSON.stringify(text)} is not a number from 1 to 10000.`,
      `For example: ./build check ${flag} ${otherwise}`,
    )
  return number
}

function wrong(message: string, hint: string): UserError {
  return new UserError({ message, hint, exitCode: ExitCode.usage })
}

function buildStep(input: CommandInput, artifacts: Artifacts, found: Found): Step {
  const { context, options } = input
  return {
    id: 'check-build',
    title: "Build libzmq's tests",
    plan: [
      options.buildSystem === 'cmake'
        ? 'cmake, with BUILD_TESTS and BUILD_STATIC, in a build folder of its own'
        : 'make check TESTS=, and the unit tests with the objects of the shared library',
      'cmake, the library of native-tests/rewrite',
    ],
    run: async (handle) => {
      const { zmqVersion } = need(artifacts, 'built')
      // Mistakes in the list are told before minutes are spent.
      found.list = readExplained(context.root, zmqVersion)
      const build = await testsBuild(input, artifacts, handle.signal)
      const building = { env: context.env, signal: handle.signal, progress: handle.progress }
      const source = join(context.root, 'native-tests', 'rewrite')
      const rewrite = join(context.out, 'build', 'rewrite')
      found.preload = await buildPreload(build, source, rewrite, building)
      found.tests = await buildTests(build, building)
      return { status: 'done', detail: `${found.tests.programs.length} programs` }
    },
  }
}

/** CMake's tests are an option of the whole build, Autotools' are made in the library's folder. */
async function testsBuild(
  { context }: CommandInput,
  artifacts: Artifacts,
  signal: AbortSignal,
): Promise<TreeBuild> {
  const built = need(artifacts, 'built')
  const work = need(artifacts, 'work')
  const { kind, prefix = built.prefix } = built.scif
  const name = built.buildDir.split('/').at(-1) ?? ''
  const byCmake = built.buildSystem === 'cmake'
  return {
    dir: work.workDir,
    release: work.release,
    tree: work.tree,
    buildSystem: built.buildSystem,
    buildDir: byCmake ? join(dirname(built.buildDir), `${name}-check`) : built.buildDir,
    scif:
      kind === 'real'
        ? { kind, prefix, library: join(prefix, 'lib', 'libscif.so'), device: built.scif.device }
        : { kind: 'soft', prefix: built.prefix },
    scifKey: `${kind} ${built.scif.version ?? ''}`,
    more: [],
    drafts: true,
    compilers: await findCompilers(context.env, signal),
    jobs: context.jobs,
    logBase: join(context.out, 'logs', `${name}-check`),
  }
}

function runStep(input: CommandInput, artifacts: Artifacts, found: Found, choice: Choice): Step {
  const { context } = input
  return {
    id: 'check-run',
    title: 'Run them',
    plan: [
      'each program as it is, in a folder and a simulated machine of its own',
      ...choice.transports.map((one) => `each program with its endpoints rewritten to ${one}://`),
    ],
    run: async (handle) => {
      const { tests, preload, list } = found
      if (!tests || !preload || !list) throw new Error('the tests were not built')
      const { prefix } = need(artifacts, 'built')
      const programs = chosen(tests, choice)
      if (programs.length === 0)
        throw wrong(
          `No test program matches --only ${choice.only?.source ?? ''}.`,
          'Type ./build check --list for their names.',
        )
      found.executions = await runSuite(programs, {
        ...{ env: context.env, signal: handle.signal, preload, list },
        libraries: [tests.libzmqDir, join(prefix, 'lib')],
        ...{ transports: choice.transports, parallel: choice.parallel, timeout: choice.timeout },
        ...{ progress: handle.progress, line: handle.line },
      })
      return { status: 'done', detail: `${found.executions.length} runs` }
    },
  }
}

function chosen(tests: BuiltTests, { only }: Choice) {
  return tests.programs.filter(({ name }) => only === undefined || only.test(name))
}

function listing(programs: ReturnType<typeof chosen>, { explanations }: ExplainedList) {
  const lines = programs.map(({ name }) => {
    const entries = explanations.filter(({ program }) => program === name)
    return [
      name,
      ...entries.map(({ cases, why }) => `    ${cases ? `${cases.join(', ')}: ` : ''}${why}`),
    ].join('\n')
  })
  return {
    exitCode: ExitCode.done,
    data: { schemaVersion: 1, programs: programs.map(({ name }) => name), explanations },
    text: lines.join('\n'),
  }
}

function reportOf(
  input: CommandInput,
  artifacts: Artifacts,
  found: Found,
  list: ExplainedList,
  choice: Choice,
  milliseconds: number,
): CheckReport {
  const { context } = input
  const built = need(artifacts, 'built')
  const work = need(artifacts, 'work')
  const source = need(artifacts, 'source')
  const floor = choice.only === undefined ? list.floor : null
  const judgement = judge(found.executions, list, { transports: choice.transports, floor })
  const { kind, version } = built.scif
  return {
    schemaVersion: 1,
    command: 'check',
    date: context.now().toISOString(),
    commands: [typed(input)],
    machine: describeMachine(),
    files: ['check.md', 'check.xml'],
    release: work.release,
    version: built.zmqVersion,
    tree: source.tree,
    route: source.route,
    seriesHash: work.seriesHash,
    edited: work.edits.uncommitted.length > 0 || work.edits.moved,
    compiler: built.compiler,
    flags: built.flags,
    buildSystem: built.buildSystem,
    libscif: { kind, ...(version === undefined ? {} : { version }) },
    totals: totalsOf(judgement),
    milliseconds: Math.round(milliseconds),
    ...judgement,
  }
}

/** The command that makes this report again, without the paths of this machine. */
function typed({ options, extra }: CommandInput): string {
  const values = ['only', 'transports', 'parallel', 'timeout'].flatMap((name) =>
    typeof extra[name] === 'string' ? [`--${name}`, extra[name]] : [],
  )
  const release = options.release === undefined ? [] : ['--release', options.release]
  const system = options.buildSystem === 'cmake' ? ['--build-system', 'cmake'] : []
  return commandLine(['./build', 'check', ...release, ...system, ...values])
}

function failedPattern({ failures }: CheckReport): string {
  const names = [...new Set(failures.map(({ program }) => program))]
  return names.includes('all') ? '.' : `^(${names.join('|')})$`
}
