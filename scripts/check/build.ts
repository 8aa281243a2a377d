// SPDX-License-Identifier: MPL-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { runOrFail } from '../system/run.ts'
import { buildEnv } from '../toolchain/compiler.ts'
import { buildProgress } from '../toolchain/progress.ts'
import {
  type BuildContext,
  buildTree,
  listPrograms,
  type TreeBuild,
  testFlags,
} from '../verify/build.ts'
import type { Program as BuiltProgram } from '../verify/programs.ts'
import { claimsOf } from './claims.ts'
import type { Program } from './types.ts'

export interface BuiltTests {
  programs: readonly Program[]
  /** Where they find their libzmq. */
  libzmqDir: string
}

const minute = 60_000

/** Nobody measures a test: to compile it without optimisation takes half the time. */
const quickFlags = ['CFLAGS=-O0 -g', 'CXXFLAGS=-O0 -g']

/**
 * Rules beside Automake's own. Upstream links its unit tests with the static library, for which
 * everything would have to be compiled a second time; the objects of the shared one do as well.
 * Elsewhere than Automake, which knows of them, but not what they are made of.
 */
const rules = `include Makefile

objects = $(foreach lo,$(src_libzmq_la_OBJECTS),$(dir $(lo)).libs/$(notdir $(lo:.lo=.o)))

check/%: $(top_srcdir)/unittests/%.cpp $(TESTUTIL_LIBS) src/libzmq.la
	@mkdir -p check
	@echo "  CXX      $@.o"
	@$(CXX) $(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) -I$(top_srcdir)/src $(TESTUTIL_CPPFLAGS) \\
	  $(CPPFLAGS) $(scif_CFLAGS) $(AM_CXXFLAGS) $(CXXFLAGS) -o $@ $< $(TESTUTIL_LIBS) $(objects) \\
	  $(src_libzmq_la_LIBADD) $(LDFLAGS) $(LIBS) -lpthread -ldl

print-unittests:
	@echo $(patsubst $(top_srcdir)/unittests/%.cpp,check/%,$(wildcard $(top_srcdir)/unittests/unittest_*.cpp))
`

/** Builds all of upstream's test programs by its own build system, and the unit tests. */
export async function buildTests(build: TreeBuild, context: BuildContext): Promise<BuiltTests> {
  const { buildDir, buildSystem, dir } = build
  const built =
    buildSystem === 'cmake' ? await byCmake(build, context) : await byAutotools(build, context)
  const programs = built.map(({ name, path }) => ({ ...{ name, path }, ...readSource(dir, name) }))
  return { programs, libzmqDir: join(buildDir, buildSystem === 'cmake' ? 'lib' : 'src/.libs') }
}

/** In a build folder of its own: the tests are an option of the whole build. */
async function byCmake(build: TreeBuild, context: BuildContext): Promise<BuiltProgram[]> {
  await buildTree({ ...build, more: [...build.more, ...testFlags('cmake')] }, context)
  return listPrograms(build, context)
}

/** In the build folder of the library, which `make check` leaves as it is. */
async function byAutotools(build: TreeBuild, context: BuildContext): Promise<BuiltProgram[]> {
  const { buildDir, jobs } = build
  const file = join(buildDir, '.check.mk')
  writeFileSync(file, rules)
  const listed = await listPrograms(build, context)
  const options = { cwd: buildDir, env: buildEnv(context.env), signal: context.signal }
  const printing = ['make', '-s', '-f', file, 'print-unittests']
  const { stdout } = await runOrFail(printing, {
    ...{ ...options, timeout: minute, what: 'Listing the unit tests' },
  })
  const units = stdout.split(/\s+/).filter((each) => each !== '')
  const progress = buildProgress(listed.length + units.length)
  const making = {
    ...options,
    timeout: 30 * minute,
    logFile: `${build.logBase}-tests.log`,
    onLine: (line: string) => {
      const text = progress(line)
      if (text !== undefined) context.progress(text)
    },
  }
  const make = ['make', `-j${jobs}`, ...quickFlags]
  await runOrFail([...make, 'check', 'TESTS='], { ...making, what: 'Building the tests' })
  await runOrFail([...make, '-f', file, ...units], { ...making, what: 'Building the unit tests' })
  const paths = [
    ...listed.map(({ path }) => realProgram(path)),
    ...units.map((unit) => join(buildDir, unit)),
  ]
  return [...new Set(paths)].map((path) => ({ name: basename(path), path }))
}

/** libtool leaves a wrapper where it has linked with a library of the build. */
function realProgram(path: string): string {
  const real = join(dirname(path), '.libs', basename(path))
  return existsSync(real) ? real : path
}

function readSource(dir: string, name: string): Pick<Program, 'claims' | 'weight'> {
  const folder = name.startsWith('unittest_') ? 'unittests' : 'tests'
  const source = readFileSync(join(dir, folder, `${name}.cpp`), 'utf8')
  return { claims: claimsOf(source), weight: source.length }
}

/** Builds the library that rewrites endpoints; returns its path. */
export async function buildPreload(
  build: Pick<TreeBuild, 'compilers' | 'logBase'>,
  sourceDir: string,
  buildDir: string,
  context: BuildContext,
): Promise<string> {
  const options = {
    cwd: sourceDir,
    env: buildEnv(context.env),
    signal: context.signal,
    timeout: 5 * minute,
    logFile: `${build.logBase}-rewrite.log`,
  }
  const compiler = `-DCMAKE_C_COMPILER=${build.compilers.cc}`
  await runOrFail(['cmake', '-S', sourceDir, '-B', buildDir, compiler], {
    ...{ ...options, what: 'Configuring the library that rewrites endpoints' },
  })
  await runOrFail(['cmake', '--build', buildDir], {
    ...{ ...options, what: 'Building the library that rewrites endpoints' },
  })
  return join(buildDir, 'libzmq-rewrite.so')
}
