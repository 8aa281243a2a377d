// SPDX-License-Identifier: MPL-2.0

/** The package managers whose names for things are known here. */
export type PackageManager = 'apt' | 'dnf' | 'zypper' | 'pacman' | 'apk' | 'brew'

/** How one looks whether a need is met. */
export type Probe =
  /** The first of these programs on PATH. */
  | { kind: 'program'; names: readonly string[] }
  /** A library with its headers, as pkg-config knows it. */
  | { kind: 'library'; module: string }

/** Something of the system that the toolkit uses, and what it is called where. */
export interface Need {
  id: string
  /** What for, in a few words. */
  purpose: string
  probe: Probe
  /** False: the toolkit works without it, and says what is better with it. */
  required: boolean
  packages: Readonly<Record<PackageManager, readonly string[]>>
}

/** A package that has the same name everywhere. */
function everywhere(name: string): Need['packages'] {
  return { apt: [name], dnf: [name], zypper: [name], pacman: [name], apk: [name], brew: [name] }
}

function program(id: string, purpose: string, packages: Need['packages'], names = [id]): Need {
  return { id, purpose, packages, probe: { kind: 'program', names }, required: true }
}

export const needs: readonly Need[] = [
  program('git', 'work tree and series', everywhere('git')),
  program('bash', "running the tools (zx's shell)", everywhere('bash')),
  program('tar', 'unpacking sources', { ...everywhere('tar'), brew: ['gnu-tar'] }),
  program('gzip', 'unpacking sources', everywhere('gzip')),
  program('xz', 'unpacking sources', {
    ...everywhere('xz'),
    apt: ['xz-utils'],
  }),
  program(
    'c++',
    'compiling',
    {
      apt: ['g++'],
      dnf: ['gcc-c++'],
      zypper: ['gcc-c++'],
      pacman: ['gcc'],
      apk: ['g++', 'musl-dev', 'linux-headers'],
      brew: ['gcc'],
    },
    ['c++', 'g++', 'clang++'],
  ),
  program(
    'cc',
    'compiling SoftSCIF',
    {
      apt: ['gcc', 'libc6-dev'],
      dnf: ['gcc'],
      zypper: ['gcc'],
      pacman: ['gcc'],
      apk: ['gcc', 'musl-dev'],
      brew: ['gcc'],
    },
    ['cc', 'gcc', 'clang'],
  ),
  program('make', 'compiling', everywhere('make')),
  program('cmake', 'SoftSCIF, --build-system cmake', everywhere('cmake')),
  program('autoconf', "libzmq's configure", everywhere('autoconf'), ['autoreconf']),
  program('automake', "libzmq's Makefile", everywhere('automake')),
  program('libtool', "libzmq's shared library", everywhere('libtool'), [
    'libtoolize',
    'glibtoolize',
  ]),
  program(
    'pkg-config',
    'finding libraries',
    {
      apt: ['pkg-config'],
      dnf: ['pkgconf-pkg-config'],
      zypper: ['pkgconf-pkg-config'],
      pacman: ['pkgconf'],
      apk: ['pkgconf'],
      brew: ['pkgconf'],
    },
    ['pkg-config', 'pkgconf'],
  ),
  program(
    'ps',
    'ending what was started',
    {
      apt: ['procps'],
      dnf: ['procps-ng'],
      zypper: ['procps'],
      pacman: ['procps-ng'],
      apk: ['procps'],
      brew: [],
    },
    ['ps'],
  ),
  program('readelf', 'checking what was built', everywhere('binutils')),
  {
    id: 'libsodium',
    purpose: 'CURVE security',
    probe: { kind: 'library', module: 'libsodium' },
    required: true,
    packages: {
      apt: ['libsodium-dev'],
      dnf: ['libsodium-devel'],
      zypper: ['libsodium-devel'],
      pacman: ['libsodium'],
      apk: ['libsodium-dev'],
      brew: ['libsodium'],
    },
  },
  {
    id: 'ccache',
    purpose: 'building again in seconds',
    probe: { kind: 'program', names: ['ccache'] },
    required: false,
    packages: everywhere('ccache'),
  },
]
