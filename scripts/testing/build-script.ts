// SPDX-License-Identifier: MPL-2.0
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PairOptions, scifEndpoints } from '../bench/pair.ts'
import type { StageContext } from './stage.ts'

/** The release that ./test builds: the newest that all routes can deliver, Debian's among them. */
export const testedRelease = '4.3.4'

/** @throws Error with the text when the condition does not hold */
export function must(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise)
}

/** The ./build of this repository, on the folder of the tests. */
export function buildArgv(
  context: Pick<StageContext, 'root' | 'out' | 'jobs' | 'offline'>,
  ...more: string[]
): string[] {
  const { root, out, jobs, offline } = context
  const common = [
    '--release',
    testedRelease,
    '--scif',
    'soft',
    '--out',
    out,
    '--jobs',
    String(jobs),
  ]
  return [join(root, 'build'), ...more, ...common, '--yes', ...(offline ? ['--offline'] : [])]
}

export function jsonOf<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    throw new Error(`not one JSON document:\n${text.slice(0, 1000)}`)
  }
}

/** Starts a program, sends SIGINT when its output matches, and waits for its end. */
export function interruptAfter(
  context: Pick<StageContext, 'env' | 'signal' | 'logFile'>,
  argv: readonly string[],
  pattern: RegExp,
): Promise<{ exitCode: number | null; output: string }> {
  const [program = '', ...args] = argv
  const child = spawn(program, args, {
    cwd: tmpdir(),
    env: context.env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let sent = false
  const take = (chunk: Buffer) => {
    output += chunk
    appendFileSync(context.logFile, chunk)
    if (sent || !pattern.test(output)) return
    sent = true
    child.kill('SIGINT')
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const stop = () => child.kill('SIGINT')
  context.signal.addEventListener('abort', stop, { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => {
      context.signal.removeEventListener('abort', stop)
      resolve({ exitCode, output })
    })
  })
}

/** A short run of the perf programs in `bin`, over a port of its own. */
export function pair(
  context: Pick<StageContext, 'env' | 'signal'>,
  bin: string,
  port: number,
): PairOptions {
  const { env, signal } = context
  return { bin, ...scifEndpoints(port), size: 1000, count: 1000, timeout: 60_000, env, signal }
}
