// SPDX-License-Identifier: MPL-2.0
import { setMaxListeners } from 'node:events'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command, CommandInput } from './commands/command.ts'
import { readGlobalOptions } from './commands/options.ts'
import { parseLine } from './commands/parse.ts'
import { systemStep } from './commands/system.ts'
import { add, failure, nothing, sentence } from './testing/counts.ts'
import { runStages, selectStages } from './testing/run-stages.ts'
import { stages } from './testing/stages.ts'
import { writeWhole } from './toolchain/stamp.ts'
import { ExitCode, UserError } from './ui/errors.ts'
import { plainRenderer } from './ui/plain.ts'
import { describeError, paintFor } from './ui/print-error.ts'
import { duration, runSteps } from './ui/run-steps.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const options = [
  { flag: '--only <regex>', describe: 'Only stages whose name matches, and those they need' },
  { flag: '--list', describe: 'Print the names of the stages' },
  { flag: '--out <dir>', describe: 'Where everything is written (default: out/test)' },
  { flag: '-j, --jobs <n>', describe: 'Parallel jobs of a build (default: one per processor)' },
  { flag: '--offline', describe: 'Never touch the network' },
  { flag: '-y, --yes', describe: 'Install missing system packages without asking' },
]

const test: Command = {
  name: 'test',
  summary: 'Runs every test of the project',
  examples: ['./test', "./test --only 'softscif|toolkit'"],
  plan: () => Promise.reject(new Error('./test has no plan')),
}

const help = `
  Runs every test of the project; the last line counts them all.

  Usage
    $ ./test [options]

  Options
${options.map(({ flag, describe }) => `    ${flag.padEnd(18)}${describe}`).join('\n')}
    -h, --help        Displays this message

  Stages
${stages.map(({ id, title }) => `    ${id.padEnd(20)}${title}`).join('\n')}
`

function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(ExitCode.interrupted)
      controller.abort(new Error(`interrupted by ${name}`))
      setTimeout(() => process.exit(ExitCode.interrupted), 15_000).unref()
    })
  }
  return controller.signal
}

async function main(argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const line = parseLine(argv, options, [], test)
  if (line.help || line.values.list) {
    process.stdout.write(line.help ? help : `${stages.map(({ id }) => id).join('\n')}\n`)
    return ExitCode.done
  }
  const defaults = { cwd: process.cwd(), root, processors: availableParallelism() }
  const { options: global, context } = readGlobalOptions(line.values, defaults)
  const out = line.values.out === undefined ? resolve(root, 'out', 'test') : context.out
  const only = parseOnly(line.values.only)
  const chosen = selectStages(stages, only)
  const start = performance.now()
  mkdirSync(out, { recursive: true })

  const input: CommandInput = {
    context: { ...context, out, root, env: process.env, signal, now: () => new Date() },
    options: global,
    extra: {},
    args: [],
  }
  const write = (text: string) => process.stdout.write(text)
  const renderer = plainRenderer({ write, verbose: false, clock: () => performance.now() })
  await runSteps([await systemStep(input)], renderer, signal)

  const reports = resolve(root, 'out', 'reports', 'test')
  const shared = {
    root,
    out,
    env: process.env,
    jobs: context.jobs,
    offline: context.offline,
    signal,
  }
  const { total, results } = await runStages(chosen, { context: shared, reports, write })
  const all = chosen.length === 0 ? add(nothing, failure('no stage was chosen')) : total
  const summary = { schemaVersion: 1, stages: results, total: all }
  writeWhole(join(reports, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  for (const { id, failures } of results)
    for (const text of failures) write(`FAILED ${id}: ${text.split('\n')[0]}\n`)
  write(`${chosen.length} stages in ${duration(performance.now() - start)}, logs in ${reports}\n`)
  write(`${sentence(all)}\n`)
  return all.failed === 0 ? ExitCode.done : ExitCode.checkFailed
}

function parseOnly(text: string | true | undefined): RegExp | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return new RegExp(text)
  } catch (error) {
    throw new UserError({
      message: `--only ${JSON.stringify(text)} is not a regular expression.`,
      details: String(error),
      hint: 'For example: ./test --only softscif',
      exitCode: ExitCode.usage,
    })
  }
}

const signal = interruptSignal()
let exitCode: ExitCode
try {
  exitCode = await main(process.argv.slice(2), signal)
} catch (error) {
  if (signal.aborted) {
    process.stderr.write('interrupted\n')
    exitCode = ExitCode.interrupted
  } else {
    const paint = paintFor(process.stderr.isTTY === true, process.env.NO_COLOR)
    const described = describeError(error, paint)
    process.stderr.write(described.text.replaceAll('./build', './test'))
    exitCode = described.exitCode
  }
}
process.exit(exitCode)
