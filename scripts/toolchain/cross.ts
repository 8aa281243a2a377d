// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, run } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Compilers } from './compiler.ts'
import { which } from './detect.ts'

/** A build for another kind of machine than this one: --host. */
export interface Cross {
  /** "aarch64-linux-gnu": what the names of its compilers begin with. */
  triplet: string
  /** Where its own headers and libraries are, unless the compiler knows by itself. */
  sysroot: string | undefined
  /** The CMake toolchain file. */
  toolchainFile: string
  /** What runs its programs here; undefined where nothing does. */
  emulator: readonly string[] | undefined
}

/** What qemu calls the processor that a triplet begins with. */
const qemuNames: Readonly<Record<string, string>> = {
  powerpc64le: 'ppc64le',
  powerpc64: 'ppc64',
  armv7l: 'arm',
  i686: 'i386',
}

/** @throws UserError with exit code 2 when it is no triplet */
export function parseTriplet(text: string): string {
  if (/^[a-z0-9_]+(?:-[a-z0-9_]+){1,3}$/.test(text)) return text
  throw new UserError({
    message: `--host ${JSON.stringify(text)} is not a triplet of processor, system and library.`,
    hint: 'For example: --host aarch64-linux-gnu',
    exitCode: ExitCode.usage,
  })
}

/** What a build for that triplet needs; looks, and changes nothing. */
export function crossFor(triplet: string, root: string, env: Env): Cross {
  const processor = triplet.split('-')[0] ?? ''
  const sysroot = [join('/usr', triplet)].find(existsSync)
  const qemu = ['', '-static']
    .map((suffix) => which(`qemu-${qemuNames[processor] ?? processor}${suffix}`, env))
    .find((path) => path !== undefined)
  return {
    triplet,
    sysroot,
    toolchainFile: join(root, 'scripts', 'toolchain', 'cross.cmake'),
    emulator: qemu === undefined ? undefined : [qemu, ...(sysroot ? ['-L', sysroot] : [])],
  }
}

/**
 * The compilers that the triplet names.
 * @throws UserError with exit code 3 when they are not on PATH
 */
export async function crossCompilers(
  { triplet }: Cross,
  env: Env,
  signal?: AbortSignal,
): Promise<Compilers> {
  const [cc, cxx] = [`${triplet}-gcc`, `${triplet}-g++`]
  const missing = [cc, cxx].filter((name) => !which(name, env))
  if (missing.length > 0)
    throw new UserError({
      message: `There is no ${missing.join(' and no ')}, which --host ${triplet} needs.`,
      hint: `On Debian: apt-get install gcc-${triplet} g++-${triplet}\nOther toolchains: put their bin folder into PATH.`,
      exitCode: ExitCode.missing,
    })
  const asked = await run([cxx, '--version'], {
    cwd: '/',
    env: { ...env, LC_ALL: 'C' },
    signal,
    timeout: 20_000,
  })
  return {
    cc,
    cxx,
    ccache: which('ccache', env),
    version: asked.stdout.split('\n')[0]?.trim() ?? '',
  }
}

/** What configure needs to hear besides; libraries of this machine are of no use to the other. */
export function autotoolsFor({ triplet, sysroot }: Cross): string[] {
  return [
    `--host=${triplet}`,
    '--without-libsodium',
    '--disable-libbsd',
    `PKG_CONFIG_LIBDIR=${sysroot ? join(sysroot, 'lib', 'pkgconfig') : ''}`,
  ]
}

/** The same for CMake; `prefix` is where libscif is. */
export function cmakeFor(cross: Cross, prefix: string | undefined): string[] {
  return [
    ...toolchainFor(cross, prefix),
    '-DWITH_LIBSODIUM=OFF',
    '-DENABLE_CURVE=OFF',
    '-DWITH_LIBBSD=OFF',
    '-DENABLE_WS=OFF',
  ]
}

/** The toolchain file, and what it reads. */
export function toolchainFor(cross: Cross, prefix: string | undefined): string[] {
  const roots = [prefix, cross.sysroot].filter((path) => path !== undefined)
  return [
    `-DCMAKE_TOOLCHAIN_FILE=${cross.toolchainFile}`,
    `-DCROSS_TRIPLET=${cross.triplet}`,
    `-DCROSS_ROOTS=${roots.join(';')}`,
  ]
}
