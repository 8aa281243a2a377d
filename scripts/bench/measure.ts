// SPDX-License-Identifier: MPL-2.0
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, type RunResult, run } from '../system/run.ts'
import { commandLine } from '../ui/quote.ts'
import { parseLatency, parseThroughput } from './parse.ts'
import { notStarted, runFirst } from './ready.ts'
import type { Measure, Usage } from './report.ts'
import type { Places, Programs, Target } from './targets.ts'

export interface Session {
  places: Places
  env: Env
  signal: AbortSignal
}

export interface Measured {
  kind: 'figures'
  /** Messages per second, or microseconds one way. */
  value: number
  /** How long the part took that the value is of. */
  seconds: number
  /** Missing where the programs that count are not there. */
  usage?: Usage
}

/** It hung, or it failed: what is said of it. */
export interface Unmeasured {
  kind: 'hang' | 'failure'
  message: string
}

/** Puts another program in front of each of the programs: strace, perf. */
export interface Wrap {
  argv(argv: readonly string[], index: number): readonly string[]
  /** Whether programs that idle after the figures are waited for: some counters die of SIGTERM. */
  patient: boolean
}

const attempts = 5

/**
 * One measurement: starts the programs, waits for the figures, and ends what is left. Never
 * throws but on an interrupt: what goes wrong is an outcome.
 */
export async function measure(
  target: Target,
  what: Measure,
  size: number,
  count: number,
  timeout: number,
  session: Session,
  wrap: Wrap = counted(session),
): Promise<Measured | Unmeasured> {
  for (let attempt = 1; ; attempt++) {
    const programs = target.programs(what, size, count, session.places)
    const results = await runAll(
      wrap.patient ? { ...programs, othersEnd: true } : programs,
      timeout,
      session,
      wrap.argv,
    )
    session.signal.throwIfAborted()
    const said = results.map((result) => `${result.stdout}${result.stderr}`).join('')
    if (/address (?:already )?in use/i.test(said) && attempt < attempts) continue
    const bad = faultOf(programs, results, timeout)
    if (bad) return bad
    const output = results[programs.figures]?.stdout ?? ''
    const figures = what === 'throughput' ? throughput(output) : latency(output)
    if (!figures) return { kind: 'failure', message: `no figures in: ${oneLine(output)}` }
    const usage = readUsage(session, programs.argv.length)
    return { kind: 'figures', ...figures, ...(usage ? { usage } : {}) }
  }
}

/**
 * libzmq's programs start the clock when the first message is there, and divide all messages by
 * the time of the others; with few messages that makes a difference.
 */
function throughput(output: string) {
  const figures = parseThroughput(output)
  if (!figures || figures.messagesPerSecond <= 0) return undefined
  const { messageSize, messageCount, megabitsPerSecond, messagesPerSecond } = figures
  // The one is printed without fraction, the other with three digits.
  const precise = (megabitsPerSecond * 1e6) / (8 * messageSize)
  const rate = megabitsPerSecond >= 1 ? precise : messagesPerSecond
  const seconds = messageCount / rate
  return { value: Math.max(1, messageCount - 1) / seconds, seconds }
}

function latency(output: string) {
  const figures = parseLatency(output)
  if (!figures || figures.microseconds <= 0) return undefined
  const { roundtrips, microseconds } = figures
  return { value: microseconds, seconds: (2 * roundtrips * microseconds) / 1e6 }
}

/** Starts the end that binds, and the others when that waits for them. */
async function runAll(
  { argv, figures, othersEnd }: Programs,
  timeout: number,
  { env, signal, places }: Session,
  wrap: Wrap['argv'],
): Promise<RunResult[]> {
  // When one fails, the others wait for a peer that never comes.
  const enough = new AbortController()
  const all = AbortSignal.any([signal, enough.signal])
  const options = { cwd: places.scratch, env, signal: all, timeout }
  const watch = async (running: Promise<RunResult>, index: number) => {
    const result = await running
    if (result.exitCode !== 0 || (index === figures && !othersEnd)) enough.abort()
    return result
  }
  const [local = [], ...others] = argv
  const first = runFirst(wrap(local, 0), options)
  const result = watch(first.result, 0)
  if (others.length === 0) return [await result]
  const ready = await first.ready
  if (ready === 'late') enough.abort()
  if (ready === 'failed' || ready === 'late')
    return [
      { ...(await result), ...(ready === 'late' ? late : {}) },
      ...others.map(() => notStarted),
    ]
  return Promise.all([
    result,
    ...others.map((each, index) => watch(run(wrap(each, index + 1), options), index + 1)),
  ])
}

/** It would be measured together with the attempts to reach it. */
const late = { exitCode: null, signal: null, stderr: 'has not begun to wait for messages' }

function faultOf(
  { argv, figures, othersEnd }: Programs,
  results: readonly RunResult[],
  timeout: number,
): Unmeasured | undefined {
  const matters = (index: number) => othersEnd || index === figures
  const told = (index: number) =>
    `${commandLine((argv[index] ?? []).map((arg) => arg.split('/bin/').at(-1) ?? arg))}: ${oneLine(`${results[index]?.stdout}${results[index]?.stderr}`) || 'printed nothing'}`
  const hung = results.findIndex((result, index) => matters(index) && result.timedOut)
  if (hung >= 0)
    return { kind: 'hang', message: `did not end within ${timeout / 1000} s; ${told(hung)}` }
  const failed = (result: RunResult) => result.exitCode !== 0
  const own = results.findIndex((result) => failed(result) && result.signal !== 'SIGTERM')
  const any = results.findIndex((result, index) => failed(result) && matters(index))
  if (any < 0) return undefined
  const culprit = own >= 0 ? own : any
  const { signal, exitCode } = results[culprit] ?? {}
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${exitCode}`
  return { kind: 'failure', message: `${how}; ${told(culprit)}` }
}

function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' / ')
    .slice(0, 400)
}

const usageFile = ({ places }: Session, index: number) => join(places.scratch, `usage-${index}`)

function counted(session: Session): Wrap {
  const program = join(session.places.tools, 'measured')
  return {
    argv: (argv, index) => {
      rmSync(usageFile(session, index), { force: true })
      return [program, usageFile(session, index), ...argv]
    },
    patient: false,
  }
}

/** The sum over the programs, or nothing when one of them has left no figures. */
function readUsage(session: Session, programs: number): Usage | undefined {
  const sum = { user: 0, system: 0, voluntary: 0, involuntary: 0, maxRss: 0 }
  for (let index = 0; index < programs; index++) {
    try {
      const one: Usage = JSON.parse(readFileSync(usageFile(session, index), 'utf8'))
      for (const key of ['user', 'system', 'voluntary', 'involuntary'] as const)
        sum[key] += one[key]
      sum.maxRss = Math.max(sum.maxRss, one.maxRss)
    } catch {
      return undefined
    }
  }
  return sum
}
