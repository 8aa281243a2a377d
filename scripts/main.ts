// SPDX-License-Identifier: MPL-2.0
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command, CommandInput, CommandPlan } from './commands/command.ts'
import { type Given, withGiven } from './commands/given.ts'
import { printHelp } from './commands/help.ts'
import { globalOptions, readGlobalOptions } from './commands/options.ts'
import { parseLine } from './commands/parse.ts'
import { commands, mainJob } from './commands/registry.ts'
import { ExitCode, UserError } from './ui/errors.ts'
import { plainRenderer, silentRenderer } from './ui/plain.ts'
import { describeError, paintFor } from './ui/print-error.ts'
import { type Renderer, runSteps } from './ui/run-steps.ts'
import { terminalRenderer } from './ui/terminal.ts'
import { formatSource } from './upstream/source.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const paint = paintFor(process.stderr.isTTY === true, process.env.NO_COLOR)

/** The first SIGINT, SIGTERM or SIGHUP ends all children and the run; a second one does not wait. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  // Every child process and download of a run listens.
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

function rendererFor(options: CommandInput['options']): Renderer {
  if (options.quiet) return silentRenderer
  if (process.stderr.isTTY && !options.verbose && !process.env.CI)
    return terminalRenderer({ stdout: process.stdout, stderr: process.stderr })
  return plainRenderer({
    write: (text) => process.stderr.write(text),
    verbose: options.verbose,
    clock: () => performance.now(),
  })
}

function printPlan(command: Command, plan: CommandPlan, json: boolean): void {
  if (json) {
    const steps = plan.steps.map(({ id, title, plan }) => ({ id, title, plan }))
    printJson({ schemaVersion: 1, command: command.name, dryRun: true, steps })
    return
  }
  const lines = plan.steps.flatMap((step, index) => [
    `${index + 1}. ${step.title}`,
    ...step.plan.map((line) => `     ${line}`),
  ])
  process.stdout.write(`${lines.length > 0 ? lines.join('\n') : 'Nothing to do.'}\n`)
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

async function execute(
  command: Command,
  input: CommandInput,
  signal: AbortSignal,
  complete: (text: string) => string,
): Promise<ExitCode> {
  const plan = await command.plan(input)
  if (input.options.dryRun) {
    printPlan(command, plan, input.options.json)
    return ExitCode.done
  }
  const work = async () =>
    plan.report(await runSteps(plan.steps, rendererFor(input.options), signal))
  const result = await (plan.alone ? plan.alone(work) : work())
  if (input.options.json) {
    printJson(result.data)
  } else {
    const next = result.next?.length
      ? `\nNext:\n${result.next.map((n) => `  ${complete(n)}\n`).join('')}`
      : ''
    process.stdout.write(`${result.text.trimEnd()}\n${next}`)
  }
  return result.exitCode
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  // A reader that has seen enough (| head) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? ExitCode.done : ExitCode.checkFailed)
  })
  const signal = interruptSignal()
  const json = argv.includes('--json')
  const given: Given = {}
  const names = commands.map((command) => command.name)
  const complete = (text: string) => withGiven(text, given, names)
  try {
    const line = parseLine(argv, globalOptions, commands, mainJob)
    if (line.version) {
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
      process.stdout.write(`zeromq-scif ${version}\n`)
      return ExitCode.done
    }
    if (line.help) {
      printHelp(line.command)
      return ExitCode.done
    }
    const command = commands.find((c) => c.name === line.command) ?? mainJob
    const defaults = { cwd: process.cwd(), root, processors: availableParallelism() }
    const { options, context } = readGlobalOptions(line.values, defaults)
    if (line.values.source) given.source = formatSource(options.source)
    if (line.values.out) given.out = context.out
    given.release = options.release
    const input: CommandInput = {
      context: { ...context, root, env: process.env, signal, now: () => new Date() },
      options,
      extra: line.values,
      args: line.args,
    }
    return await execute(command, input, signal, complete)
  } catch (thrown) {
    if (signal.aborted) {
      process.stderr.write(`${paint.red('interrupted')}: what was begun can be run again.\n`)
      return ExitCode.interrupted
    }
    const error = thrown instanceof UserError ? withHint(thrown, complete(thrown.hint)) : thrown
    const { text, exitCode } = describeError(error, paint)
    process.stderr.write(text)
    if (json) printJson(errorDocument(error, exitCode))
    return exitCode
  }
}

function withHint({ message, details, exitCode, cause }: UserError, hint: string): UserError {
  return new UserError({ message, hint, exitCode, cause, ...(details ? { details } : {}) })
}

/** With --json a failure is a document, too. */
function errorDocument(error: unknown, exitCode: ExitCode): unknown {
  const { message, hint, details } = error as Error & { hint?: string; details?: string }
  return { schemaVersion: 1, error: { message, hint, details, exitCode } }
}

process.exit(await main(process.argv.slice(2)))
