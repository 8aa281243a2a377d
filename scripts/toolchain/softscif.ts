// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Context } from '../system/context.ts'
import { runOrFail } from '../system/run.ts'
import type { StepHandle, StepOutcome } from '../ui/steps.ts'
import { buildEnv, type Compilers } from './compiler.ts'
import { type Cross, toolchainFor } from './cross.ts'
import { removeFiles } from './install-prefix.ts'
import { withPrefix } from './prefix-lock.ts'
import {
  changedInputs,
  hashFolder,
  type Inputs,
  keyOf,
  readInputs,
  writeInputs,
  writeWhole,
} from './stamp.ts'

export interface SoftscifBuild {
  /** libzmq-ext/softscif */
  sourceDir: string
  buildDir: string
  prefix: string
  compilers: Compilers
  cross?: Cross | undefined
  logFile: string
}

/** The commands that make and install SoftSCIF, as --dry-run prints them. */
export function softscifCommands(build: SoftscifBuild, jobs: number): string[][] {
  const { sourceDir, buildDir, prefix, compilers } = build
  return [
    [
      'cmake',
      '-S',
      sourceDir,
      '-B',
      buildDir,
      `-DCMAKE_INSTALL_PREFIX=${prefix}`,
      '-DCMAKE_INSTALL_LIBDIR=lib',
      '-DCMAKE_BUILD_TYPE=Release',
      ...(build.cross
        ? toolchainFor(build.cross, undefined)
        : [`-DCMAKE_C_COMPILER=${compilers.cc}`]),
    ],
    ['cmake', '--build', buildDir, '--parallel', String(jobs)],
    ['cmake', '--install', buildDir],
  ]
}

/** Everything that SoftSCIF is made from. */
export function softscifInputs(build: SoftscifBuild): Inputs {
  return {
    'the sources of SoftSCIF': hashFolder(build.sourceDir),
    'the compiler': `${build.compilers.cc} ${build.compilers.version}`,
    'the prefix': build.prefix,
    'the commands': JSON.stringify(softscifCommands(build, 1)),
  }
}

/** sha256 of the SoftSCIF that the prefix has, for those that are built against it. */
export function softscifKey(build: SoftscifBuild): string {
  return keyOf(softscifInputs(build))
}

/** Builds and installs SoftSCIF, or says why that is not needed. */
export async function buildSoftscif(
  build: SoftscifBuild,
  context: Pick<Context, 'env' | 'jobs'>,
  handle: StepHandle,
): Promise<StepOutcome> {
  return withPrefix(build.prefix, handle, () => makeSoftscif(build, context, handle))
}

async function makeSoftscif(
  build: SoftscifBuild,
  context: Pick<Context, 'env' | 'jobs'>,
  handle: StepHandle,
): Promise<StepOutcome> {
  const { buildDir, prefix, logFile } = build
  const stamp = join(buildDir, '.scif-inputs.json')
  const inputs = softscifInputs(build)
  const changed = changedInputs(readInputs(stamp), inputs)
  const files = installedFiles(prefix)
  const whole = files.length > 0 && files.every((file) => existsSync(join(prefix, file)))
  if (changed.length === 0 && whole)
    return { status: 'skipped', detail: 'same sources, compiler and prefix as before' }
  rmSync(stamp, { force: true })
  rmSync(logFile, { force: true })
  // A cache of CMake's that is for another compiler or folder is of no use.
  if (!onlySources(changed)) rmSync(buildDir, { recursive: true, force: true })
  mkdirSync(buildDir, { recursive: true })
  const options = {
    cwd: buildDir,
    env: buildEnv(context.env),
    signal: handle.signal,
    logFile,
    timeout: 600_000,
    onLine: (line: string) => handle.progress(line.slice(0, 70)),
  }
  for (const argv of softscifCommands(build, context.jobs))
    await runOrFail(argv, { ...options, what: 'Building SoftSCIF' })
  recordFiles(buildDir, prefix)
  writeInputs(stamp, inputs)
  return { status: 'done', detail: `${changed.join(', ') || 'a file was missing'} → ${prefix}/lib` }
}

function onlySources(changed: readonly string[]): boolean {
  return changed.every((name) => name === 'the sources of SoftSCIF')
}

/** The record in a prefix of which of its files are SoftSCIF's. */
const fileRecord = '.scif-softscif.json'

/** Takes SoftSCIF out of a prefix again: a build against a real libscif must not find it there. */
export function removeSoftscif(prefix: string): void {
  removeFiles(prefix, [...installedFiles(prefix), fileRecord])
}

/** What the last installation of SoftSCIF has put into the prefix, relative to it. */
function installedFiles(prefix: string): string[] {
  try {
    return JSON.parse(readFileSync(join(prefix, fileRecord), 'utf8'))
  } catch {
    return []
  }
}

/** Keeps what CMake says that it has installed, in the prefix, where it outlives the build folder. */
function recordFiles(buildDir: string, prefix: string): void {
  const files = readFileSync(join(buildDir, 'install_manifest.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${prefix}/`))
    .map((line) => relative(prefix, line))
  writeWhole(join(prefix, fileRecord), `${JSON.stringify(files, null, 2)}\n`)
}
