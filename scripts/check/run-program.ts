// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Env, run, tail } from '../system/run.ts'
import type { Execution, Lane, Program } from './types.ts'
import { judgeEnd, noRewrites, parseRewrites, parseUnity } from './unity.ts'

/** What all runs have in common. */
export interface RunPlace {
  env: Env
  signal: AbortSignal
  /** Where the programs find libzmq and libscif. */
  libraries: readonly string[]
  /** The library that rewrites endpoints. */
  preload: string
  /** Seconds until a program counts as hung. */
  timeout: number
}

/** Set for another purpose, these would change what a test finds. */
const notPassedOn = ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'ZMQ_REWRITE_TO', 'ZMQ_REWRITE_KEEP']

/**
 * Runs a test program in a folder, and on a simulated machine, of its own. The cases of `keep` are
 * left on the transport that they were written for.
 */
export async function runProgram(
  program: Program,
  lane: Lane,
  keep: readonly string[],
  place: RunPlace,
): Promise<Execution> {
  const { signal, timeout } = place
  const cwd = mkdtempSync(join(tmpdir(), 'zmq-'))
  const start = performance.now()
  try {
    const result = await run(argvOf(program, lane, keep, cwd, place), {
      ...{ cwd, signal, timeout: timeout * 1000 },
      env: Object.fromEntries(
        Object.entries(place.env).filter(([name]) => !notPassedOn.includes(name)),
      ),
    })
    signal.throwIfAborted()
    const log = join(cwd, logName)
    return {
      ...{ program: program.name, lane },
      ...judgeEnd(result, timeout),
      cases: parseUnity(result.stdout),
      rewrites: existsSync(log) ? parseRewrites(readFileSync(log, 'utf8')) : noRewrites,
      milliseconds: Math.round(performance.now() - start),
      output: tail(`${result.stdout}\n${result.stderr}`, 40).trim(),
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

const logName = 'rewritten.log'

/** By env, so that the shell that starts it is not run with the preload library, too. */
function argvOf(
  program: Program,
  lane: Lane,
  keep: readonly string[],
  cwd: string,
  { libraries, preload }: RunPlace,
): string[] {
  // The folder's name is unique, and short enough for a socket's.
  const realm = basename(cwd)
  const rewriting =
    lane === 'unchanged'
      ? []
      : [
          `LD_PRELOAD=${preload}`,
          `ZMQ_REWRITE_TO=${lane === 'ipc' ? 'ipc' : 'scif'}`,
          `ZMQ_REWRITE_LOG=${join(cwd, logName)}`,
          `ZMQ_REWRITE_REALM=${realm}`,
          ...(keep.length > 0 ? [`ZMQ_REWRITE_KEEP=${keep.join(',')}`] : []),
        ]
  return [
    'env',
    `LD_LIBRARY_PATH=${libraries.join(':')}`,
    `TMPDIR=${cwd}`,
    `SOFTSCIF_REALM=${realm}`,
    ...rewriting,
    program.path,
  ]
}
