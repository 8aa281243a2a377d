// SPDX-License-Identifier: MPL-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { countAll } from '../bench/counters.ts'
import { writeDocs } from '../bench/docs.ts'
import { modelWarning } from '../bench/figures.ts'
import { availableMemory, readLoad, readMachine } from '../bench/machine.ts'
import type { Session } from '../bench/measure.ts'
import { buildTools, toolsCommands } from '../bench/programs.ts'
import { pageName, renderReport } from '../bench/render.ts'
import { type PerfReport, readReport } from '../bench/report.ts'
import { runRounds, type Settings, secondsEach } from '../bench/session.ts'
import { formatSize, fullSizes, parseSizes, quickSizes } from '../bench/sizes.ts'
import { summaryText } from '../bench/summary.ts'
import { selectTargets } from '../bench/targets.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import type { Step } from '../ui/steps.ts'
import { applyStep } from './apply.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput } from './command.ts'
import { compileSteps, prefixOf } from './compile.ts'
import { fetchStep } from './fetch.ts'
import { systemStep } from './system.ts'

interface PerfOptions {
  quick: boolean
  peers: boolean
  settings: Omit<Settings, 'memory' | 'secondsEach'>
  link: string | undefined
  before: PerfReport | undefined
  render: PerfReport | undefined
  writeDocs: boolean
}

/** Minutes that the rounds and the counting may take; building comes on top. */
/** Seconds of a measurement whose figures are put into the documents. */
const leastSeconds = 0.2
const minutes = { quick: 2.5, full: 25 }
const rounds = { quick: 4, full: 7 }
/** Bytes that messages on their way may take at most, and their part of what is free. */
const mostMemory = 2 ** 30
const partOfMemory = 0.25

export const perf: Command = {
  name: 'perf',
  summary: 'Measure scif, ipc, tcp and inproc in one interleaved run: table, charts, page',
  options: [
    { flag: '--quick', describe: 'Fewer sizes and rounds: less than 3 minutes' },
    { flag: '--sizes <list>', describe: 'Message sizes: 1,64,4K,1M (default: 1 B to 16 MiB)' },
    { flag: '--transports <list>', describe: 'Of scif, ipc, tcp, inproc (default: all)' },
    { flag: '--rounds <n>', describe: `Rounds (default: ${rounds.full}, quick: ${rounds.quick})` },
    {
      flag: '--minutes <n>',
      describe: `Time for all of it (default: ${minutes.full}, quick: ${minutes.quick})`,
    },
    { flag: '--peers', describe: 'Measure nanomsg and nng over ipc and tcp as well' },
    { flag: '--link <model>', describe: "SoftSCIF's link model for scif: pcie2x16, <MB/s>:<µs>" },
    { flag: '--compare <perf.json>', describe: 'Say what is better or worse than in that run' },
    { flag: '--render <perf.json>', describe: 'Measure nothing: make the files of that run again' },
    { flag: '--write-docs', describe: 'Put the report into docs/: data, charts and results.md' },
  ],
  examples: [
    './build perf --quick',
    './build perf',
    './build perf --sizes 64,64K --transports scif,ipc --rounds 9',
    './build perf --quick --compare docs/data/perf.json',
    './build perf --render out/reports/perf.json',
  ],
  plan: async (input) => {
    const options = readOptions(input)
    const artifacts: Artifacts = {}
    const done: { report?: PerfReport } = {}
    if (options.render) done.report = options.render
    return {
      steps: [
        ...(options.render
          ? []
          : [
              await systemStep(input),
              fetchStep(input, artifacts),
              await applyStep(input, artifacts),
              ...(await compileSteps(input, artifacts)),
              ...measuringSteps(input, options, artifacts, done),
            ]),
        renderStep(input, options, done),
      ],
      report: async () => result(input, options, needReport(done)),
    }
  },
}

function needReport({ report }: { report?: PerfReport }): PerfReport {
  if (!report) throw new Error('no earlier step has measured anything')
  return report
}

function readOptions({ extra, context, options }: CommandInput): PerfOptions {
  const text = (name: string) => (typeof extra[name] === 'string' ? extra[name] : undefined)
  const file = (name: string) => {
    const given = text(name)
    return given === undefined ? undefined : readReport(resolve(process.cwd(), given))
  }
  const quick = extra.quick === true
  const kind = quick ? 'quick' : 'full'
  const peers = extra.peers === true
  const sizes = text('sizes')
  const link = text('link') ?? context.env.SOFTSCIF_LINK
  if (link !== undefined && options.scif.kind === 'prefix')
    throw new UserError({
      message: 'A link model is for SoftSCIF alone, and --scif names another libscif.',
      hint: 'Leave out --link (and SOFTSCIF_LINK), or give --scif soft.',
      exitCode: ExitCode.usage,
    })
  const settings = {
    targets: selectTargets(text('transports'), peers),
    sizes: sizes === undefined ? (quick ? quickSizes : fullSizes) : parseSizes(sizes),
    rounds: positive('rounds', text('rounds'), rounds[kind], 1, 1000),
    secondsAll: 60 * positive('minutes', text('minutes'), minutes[kind], 0.05, 24 * 60),
  }
  const render = file('render')
  const writeDocs = extra['write-docs'] === true
  if (writeDocs && !render && secondsEach(settings) < leastSeconds)
    throw new UserError({
      message: `There are ${secondsEach(settings).toFixed(2)} s for each measurement; what is published takes ${leastSeconds} s at least, or it is of starting and ending the programs.`,
      hint: 'Give it more --minutes, or fewer --rounds or --sizes.',
      exitCode: ExitCode.usage,
    })
  return {
    ...{ quick, peers, settings },
    link: link === '' ? undefined : link,
    before: file('compare'),
    ...{ render, writeDocs },
  }
}

function positive(
  name: string,
  text: string | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  const whole = least === 1 ? /^\d+$/ : /^\d+(\.\d+)?$/
  if (!whole.test(text) || value < least || value > most)
    throw new UserError({
      message: `--${name} ${JSON.stringify(text)} is not a number from ${least} to ${most}.`,
      hint: `For example: --${name} ${otherwise}`,
      exitCode: ExitCode.usage,
    })
  return value
}

function measuringSteps(
  input: CommandInput,
  options: PerfOptions,
  artifacts: Artifacts,
  done: { report?: PerfReport },
): Step[] {
  const { context } = input
  const { settings } = options
  const tools = {
    sourceDir: join(context.root, 'native-tests', 'perf'),
    buildDir: join(context.out, 'build', 'perf'),
    peers: options.peers,
    logFile: join(context.out, 'logs', 'perf.log'),
  }
  const each = secondsEach(settings)
  const names = settings.targets.map(({ transport }) => transport)
  const example = settings.targets[0]?.programs('throughput', settings.sizes[0] ?? 1, 1000, {
    bin: join(prefixOf(input), 'bin'),
    tools: tools.buildDir,
    scratch: '/tmp/…',
  })
  return [
    {
      id: 'perf-programs',
      title: 'Build the programs to measure with',
      plan: toolsCommands(tools).map(commandLine),
      run: async () => {
        await buildTools(tools, context)
        return { status: 'done', detail: options.peers ? 'with nanomsg and nng' : 'raw ring' }
      },
    },
    {
      id: 'perf-measure',
      title: `Measure ${names.join(', ')}`,
      plan: [
        `throughput and latency of ${names.join(', ')} at ${settings.sizes.map(formatSize).join(', ')}`,
        `${settings.rounds} rounds of ${each.toFixed(2)} s for each, at most ${(settings.secondsAll / 60).toFixed(1)} minutes`,
        ...(example?.argv ?? []).map((argv) => `such as ${commandLine(argv)}`),
        ...(options.link ? [`SOFTSCIF_LINK=${options.link}: a model`] : []),
      ],
      run: async (handle) => {
        const scratch = mkdtempSync(join(tmpdir(), 'zmq-perf-'))
        try {
          const session: Session = {
            places: {
              bin: join(need(artifacts, 'built').prefix, 'bin'),
              tools: tools.buildDir,
              scratch,
            },
            env: { ...context.env, SOFTSCIF_LINK: options.link },
            signal: handle.signal,
          }
          const started = performance.now()
          const load = readLoad()
          const memory = Math.min(mostMemory, availableMemory() * partOfMemory)
          const measured = await runRounds(
            { ...settings, secondsEach: each, memory },
            session,
            {
              at: (text, secondsLeft) => handle.progress(`${text} (${timeLeft(secondsLeft)})`),
              problem: ({ kind, transport, measure, size, message }) =>
                handle.line(`${kind}: ${measure} of ${transport}, ${formatSize(size)}: ${message}`),
            },
            () => performance.now() / 1000,
          )
          if (measured.results.length === 0)
            throw new UserError({
              message: 'Nothing could be measured.',
              details: measured.problems.map((problem) => problem.message).join('\n'),
              hint: `Try the programs in ${session.places.bin} by hand.`,
              exitCode: ExitCode.checkFailed,
            })
          const counters = await countAll(
            settings.targets,
            measured.results,
            session,
            handle.progress,
          )
          const seconds = (performance.now() - started) / 1000
          done.report = {
            ...provenance(input, artifacts),
            link: options.link ?? null,
            machine: readMachine(load, readLoad()),
            settings: {
              quick: options.quick,
              transports: names,
              sizes: [...settings.sizes],
              rounds: settings.rounds,
              roundsDone: measured.roundsDone,
              secondsEach: each,
              secondsAll: settings.secondsAll,
            },
            seconds,
            results: measured.results,
            problems: measured.problems,
            counters,
          }
          return {
            status: 'done',
            detail: `${measured.roundsDone} of ${settings.rounds} rounds in ${Math.round(seconds)} s`,
          }
        } finally {
          rmSync(scratch, { recursive: true, force: true })
        }
      },
    },
  ]
}

function timeLeft(seconds: number): string {
  return seconds > 90
    ? `about ${Math.round(seconds / 60)} minutes left`
    : `about ${Math.max(1, Math.round(seconds))} s left`
}

/** Of what, by what, and what to type to get it again. */
function provenance(input: CommandInput, artifacts: Artifacts) {
  const { context, extra, options } = input
  const source = need(artifacts, 'source')
  const work = need(artifacts, 'work')
  const built = need(artifacts, 'built')
  const { kind, version, device } = built.scif
  const own = (perf.options ?? []).flatMap(({ flag }) => {
    const name = flag.replace(/^--([\w-]+).*/, '$1')
    const value = extra[name]
    if (value === undefined || name === 'write-docs' || name === 'compare') return []
    return value === true ? [`--${name}`] : [`--${name}`, String(value)]
  })
  const scif = options.scif.kind === 'prefix' ? ['--scif', options.scif.path] : []
  const system = options.buildSystem === 'autotools' ? [] : ['--build-system', options.buildSystem]
  const argv = ['./build', 'perf', '--release', work.release, ...scif, ...system, ...own]
  return {
    schemaVersion: 1 as const,
    command: 'perf' as const,
    date: context.now().toISOString(),
    commands: [commandLine(argv)],
    files: [],
    release: work.release,
    version: work.version,
    tree: source.tree,
    route: source.route,
    seriesHash: work.seriesHash,
    edited: work.edits.uncommitted.length > 0 || work.edits.moved,
    compiler: built.compiler,
    // Where it was built is of no interest, and is nobody's business.
    flags: built.flags.map((flag) =>
      flag.replaceAll(context.out, 'out').replaceAll(context.root, '.'),
    ),
    buildSystem: built.buildSystem,
    libscif: { kind, ...(version ? { version } : {}), ...(device ? { device } : {}) },
  }
}

function renderStep(
  { context }: CommandInput,
  options: PerfOptions,
  done: { report?: PerfReport },
): Step {
  const reports = join(context.out, 'reports')
  return {
    id: 'perf-report',
    title: 'Write the report',
    plan: [
      `perf.json, perf.csv, perf.md, perf-*.svg and ${pageName} in ${reports}`,
      ...(options.writeDocs
        ? ['docs/data/perf.json, docs/images/perf-*.svg, docs/results.md']
        : []),
    ],
    run: async () => {
      done.report = await renderReport(needReport(done), { reports, before: options.before })
      if (options.writeDocs) await writeDocs(done.report, join(context.root, 'docs'))
      return { status: 'done', detail: `${done.report.files.length + 1} files` }
    },
  }
}

function result({ context }: CommandInput, options: PerfOptions, report: PerfReport) {
  const page = join(context.out, 'reports', pageName)
  // That another transport of libzmq hangs is told, but it is no fault of what is tested here.
  const bad = report.problems.some(({ transport }) => transport === 'scif')
  return {
    exitCode: bad && !options.render ? ExitCode.checkFailed : ExitCode.done,
    data: report,
    text: summaryText(report, options.before, modelWarning(report), page),
    next: [
      `open ${relative(process.cwd(), page)} in a browser`,
      ...(options.writeDocs ? ['git diff docs'] : []),
    ],
  }
}
