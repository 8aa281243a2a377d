// SPDX-License-Identifier: MPL-2.0
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Context } from '../system/context.ts'
import { type RunOptions, runOrFail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'
import { buildEnv } from './compiler.ts'
import { buildProgress } from './progress.ts'
import {
  autotools,
  type BuildPlan,
  cmake,
  compileFlags,
  perfPrograms,
  type Recipe,
  runPath,
} from './recipe.ts'
import { changedInputs, hashFiles, type Inputs, readInputs, writeInputs } from './stamp.ts'

/** What libzmq's configure script is generated from. */
const autogenInputs = [
  'configure.ac',
  'acinclude.m4',
  'Makefile.am',
  'doc/Makefile.am',
  'autogen.sh',
]

/** Written beside what autogen.sh generates, which libzmq's .gitignore covers. */
const autogenStamp = join('config', '.scif-inputs.json')

const minute = 60_000

export interface LibzmqBuild extends BuildPlan {
  buildSystem: 'autotools' | 'cmake'
  /** sha256 of what libscif is; a change of it configures anew. */
  scifKey: string
  /** A file name without its end: "…/4.3.4-autotools"; each command has a log of its own. */
  logBase: string
}

export function recipeOf(build: LibzmqBuild): Recipe {
  return build.buildSystem === 'cmake' ? cmake(build) : autotools(build)
}

/** Everything but the sources that a build is made from: a change of it begins anew. */
function configureInputs(build: LibzmqBuild): Inputs {
  return {
    'the flags': recipeOf(build).configure.argv.join('\n'),
    'the compiler': build.compilers.version,
    libscif: build.scifKey,
  }
}

/** Everything that a build is made from, by name. */
export function libzmqInputs(build: LibzmqBuild): Inputs {
  return { 'the sources': build.source.tree, ...configureInputs(build) }
}

/**
 * @throws UserError with exit code 2 when Autotools are asked to work in a path with blanks:
 * Automake refuses that, with words that nobody understands.
 */
export function checkPaths(build: LibzmqBuild): void {
  if (build.buildSystem === 'cmake') return
  const bad = [build.source.dir, build.buildDir, build.prefix].find((path) =>
    /[\s"#$&'`\\]/.test(path),
  )
  if (bad !== undefined)
    throw new UserError({
      message: `Autotools cannot build in ${JSON.stringify(bad)}: the path has a blank or a quote in it.`,
      hint: 'Give --out <a folder without blanks>, or --build-system cmake.',
      exitCode: ExitCode.usage,
    })
}

/**
 * Configures and compiles libzmq and its perf programs, and installs them below `stage`. What an
 * earlier run has compiled is used as far as make finds it up to date.
 */
export async function buildLibzmq(
  build: LibzmqBuild,
  stage: string,
  context: Pick<Context, 'env'>,
  handle: StepHandle,
): Promise<void> {
  const { buildDir } = build
  const env = { ...ccacheEnv(buildDir), ...buildEnv(context.env) }
  const recipe = recipeOf(build)
  const options = (name: string, timeout: number) => {
    const logFile = `${build.logBase}-${name}.log`
    rmSync(logFile, { force: true })
    return { env, signal: handle.signal, timeout, logFile } satisfies Partial<RunOptions>
  }

  checkPaths(build)
  const stamp = join(buildDir, '.scif-inputs.json')
  const inputs = configureInputs(build)
  if (changedInputs(readInputs(stamp), inputs).length > 0)
    rmSync(buildDir, { recursive: true, force: true })
  mkdirSync(buildDir, { recursive: true })

  const generated =
    build.buildSystem === 'autotools' &&
    (await generateConfigure(build.source.dir, options('autogen', 5 * minute), handle))
  const configured = join(
    buildDir,
    build.buildSystem === 'cmake' ? 'CMakeCache.txt' : 'config.status',
  )
  if (generated || !existsSync(stamp) || !existsSync(configured)) {
    handle.progress('configure')
    rmSync(stamp, { force: true })
    const { argv, cwd } = recipe.configure
    await runOrFail(argv, {
      cwd,
      ...options('configure', 10 * minute),
      onLine: (line) => handle.progress(line.slice(0, 60)),
      what: 'Configuring libzmq',
    })
    writeInputs(stamp, inputs)
  }

  const sources = readdirSync(join(build.source.dir, 'src')).filter((name) => name.endsWith('.cpp'))
  const progress = buildProgress(sources.length + perfPrograms.length)
  await runOrFail(recipe.build.argv, {
    cwd: recipe.build.cwd,
    ...options('make', 60 * minute),
    onLine: (line) => {
      const text = progress(line)
      if (text !== undefined) handle.progress(text)
    },
    what: 'Compiling libzmq',
  })

  handle.progress('install')
  rmSync(stage, { recursive: true, force: true })
  const staging = recipe.stage(stage)
  await runOrFail(staging.argv, {
    cwd: staging.cwd,
    ...options('install', 5 * minute),
    what: 'Installing libzmq',
  })
  for (const name of perfPrograms) await stagePerf(name, build, recipe, stage, env, handle)
}

/**
 * Lets ccache see that builds with and without scif, or in another folder at the same depth, have
 * most objects in common. The caller's own settings win.
 */
function ccacheEnv(buildDir: string): Record<string, string> {
  return { CCACHE_BASEDIR: dirname(dirname(buildDir)), CCACHE_NOHASHDIR: 'true' }
}

/**
 * Generates configure in the source tree, where libzmq's .gitignore expects it, unless it is there
 * already from the same inputs.
 * @returns whether it was generated anew
 */
export async function generateConfigure(
  dir: string,
  options: Pick<RunOptions, 'env' | 'signal' | 'timeout' | 'logFile'>,
  handle: Pick<StepHandle, 'progress'>,
): Promise<boolean> {
  const stamp = join(dir, autogenStamp)
  const inputs = { files: hashFiles(dir, autogenInputs) }
  if (changedInputs(readInputs(stamp), inputs).length === 0 && existsSync(join(dir, 'configure')))
    return false
  handle.progress('autogen.sh')
  await runOrFail(['sh', './autogen.sh'], {
    cwd: dir,
    ...options,
    what: "libzmq's autogen.sh",
  })
  writeInputs(stamp, inputs)
  return true
}

/** Puts a perf program below the stage as it is to run from the prefix, without build paths. */
async function stagePerf(
  name: string,
  build: LibzmqBuild,
  recipe: Recipe,
  stage: string,
  env: RunOptions['env'],
  handle: StepHandle,
): Promise<void> {
  const { kind, dir, pattern } = recipe.perf(name)
  const found = readdirSync(dir).find((file) => pattern.test(file))
  if (found === undefined) throw new Error(`${dir} has nothing like ${pattern} after the build`)
  const target = join(stage, build.prefix, 'bin', name)
  mkdirSync(dirname(target), { recursive: true })
  if (kind === 'program') {
    copyFileSync(join(dir, found), target)
    chmodSync(target, 0o755)
    return
  }
  const lib = join(stage, build.prefix, 'lib')
  const { scif } = build
  const paths =
    scif.kind === 'none'
      ? []
      : [scif.kind === 'real' ? dirname(scif.library) : join(scif.prefix, 'lib')]
  await runOrFail(
    [
      ...build.compilers.cxx.split(/\s+/),
      ...compileFlags.split(' '),
      '-o',
      target,
      join(dir, found),
      `-L${lib}`,
      '-lzmq',
      '-lpthread',
      `-Wl,-rpath,${runPath(scif)}`,
      ...[lib, ...paths].map((path) => `-Wl,-rpath-link,${path}`),
    ],
    { cwd: dir, env, signal: handle.signal, timeout: minute, what: `Linking ${name}` },
  )
}

/** The exported symbols of a shared library, by `nm -D`, sorted. */
export async function exportedSymbols(
  library: string,
  context: Pick<Context, 'env' | 'signal'>,
): Promise<string[]> {
  const { stdout } = await runOrFail(['nm', '-D', '--defined-only', library], {
    cwd: dirname(library),
    env: context.env,
    signal: context.signal,
    timeout: minute,
    what: 'nm',
  })
  return stdout
    .split('\n')
    .map((line) => line.split(' ').slice(1).join(' '))
    .filter(Boolean)
    .sort()
}
