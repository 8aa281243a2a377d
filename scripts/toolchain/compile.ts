// SPDX-License-Identifier: MPL-2.0
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../system/context.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { StepHandle, StepOutcome } from '../ui/steps.ts'
import { askLibrary, checkLinkage, readLibrary } from './inspect.ts'
import { type BuildRecord, installInto, readRecord, writeRecord } from './install-prefix.ts'
import { libraryVersion } from './libscif.ts'
import { buildLibzmq, type LibzmqBuild, libzmqInputs, recipeOf } from './libzmq.ts'
import { withPrefix } from './prefix-lock.ts'
import { perfPrograms } from './recipe.ts'
import { changedInputs, type Inputs, keyOf, readInputs, writeInputs } from './stamp.ts'
import type { BuiltPrefix } from './types.ts'

/** What a report wants to know of the sources, beyond what the build itself needs. */
export interface Provenance {
  seriesHash: string | null
  route: string | null
}

/**
 * Brings libzmq in the prefix up to date: builds, installs, and checks that what is installed runs
 * from there and has the transport. Does nothing when all inputs are the same as those of what
 * the prefix has.
 */
export async function compileLibzmq(
  build: LibzmqBuild,
  provenance: Provenance,
  context: Context,
  handle: StepHandle,
): Promise<{ built: BuiltPrefix; outcome: StepOutcome }> {
  const inputs: Inputs = { ...libzmqInputs(build), 'the prefix': build.prefix }
  const key = keyOf(inputs)
  const stamp = `${build.prefix}.inputs.json`
  return withPrefix(build.prefix, handle, async () => {
    const before = readRecord(build.prefix)
    if (before?.key === key && !build.source.edited && !before.edited)
      return {
        built: builtFrom(before, build),
        outcome: {
          status: 'skipped',
          detail: `same sources, flags, compiler and libscif as ${ago(before.date, context.now())}`,
        },
      }
    const changed = changedInputs(before && readInputs(stamp), inputs)
    const stage = join(build.buildDir, 'stage')
    await buildLibzmq(build, stage, context, handle)
    const files = installInto(join(stage, build.prefix), build.prefix)
    const answers = await check(build, files, context, handle)
    const record: BuildRecord = {
      schemaVersion: 1,
      key,
      ...provenance,
      tree: build.source.tree,
      edited: build.source.edited,
      release: build.source.release,
      version: answers.version,
      buildSystem: build.buildSystem,
      scif: scifFacts(build),
      hasScif: answers.scif,
      compiler: build.compilers.version,
      flags: recipeOf(build).configure.argv,
      date: context.now().toISOString(),
      files,
    }
    writeInputs(stamp, inputs)
    writeRecord(build.prefix, record)
    const why = build.source.edited ? 'the work tree has edits' : changed.join(', ')
    return { built: builtFrom(record, build), outcome: { status: 'done', detail: why } }
  })
}

/** zmq_has ("scif") must be what was asked for, and every file must run from where it lies. */
async function check(
  build: LibzmqBuild,
  files: readonly string[],
  context: Context,
  handle: StepHandle,
) {
  handle.progress('check')
  const { prefix, compilers } = build
  const common = { env: context.env, signal: handle.signal }
  const own = files.filter((file) => /^bin\/|^lib\/libzmq\.so\.\d+$/.test(file))
  if (own.length < perfPrograms.length + 1) throw new Error(`installed only ${own.join(', ')}`)
  await checkLinkage(
    own.map((file) => join(prefix, file)),
    prefix,
    {
      ...common,
      libscif: build.scif.kind === 'real' ? build.scif.library : undefined,
      foreign: build.cross !== undefined,
    },
  )
  const workDir = join(build.buildDir, 'probe')
  mkdirSync(workDir, { recursive: true })
  const emulator = build.cross?.emulator
  const answers =
    build.cross && !emulator
      ? await readLibrary(prefix, common)
      : await askLibrary({ prefix, workDir, compilers, emulator, ...common })
  const wanted = build.scif.kind !== 'none'
  if (answers.scif !== wanted)
    throw new UserError({
      message: `The libzmq in ${prefix} was built ${wanted ? 'with' : 'without'} SCIF, but zmq_has ("scif") is ${answers.scif ? 1 : 0}.`,
      hint: `Look for SCIF in what configure found: ${build.logBase}-configure.log`,
      exitCode: ExitCode.checkFailed,
    })
  return answers
}

function scifFacts(build: LibzmqBuild): BuiltPrefix['scif'] {
  const { scif, prefix } = build
  if (scif.kind === 'none') return { kind: 'none' }
  if (scif.kind === 'soft')
    return {
      kind: 'soft',
      prefix: scif.prefix,
      version: libraryVersion(join(prefix, 'lib', 'libscif.so')),
    }
  const version = libraryVersion(scif.library)
  const device = scif.device === undefined ? {} : { device: scif.device }
  return { kind: 'real', prefix: scif.prefix, version, ...device }
}

function builtFrom(record: BuildRecord, build: LibzmqBuild): BuiltPrefix {
  return {
    prefix: build.prefix,
    buildDir: build.buildDir,
    buildSystem: record.buildSystem,
    scif: scifFacts(build),
    zmqVersion: record.version,
    hasScif: record.hasScif,
    compiler: record.compiler,
    flags: record.flags,
  }
}

/** "12 seconds ago", "3 minutes ago", "2 days ago". */
export function ago(date: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(date)) / 1000))
  const units: [number, string][] = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ]
  const [size, name] = units.find(([size]) => seconds >= size) ?? [1, 'second']
  const count = Math.floor(seconds / size)
  return `${count} ${name}${count === 1 ? '' : 's'} ago`
}
