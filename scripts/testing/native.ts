// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Env, run, runOrFail } from '../system/run.ts'
import { buildEnv } from '../toolchain/compiler.ts'
import { type Counts, parseCtest, parseTap } from './counts.ts'
import type { StageContext } from './stage.ts'

/** Configures and builds a CMake project, of the repository if the path is relative; returns its build folder. */
export async function buildCmake(
  context: StageContext,
  source: string,
  name: string,
  defines: Record<string, string>,
): Promise<string> {
  return context.inTurn(() => build(context, source, name, defines))
}

async function build(
  context: StageContext,
  source: string,
  name: string,
  defines: Record<string, string>,
): Promise<string> {
  const buildDir = join(context.out, name)
  mkdirSync(buildDir, { recursive: true })
  const { root, env, signal, logFile, jobs, progress } = context
  const options = { cwd: root, env: buildEnv(env), signal, logFile, onLine: progress }
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`)
  await runOrFail(['cmake', '-S', resolve(root, source), '-B', buildDir, ...flags], {
    ...options,
    what: `Configuring ${source}`,
  })
  await runOrFail(['cmake', '--build', buildDir, '--parallel', String(jobs)], {
    ...options,
    what: `Building ${source}`,
  })
  return buildDir
}

/** Installs what buildCmake has built. */
export async function installCmake(context: StageContext, buildDir: string): Promise<void> {
  const { env, signal, logFile } = context
  await runOrFail(['cmake', '--install', buildDir], {
    cwd: buildDir,
    env,
    signal,
    logFile,
    what: `Installing ${buildDir}`,
  })
}

/** Runs the tests of a build folder, one after the other: they measure time. */
export async function ctest(context: StageContext, buildDir: string): Promise<Counts> {
  const { env, signal, logFile, progress } = context
  const { stdout } = await run(['ctest', '--output-on-failure', '--timeout', '300'], {
    cwd: buildDir,
    env,
    signal,
    logFile,
    onLine: progress,
  })
  return parseCtest(stdout)
}

/** Runs a program that writes TAP. */
export async function tapProgram(
  context: StageContext,
  argv: readonly string[],
  more: Env = {},
): Promise<Counts> {
  const { out, env, signal, logFile, progress } = context
  const result = await run(argv, {
    cwd: out,
    env: { ...env, ...more },
    signal,
    logFile,
    onLine: progress,
  })
  return parseTap(result.stdout, result.exitCode)
}
