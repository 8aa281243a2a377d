// SPDX-License-Identifier: MPL-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Env, runOrFail } from '../system/run.ts'
import { buildEnv, type Compilers } from '../toolchain/compiler.ts'
import { buildLibzmq, type LibzmqBuild } from '../toolchain/libzmq.ts'
import { buildProgress } from '../toolchain/progress.ts'
import type { LibscifChoice } from '../toolchain/types.ts'
import { type Program, programsAt } from './programs.ts'
import type { BuildSystem } from './types.ts'

/** A libzmq tree, and what it is built with; all results stay in the build folder. */
export interface TreeBuild {
  /** The source tree. */
  dir: string
  release: string
  /** Git tree id, or any other name of what is built. */
  tree: string
  buildSystem: BuildSystem
  buildDir: string
  scif: LibscifChoice
  /** sha256 of what libscif is. */
  scifKey: string
  /** Further arguments of configure or cmake. */
  more: readonly string[]
  drafts: boolean
  compilers: Compilers
  jobs: number
  /** Without its end: "…/logs/verify/4.3.4-cmake-scif". */
  logBase: string
}

export interface BuildContext {
  env: Env
  signal: AbortSignal
  progress(text: string): void
}

/** A library as it would be installed, and how programs of the build find it. */
export interface BuiltTree {
  /** include/, lib/ and bin/, with libscif beside libzmq. */
  prefix: string
  library: string
  /** The environment for programs of the build folder. */
  env: Env
}

const minute = 60_000

/** Nobody measures a test: without optimisation it is compiled in half the time. */
const quickFlags = ['CFLAGS=-O0 -g', 'CXXFLAGS=-O0 -g']

/** Builds the library and the perf programs; CMake's tests, too, when `more` asks for them. */
export async function buildTree(build: TreeBuild, context: BuildContext): Promise<BuiltTree> {
  const plan = libzmqBuild(build)
  const stage = join(build.buildDir, 'stage')
  // Linking a program with libzmq, the linker looks for libzmq's libscif as the loader would.
  const env = { ...context.env, ...libscifPath(build.scif) }
  await buildLibzmq(plan, stage, { env }, { ...context, line: context.progress })
  const prefix = join(stage, plan.prefix)
  const lib = join(prefix, 'lib')
  if (build.scif.kind === 'soft') {
    const own = join(build.scif.prefix, 'lib')
    for (const name of readdirSync(own).filter((each) => each.startsWith('libscif.so')))
      cpSync(join(own, name), join(lib, name), { verbatimSymlinks: true })
  }
  return {
    prefix,
    library: join(lib, 'libzmq.so'),
    env: {
      ...context.env,
      LD_LIBRARY_PATH: [lib, ...Object.values(libscifPath(build.scif))].join(':'),
    },
  }
}

function libscifPath(scif: LibscifChoice): Record<string, string> {
  if (scif.kind === 'none') return {}
  return {
    LD_LIBRARY_PATH: scif.kind === 'soft' ? join(scif.prefix, 'lib') : dirname(scif.library),
  }
}

function libzmqBuild(build: TreeBuild): LibzmqBuild {
  const { dir, release, tree, ...rest } = build
  return {
    ...rest,
    source: { dir, release, tree, edited: false },
    // Nothing is ever installed there: the stage below the build folder is what is looked at.
    prefix: '/verify',
  }
}

/** Arguments that have CMake build the tests; Autotools do when they are asked to. */
export function testFlags(buildSystem: BuildSystem): string[] {
  // The unit tests are linked with the static library. Autotools would compile everything twice.
  return buildSystem === 'cmake' ? ['-DBUILD_TESTS=ON', '-DBUILD_STATIC=ON'] : []
}

/** Builds the test programs, all or the named ones, and tells where they are. */
export async function buildPrograms(
  build: TreeBuild,
  context: BuildContext,
  only?: readonly string[],
): Promise<Program[]> {
  const listed = await listPrograms(build, context)
  const wanted = only ? listed.filter(({ name }) => only.includes(name)) : listed
  if (wanted.length === 0) return []
  const progress = buildProgress(listed.length)
  const options = {
    cwd: build.buildDir,
    env: buildEnv(context.env),
    signal: context.signal,
    logFile: `${build.logBase}-tests.log`,
    timeout: 30 * minute,
    onLine: (line: string) => {
      const text = progress(line)
      if (text !== undefined) context.progress(`tests: ${text}`)
    },
    what: 'Building the tests',
  }
  const { buildDir, jobs } = build
  if (build.buildSystem === 'cmake') {
    const targets = only ? ['--target', ...wanted.map(({ name }) => name)] : []
    await runOrFail(['cmake', '--build', buildDir, '--parallel', String(jobs), ...targets], options)
    return wanted
  }
  const relative = wanted.map(({ path }) => path.slice(buildDir.length + 1))
  await runOrFail(
    ['make', `-j${jobs}`, ...quickFlags, ...(only ? relative : ['check', 'TESTS='])],
    options,
  )
  return wanted.map(({ name, path }) => ({ name, path: realProgram(path) }))
}

/** libtool leaves a wrapper where it has linked with a library of the build. */
function realProgram(path: string): string {
  const slash = path.lastIndexOf('/')
  const real = join(path.slice(0, slash), '.libs', path.slice(slash + 1))
  return existsSync(real) ? real : path
}

const printTests = 'include Makefile\nprint-tests:\n\t@echo $(filter-out $(XFAIL_TESTS),$(TESTS))\n'

/** The test programs that the build system knows of, built or not. */
export async function listPrograms(build: TreeBuild, context: BuildContext): Promise<Program[]> {
  const { buildDir } = build
  const options = {
    cwd: buildDir,
    env: buildEnv(context.env),
    signal: context.signal,
    timeout: minute,
    what: 'Listing the tests',
  }
  if (build.buildSystem === 'cmake') {
    const { stdout } = await runOrFail(['ctest', '-N'], options)
    const names = [...stdout.matchAll(/^ *Test +#\d+: (\S+)$/gm)].map((match) => match[1] ?? '')
    return programsAt(names.map((name) => join(buildDir, 'bin', name)))
  }
  const file = join(buildDir, '.verify.mk')
  writeFileSync(file, printTests)
  const { stdout } = await runOrFail(['make', '-s', '-f', file, 'print-tests'], options)
  const paths = stdout.split(/\s+/).filter((each) => /^(unit)?tests\//.test(each))
  return programsAt(paths.map((path) => join(buildDir, path)))
}

const hasSource = `/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>
#include <zmq.h>
int main (int argc, char **argv)
{
    int i, major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("%d.%d.%d\\n", major, minor, patch);
    for (i = 1; i < argc; i++)
        printf ("%s %d\\n", argv[i], zmq_has (argv[i]));
    return 0;
}
`

/** What a built library says to zmq_version () and zmq_has (). */
export async function askTree(
  built: BuiltTree,
  build: Pick<TreeBuild, 'buildDir' | 'compilers'>,
  capabilities: readonly string[],
  context: BuildContext,
): Promise<{ version: string; has: ReadonlyMap<string, boolean> }> {
  const dir = join(build.buildDir, 'ask')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'has.c'), hasSource)
  const lib = join(built.prefix, 'lib')
  const options = { cwd: dir, env: built.env, signal: context.signal, timeout: minute }
  const argv = [
    ...build.compilers.cc.split(/\s+/),
    ...['has.c', '-o', 'has', `-I${join(built.prefix, 'include')}`, `-L${lib}`, '-lzmq'],
    `-Wl,-rpath-link,${lib}`,
  ]
  await runOrFail(argv, { ...options, what: 'Compiling a program against the new libzmq' })
  const { stdout } = await runOrFail([join(dir, 'has'), ...capabilities], {
    ...options,
    what: 'Asking the new libzmq',
  })
  const [version = '', ...lines] = stdout.trim().split('\n')
  const has = lines.map((line) => line.split(' ')).map(([name = '', one]) => [name, one === '1'])
  return { version, has: new Map(has as [string, boolean][]) }
}
