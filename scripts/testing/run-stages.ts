// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../ui/errors.ts'
import { duration } from '../ui/run-steps.ts'
import { add, type Counts, failure, nothing, sentence } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'

export interface RunStagesOptions {
  context: Omit<StageContext, 'logFile' | 'progress' | 'inTurn'>
  /** Where the logs go. */
  reports: string
  write: (text: string) => void
}

export interface StageResult extends Counts {
  id: string
  milliseconds: number
  logFile: string
}

/** So often a long stage says what it is doing. */
const signOfLife = 30_000

/** The chosen stages and those that make what they use, in the order of the table. */
export function selectStages(stages: readonly Stage[], only: RegExp | undefined): Stage[] {
  if (!only) return [...stages]
  const wanted = new Set(stages.filter((stage) => only.test(stage.id)).map((stage) => stage.id))
  for (const stage of [...stages].reverse())
    if (wanted.has(stage.id)) for (const id of stage.after ?? []) wanted.add(id)
  return stages.filter((stage) => wanted.has(stage.id))
}

/** Stages that may run beside others: tests wait for the most part, and two processors are the least. */
const lanes = 2

/**
 * Starts the stages in their order, one at a time but for those that may run beside each other; one
 * that fails does not keep the others from running.
 */
export async function runStages(
  stages: readonly Stage[],
  options: RunStagesOptions,
): Promise<{ total: Counts; results: StageResult[] }> {
  mkdirSync(options.reports, { recursive: true })
  const inTurn = takeTurns()
  const results: StageResult[] = []
  const running = new Map<Stage, Promise<void>>()
  const mayStart = (stage: Stage) =>
    running.size === 0 ||
    (running.size < lanes &&
      [stage, ...running.keys()].every(({ beside }) => beside === true) &&
      ![...running.keys()].some(({ id }) => stage.after?.includes(id)))
  const runOne = async (stage: Stage, index: number) => {
    const number = `[${index + 1}/${stages.length}]`
    options.write(`${number} ${stage.title}\n`)
    const result = await runStage(stage, options, inTurn)
    results[index] = result
    const which = stage.beside === true ? `${number} ` : ''
    options.write(`      ${which}${sentence(result)} (${duration(result.milliseconds)})\n`)
    for (const line of result.failures.slice(0, 20)) options.write(`      FAILED ${line}\n`)
    if (result.failed > 0) options.write(`      log: ${result.logFile}\n`)
  }
  try {
    for (const [index, stage] of stages.entries()) {
      while (!mayStart(stage)) await Promise.race(running.values())
      options.context.signal.throwIfAborted()
      running.set(
        stage,
        runOne(stage, index).finally(() => running.delete(stage)),
      )
    }
    await Promise.all(running.values())
  } finally {
    await Promise.allSettled(running.values())
  }
  return { total: results.reduce<Counts>(add, nothing), results }
}

/** A function that lets one caller after the other have its way. */
function takeTurns(): StageContext['inTurn'] {
  let last: Promise<unknown> = Promise.resolve()
  return (act) => {
    const mine = last.then(act)
    last = mine.catch(() => {})
    return mine
  }
}

async function runStage(
  stage: Stage,
  options: RunStagesOptions,
  inTurn: StageContext['inTurn'],
): Promise<StageResult> {
  const logFile = join(options.reports, `${stage.id}.log`)
  rmSync(logFile, { force: true })
  const start = performance.now()
  let doing = 'working'
  const timer = setInterval(() => {
    const name = stage.beside === true ? `${stage.id}, ` : ''
    const time = duration(performance.now() - start)
    options.write(`      ${name}${time}: ${doing.slice(0, 100)}\n`)
  }, signOfLife)
  const tooLong = new AbortController()
  const limit = setTimeout(() => tooLong.abort(), stage.minutes * 60_000)
  const context: StageContext = {
    ...options.context,
    signal: AbortSignal.any([options.context.signal, tooLong.signal]),
    // Ports of their own: some are fixed.
    env: { ...options.context.env, SOFTSCIF_REALM: `test-${process.pid}-${stage.id}` },
    logFile,
    progress: (text) => {
      doing = text
    },
    inTurn,
  }
  let counts: Counts
  try {
    counts = await stage.run(context)
    tooLong.signal.throwIfAborted()
  } catch (error) {
    options.context.signal.throwIfAborted()
    counts = tooLong.signal.aborted
      ? failure(`did not end within ${stage.minutes} minutes; it was at: ${doing}`)
      : failure(explain(error))
  } finally {
    clearInterval(timer)
    clearTimeout(limit)
  }
  const missing = counts.failed === 0 && counts.passed < stage.floor
  const all = missing
    ? add(
        counts,
        failure(`only ${counts.passed} tests passed, at least ${stage.floor} are expected`),
      )
    : counts
  return { ...all, id: stage.id, logFile, milliseconds: Math.round(performance.now() - start) }
}

function explain(error: unknown): string {
  if (error instanceof UserError)
    return [error.message, error.details, error.hint].filter(Boolean).join('\n      ')
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
