// SPDX-License-Identifier: MPL-2.0
import { appendFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Env, run } from '../system/run.ts'
import type { Tests } from './types.ts'

/** A test program as libzmq's build systems have it: exit code 0 is well, 77 is skipped. */
export interface Program {
  name: string
  path: string
}

export interface ProgramsOptions {
  cwd: string
  env: Env
  signal: AbortSignal
  logFile: string
  /** Programs that run at the same time. */
  parallel: number
  /** Milliseconds until a program counts as hung. */
  timeout: number
  progress(text: string): void
}

export interface ProgramsResult extends Tests {
  /** Names; they failed each time, at last by themselves. */
  failures: readonly string[]
  /** They failed at first, and passed when run again by themselves. */
  flaky: readonly string[]
  skippedNames: readonly string[]
}

const skipCode = 77

/** How often a program that failed is run again by itself. */
const retries = 3

/**
 * Runs test programs side by side. One that fails is run again when all others have ended: some of
 * upstream's are a matter of luck on a busy machine. One that passes then is named as flaky.
 */
export async function runPrograms(
  programs: readonly Program[],
  options: ProgramsOptions,
): Promise<ProgramsResult> {
  const verdicts = new Map<string, 'passed' | 'skipped' | 'failed'>()
  let next = 0
  const lane = async () => {
    while (next < programs.length) {
      const program = programs[next++] as Program
      verdicts.set(program.name, await runProgram(program, options))
      options.progress(`tests: ${verdicts.size} of ${programs.length}`)
    }
  }
  await Promise.all(Array.from({ length: options.parallel }, lane))
  const flaky: string[] = []
  for (const program of programs.filter((one) => verdicts.get(one.name) === 'failed')) {
    options.progress(`tests: ${program.name} again, by itself`)
    for (let run = 0; run < retries && verdicts.get(program.name) === 'failed'; run++)
      verdicts.set(program.name, await runProgram(program, options))
    if (verdicts.get(program.name) !== 'failed') flaky.push(program.name)
  }
  const named = (wanted: string) =>
    programs.map(({ name }) => name).filter((name) => verdicts.get(name) === wanted)
  const failures = named('failed')
  const skippedNames = named('skipped')
  return {
    passed: named('passed').length,
    failed: failures.length,
    skipped: skippedNames.length,
    ...{ failures, flaky, skippedNames },
  }
}

/** Whether a program fails at least once in so many runs. */
export async function failsEver(
  program: Program,
  options: ProgramsOptions,
  runs: number,
): Promise<boolean> {
  for (let run = 0; run < runs; run++)
    if ((await runProgram(program, options)) === 'failed') return true
  return false
}

async function runProgram(
  program: Program,
  options: ProgramsOptions,
): Promise<'passed' | 'skipped' | 'failed'> {
  const { cwd, env, signal, timeout, logFile } = options
  const result = await run([program.path], { cwd, env, signal, timeout })
  signal.throwIfAborted()
  const how = result.timedOut
    ? `did not end within ${timeout / 1000} s`
    : `exit code ${result.exitCode ?? result.signal}`
  appendFileSync(logFile, `== ${program.name}: ${how}\n${result.stdout}${result.stderr}\n`)
  if (result.timedOut) return 'failed'
  return result.exitCode === 0 ? 'passed' : result.exitCode === skipCode ? 'skipped' : 'failed'
}

/** The programs of paths. */
export function programsAt(paths: readonly string[]): Program[] {
  return paths.map((path) => ({ name: basename(path), path }))
}
