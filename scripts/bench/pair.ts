// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Env, type RunResult, run } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { commandLine } from '../ui/quote.ts'
import { type Latency, parseLatency, parseThroughput, type Throughput } from './parse.ts'
import { notStarted, runFirst } from './ready.ts'

export interface PairOptions {
  /** The folder of local_thr and the others. */
  bin: string
  /** What the local program binds to: "scif://6666". */
  bind: string
  /** What the remote program connects to: "scif://0:6666". */
  connect: string
  /** Bytes. */
  size: number
  /** Messages, or round trips. */
  count: number
  /** Milliseconds until a program that has not ended counts as hung. */
  timeout: number
  env: Env
  /** More variables for one end. */
  endEnv?: Readonly<Record<'local' | 'remote', Env>>
  signal: AbortSignal
  /**
   * Which program is started first, and how many milliseconds before the other. Otherwise the
   * remote one is started when the local one waits for it.
   */
  order?: { first: 'local' | 'remote'; gap: number }
}

/** The endpoints of a pair on this node: what to bind and what to connect to. */
export function scifEndpoints(port: number): { bind: string; connect: string } {
  return { bind: `scif://${port}`, connect: `scif://0:${port}` }
}

/** Runs local_thr and remote_thr against each other. */
export async function runThroughput(options: PairOptions): Promise<Throughput> {
  const { local, commands } = await runPair('thr', options)
  return parseThroughput(local) ?? noFigures(commands.local, local)
}

/** Runs local_lat and remote_lat against each other. */
export async function runLatency(options: PairOptions): Promise<Latency> {
  const { remote, commands } = await runPair('lat', options)
  return parseLatency(remote) ?? noFigures(commands.remote, remote)
}

/** The two command lines, as a person would type them. */
export function pairCommands(
  kind: 'thr' | 'lat',
  options: Pick<PairOptions, 'bin' | 'bind' | 'connect' | 'size' | 'count'>,
): { local: string[]; remote: string[] } {
  const { bin, bind, connect, size, count } = options
  const rest = [String(size), String(count)]
  return {
    local: [join(bin, `local_${kind}`), bind, ...rest],
    remote: [join(bin, `remote_${kind}`), connect, ...rest],
  }
}

async function runPair(kind: 'thr' | 'lat', options: PairOptions) {
  const commands = pairCommands(kind, options)
  const { order, bin, timeout } = options
  // When one program fails, the other waits for a peer that never comes.
  const oneFailed = new AbortController()
  const signal = AbortSignal.any([options.signal, oneFailed.signal])
  const optionsOf = (end: End) => {
    return { cwd: bin, env: { ...options.env, ...options.endEnv?.[end] }, signal, timeout }
  }
  const watch = async (running: Promise<RunResult>) => {
    const result = await running
    if (result.exitCode !== 0 && !result.timedOut) oneFailed.abort()
    return result
  }
  const start = async (end: End) => {
    if (order && end !== order.first) await sleep(order.gap)
    return watch(run(commands[end], optionsOf(end)))
  }
  const inTurn = async () => {
    const { result, ready } = runFirst(commands.local, optionsOf('local'))
    const local = watch(result)
    // It is no measurement: one that is late is not waited for, but met with the other end.
    const failed = (await ready) === 'failed'
    return Promise.all([local, failed ? notStarted : start('remote')])
  }
  const [local, remote] = await (order ? Promise.all([start('local'), start('remote')]) : inTurn())
  options.signal.throwIfAborted()
  const failure = describePair(commands, { local, remote }, options.timeout)
  if (failure) throw failure
  return { local: local.stdout, remote: remote.stdout, commands }
}

type End = 'local' | 'remote'
type Pair<T> = { local: T; remote: T }

/** What went wrong with a pair: a hang names who hung, a failure what the program said. */
export function describePair(
  commands: Pair<readonly string[]>,
  results: Pair<RunResult>,
  timeout: number,
): UserError | undefined {
  const ends = ['local', 'remote'] as const
  const failed = (result: RunResult) => result.exitCode !== 0
  if (!ends.some((end) => failed(results[end]))) return undefined
  const hung = ends.filter((end) => results[end].timedOut)
  // The one that failed by itself, not the one that was ended because of it.
  const culprit =
    ends.find((end) => failed(results[end]) && results[end].signal !== 'SIGTERM') ?? 'local'
  const { signal, exitCode } = results[culprit]
  const how = signal ? `was ended by ${signal}` : `failed with exit code ${exitCode}`
  const message =
    hung.length > 0
      ? `${hung.map((end) => name(commands[end])).join(' and ')} did not end within ${timeout / 1000} s: a message was lost, or never sent.`
      : `${name(commands[culprit])} ${how}.`
  return new UserError({
    message,
    details: ends
      .map((end) => `$ ${commandLine(commands[end])}\n${output(results[end]) || '(no output)'}`)
      .join('\n'),
    hint: `To see it for yourself, in two terminals:\n${commandLine(commands.local)}\n${commandLine(commands.remote)}`,
    exitCode: ExitCode.checkFailed,
  })
}

function name(argv: readonly string[]): string {
  return argv[0]?.split('/').at(-1) ?? ''
}

function output(result: RunResult): string {
  return `${result.stdout}${result.stderr}`.trimEnd()
}

function noFigures(argv: readonly string[], printed: string): never {
  throw new UserError({
    message: `${name(argv)} ended well, but printed no figures.`,
    details: printed || '(no output)',
    hint: `To see it for yourself: ${commandLine(argv)}`,
    exitCode: ExitCode.checkFailed,
  })
}
