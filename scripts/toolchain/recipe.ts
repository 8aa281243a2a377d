// SPDX-License-Identifier: MPL-2.0

import { dirname, join } from 'node:path'
import type { Compilers } from './compiler.ts'
import { autotoolsFor, type Cross, cmakeFor } from './cross.ts'
import type { LibscifChoice } from './types.ts'

/** The perf programs that are installed beside the library. */
export const perfPrograms = [
  'local_thr',
  'remote_thr',
  'local_lat',
  'remote_lat',
  'inproc_thr',
  'inproc_lat',
] as const

/** A libzmq tree that is to be built. */
export interface BuildSource {
  dir: string
  /** "4.3.4": names the build. */
  release: string
  /** Git tree id of the sources. */
  tree: string
  /** Somebody has edited it since: the tree id does not describe it, so nothing is skipped. */
  edited: boolean
}

export interface BuildPlan {
  source: BuildSource
  buildDir: string
  /** Absolute; where it will live. */
  prefix: string
  scif: LibscifChoice
  /** With libzmq's draft API, which its releases come without. */
  drafts: boolean
  compilers: Compilers
  jobs: number
  /** For another kind of machine. */
  cross?: Cross | undefined
  /** Further arguments of configure or cmake; on an option that is there already they win. */
  more?: readonly string[]
}

/** One command of a build, and where it runs. */
export interface Command {
  argv: readonly string[]
  cwd: string
}

/** How one build system builds and stages libzmq. */
export interface Recipe {
  configure: Command
  build: Command
  /** Installs libraries, headers and .pc files below `stage`, as if that were the root. */
  stage(stage: string): Command
  /** Where the built perf program is found for staging: a whole program, or an object to link. */
  perf(name: string): { kind: 'program' | 'object'; pattern: RegExp; dir: string }
}

/** Optimised as a release, with symbols for a debugger: also autoconf's own default. */
export const compileFlags = '-O2 -g'

/**
 * Where an installed program or library looks for the others: beside itself, so that the prefix
 * may be moved, and then where a libscif of the user's own lies.
 */
export function runPath(scif: LibscifChoice): string {
  const own = '$ORIGIN/../lib'
  return scif.kind === 'real' ? `${own}:${dirname(scif.library)}` : own
}

/** The prefix that the build systems are told to find libscif in. */
export function scifPrefix(scif: LibscifChoice): string | undefined {
  return scif.kind === 'none' ? undefined : scif.prefix
}

/** Autotools: a build outside of the tree, of the shared library only. */
export function autotools(plan: BuildPlan): Recipe {
  const { source, buildDir, prefix, compilers, scif } = plan
  const wrap = (compiler: string) => [compilers.ccache, compiler].filter(Boolean).join(' ')
  const libscif = scifPrefix(scif)
  const make = (...targets: string[]) => ({
    argv: ['make', `-j${plan.jobs}`, ...targets],
    cwd: buildDir,
  })
  return {
    configure: {
      argv: [
        join(source.dir, 'configure'),
        `--prefix=${prefix}`,
        `--libdir=${join(prefix, 'lib')}`,
        ...(libscif === undefined ? ['--without-scif'] : [`--with-scif=${libscif}`]),
        '--with-libsodium',
        '--enable-perf',
        // Said aloud: libzmq's default depends on whether the tree is a git repository.
        plan.drafts ? '--enable-drafts' : '--disable-drafts',
        '--without-docs',
        // The library is wanted once, not twice.
        '--disable-static',
        // A compiler newer than the release warns of more than its authors could know.
        '--disable-Werror',
        `CC=${wrap(compilers.cc)}`,
        `CXX=${wrap(compilers.cxx)}`,
        `CFLAGS=${compileFlags}`,
        `CXXFLAGS=${compileFlags}`,
        // Make takes one dollar away, the shell the backslash.
        `LDFLAGS=-Wl,-rpath,${runPath(scif).replace('$', () => '\\$$')}`,
        ...(plan.cross ? autotoolsFor(plan.cross) : []),
        ...(plan.more ?? []),
      ],
      cwd: buildDir,
    },
    build: make('src/libzmq.la', ...perfPrograms.map((name) => `perf/${name}`)),
    stage: (stage) =>
      make(
        `DESTDIR=${stage}`,
        'install-libLTLIBRARIES',
        'install-includeHEADERS',
        'install-pkgconfigDATA',
      ),
    // What libtool leaves in perf/ are wrappers that run in the build folder only.
    perf: (name) => ({
      kind: 'object',
      dir: join(buildDir, 'perf'),
      pattern: new RegExp(`^(perf_${name}-)?${name}\\.o$`),
    }),
  }
}

/** CMake: the same, by its own names. */
export function cmake(plan: BuildPlan): Recipe {
  const { source, buildDir, prefix, compilers, scif } = plan
  const libscif = scifPrefix(scif)
  const linkFlags = `-Wl,-rpath,'${runPath(scif)}'`
  const define = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `-D${name}=${value}`)
  return {
    configure: {
      argv: [
        'cmake',
        '-S',
        source.dir,
        '-B',
        buildDir,
        ...define({
          CMAKE_BUILD_TYPE: 'RelWithDebInfo',
          CMAKE_INSTALL_PREFIX: prefix,
          CMAKE_INSTALL_LIBDIR: 'lib',
          CMAKE_C_COMPILER: compilers.cc,
          CMAKE_CXX_COMPILER: compilers.cxx,
          CMAKE_C_FLAGS_RELWITHDEBINFO: compileFlags,
          CMAKE_CXX_FLAGS_RELWITHDEBINFO: compileFlags,
          ...(compilers.ccache === undefined
            ? {}
            : {
                CMAKE_C_COMPILER_LAUNCHER: compilers.ccache,
                CMAKE_CXX_COMPILER_LAUNCHER: compilers.ccache,
              }),
          // libzmq's own lines set an absolute run path; ours comes by the linker's flags.
          CMAKE_SKIP_RPATH: 'ON',
          CMAKE_SHARED_LINKER_FLAGS: linkFlags,
          CMAKE_EXE_LINKER_FLAGS: linkFlags,
          ...(libscif === undefined
            ? { WITH_SCIF: 'OFF' }
            : { WITH_SCIF: 'ON', SCIF_ROOT: libscif, CMAKE_PREFIX_PATH: libscif }),
          ENABLE_DRAFTS: plan.drafts ? 'ON' : 'OFF',
          ENABLE_CURVE: 'ON',
          WITH_LIBSODIUM: 'ON',
          WITH_PERF_TOOL: 'ON',
          WITH_DOC: 'OFF',
          WITH_DOCS: 'OFF',
          BUILD_TESTS: 'OFF',
          BUILD_STATIC: 'OFF',
          ENABLE_CPACK: 'OFF',
        }),
        ...(plan.cross ? cmakeFor(plan.cross, libscif) : []),
        ...(plan.more ?? []),
      ],
      cwd: buildDir,
    },
    build: { argv: ['cmake', '--build', buildDir, '--parallel', String(plan.jobs)], cwd: buildDir },
    stage: (stage) => ({
      argv: ['env', `DESTDIR=${stage}`, 'cmake', '--install', buildDir],
      cwd: buildDir,
    }),
    perf: (name) => ({
      kind: 'program',
      dir: join(buildDir, 'bin'),
      pattern: new RegExp(`^${name}$`),
    }),
  }
}
