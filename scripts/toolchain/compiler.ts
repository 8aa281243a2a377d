// SPDX-License-Identifier: MPL-2.0
import { type Env, run } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { which } from './detect.ts'

/** The compilers of a build, and what remembers their results. */
export interface Compilers {
  cc: string
  cxx: string
  /** Absolute path of ccache, when the machine has it. */
  ccache: string | undefined
  /** First line of what the C++ compiler says of itself. */
  version: string
}

/** CC and CXX where they are set, otherwise the system's own. */
export async function findCompilers(env: Env, signal?: AbortSignal): Promise<Compilers> {
  const cc = env.CC || first(['cc', 'gcc', 'clang'], env)
  const cxx = env.CXX || first(['c++', 'g++', 'clang++'], env)
  if (!cc || !cxx)
    throw new UserError({
      message: `There is no ${cc ? 'C++' : 'C'} compiler.`,
      hint: 'Type ./build doctor to see what is missing and how to install it.',
      exitCode: ExitCode.missing,
    })
  const asked = await run([...cxx.split(/\s+/), '--version'], {
    cwd: '/',
    env: { ...env, LC_ALL: 'C' },
    signal,
    timeout: 20_000,
  })
  const version = asked.stdout.split('\n')[0]?.trim() ?? ''
  return { cc, cxx, ccache: which('ccache', env), version }
}

function first(names: readonly string[], env: Env): string | undefined {
  return names.find((name) => which(name, env))
}

/** Set by a shell, a make or a packager, these would change a build behind its back. */
const notPassedOn = [
  'CFLAGS',
  'CXXFLAGS',
  'CPPFLAGS',
  'LDFLAGS',
  'LIBS',
  'DESTDIR',
  'MAKEFLAGS',
  'MFLAGS',
  'MAKELEVEL',
  'CMAKE_GENERATOR',
  'CONFIG_SITE',
]

/** The environment of a build: the caller's without what would change the outcome unseen. */
export function buildEnv(env: Env): Env {
  const kept = Object.entries(env).filter(([name]) => !notPassedOn.includes(name))
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}
