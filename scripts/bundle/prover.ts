// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { run } from '../system/run.ts'
import { exportCommit } from '../verify/pristine.ts'
import type { ProveOptions } from './prove.ts'

export interface ProverOptions extends ProveOptions {
  logFile: string
}

export interface Found {
  passed: boolean
  detail: string
  command: string
}

/** Something to be tried; `name` is that of the gate. */
export interface Prover {
  name: string
  run(options: ProverOptions): Promise<Found>
}

/** Milliseconds for one command; distcheck builds everything twice and runs all tests. */
const limit = 3_600_000

/** The first program that answers to --version, with its version. */
export async function findProgram(
  names: readonly string[],
  { env, dir, signal }: Pick<ProveOptions, 'env' | 'dir' | 'signal'>,
): Promise<{ name: string; version: string } | undefined> {
  for (const name of names) {
    const said = await run([name, '--version'], { cwd: dir, env, signal, timeout: 30_000 }).catch(
      () => undefined,
    )
    if (said?.exitCode === 0)
      return { name, version: /\d+\.\d+[.\d]*/.exec(said.stdout)?.[0] ?? 'unknown' }
  }
  return undefined
}

/** The files of a commit in a fresh folder, without a repository, as a release archive has them. */
export async function checkOut(
  options: ProverOptions,
  name: string,
  commit = options.head,
): Promise<string> {
  const target = join(options.dir, name)
  await exportCommit(options.gitDir, commit, target, options)
  return target
}

/** Runs commands, all their output into the log, until one fails. */
export async function chain(
  commands: readonly (readonly string[])[],
  cwd: string,
  { env, signal, logFile, progress }: ProverOptions,
): Promise<{ failed?: string; output: string }> {
  let output = ''
  for (const argv of commands) {
    const result = await run(argv, {
      ...{ cwd, env, signal, logFile, timeout: limit, onLine: progress },
    })
    output += result.stdout + result.stderr
    signal.throwIfAborted()
    const words = argv.filter((word) => /^[\w./]+$/.test(word))
    const how = result.timedOut ? 'the time limit' : (result.exitCode ?? result.signal)
    if (result.exitCode !== 0)
      return { failed: `${words.slice(0, 2).join(' ')} ended with ${how}`, output }
  }
  return { output }
}

/** The C++ compiler for a variable of make or configure, behind ccache where there is one. */
export const withCcache = async (options: ProverOptions, compiler: string): Promise<string> =>
  (await findProgram(['ccache'], options)) ? `ccache ${compiler}` : compiler

/** What finds libscif while building and running, where the linker does not know its folder. */
export function withScif(options: ProverOptions): ProverOptions {
  const path = [join(options.scif.prefix, 'lib'), options.env.LD_LIBRARY_PATH].filter(Boolean)
  return { ...options, env: { ...options.env, LD_LIBRARY_PATH: path.join(':') } }
}
