// SPDX-License-Identifier: MPL-2.0
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import { detect, packageManager, versionIn, which } from './detect.ts'
import {
  aptCommands,
  installLine,
  installPackages,
  missingError,
  packagesFor,
  privilege,
} from './install.ts'
import { chooseLibscif, findLibscif, libraryVersion } from './libscif.ts'
import { type Need, needs } from './needs.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-system-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))
let count = 0
const folder = () => join(scratch, String(++count))

function put(file: string, text = '', mode = 0o644): string {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

function need(id: string): Need {
  const found = needs.find((each) => each.id === id)
  if (!found) throw new Error(id)
  return found
}

test('programs are found on PATH only when they may be run', () => {
  const dir = folder()
  put(join(dir, 'no-x', 'tool'))
  put(join(dir, 'yes', 'tool'), '#!/bin/sh\n', 0o755)
  mkdirSync(join(dir, 'dir', 'tool'), { recursive: true })
  const path = ['no-x', 'dir', 'yes'].map((each) => join(dir, each)).join(':')
  assert.is(which('tool', { PATH: `:${path}` }), join(dir, 'yes', 'tool'))
  assert.is(which('tool', { PATH: join(dir, 'no-x') }), undefined)
  assert.is(which('tool', {}), undefined)
})

test('detect tells what is there, in which version, and what is not', async () => {
  const dir = folder()
  put(join(dir, 'libtoolize'), '#!/bin/sh\necho "libtoolize (GNU libtool) 2.4.7"\n', 0o755)
  put(join(dir, 'pkg-config'), '#!/bin/sh\n[ "$2" = libsodium ] && echo 1.0.18\n', 0o755)
  put(join(dir, 'bash'), '#!/bin/sh\nexec /bin/bash "$@"\n', 0o755)
  const env = { PATH: `${dir}:/nowhere` }
  const found = await detect([need('libtool'), need('cmake'), need('libsodium')], { env })
  assert.equal(
    found.map(({ need, found, version }) => [need.id, found, version]),
    [
      ['libtool', join(dir, 'libtoolize'), '2.4.7'],
      ['cmake', undefined, undefined],
      ['libsodium', 'pkg-config libsodium', '1.0.18'],
    ],
  )
})

test('versions as tools print them', () => {
  const lines = {
    'git version 2.39.5': '2.39.5',
    'GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)': '5.2.15',
    'g++ (Debian 12.2.0-14+deb12u1) 12.2.0': '12.2.0',
    'GNU readelf (GNU Binutils for Debian) 2.40': '2.40',
    'xz (XZ Utils) 5.4.1': '5.4.1',
    'no number here': undefined,
  }
  for (const [line, version] of Object.entries(lines)) assert.is(versionIn(line), version, line)
})

test('the package manager goes by os-release, then by what is there', () => {
  const by = (text: string) => packageManager(text, {})
  assert.is(by('ID=debian\n'), 'apt')
  assert.is(by('ID=pop\nID_LIKE="ubuntu debian"\n'), 'apt')
  assert.is(by('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), 'dnf')
  assert.is(by('ID="opensuse-tumbleweed"\n'), 'zypper')
  assert.is(by('ID=arch\n'), 'pacman')
  assert.is(by('ID=alpine\n'), 'apk')
  assert.is(by('ID=plan9\n'), undefined)
  const dir = folder()
  put(join(dir, 'brew'), '', 0o755)
  assert.is(packageManager('', { PATH: dir }), 'brew')
})

test('one line to type for every distribution, with the names it uses', () => {
  const missing = [need('c++'), need('libsodium'), need('pkg-config')]
  const line = (manager: Parameters<typeof installLine>[1]) =>
    installLine(packagesFor(missing, manager), manager)
  assert.is(
    line('apt'),
    'sudo apt-get update && sudo apt-get install -y g++ libsodium-dev pkg-config',
  )
  assert.is(line('dnf'), 'sudo dnf install -y gcc-c++ libsodium-devel pkgconf-pkg-config')
  assert.is(line('zypper'), 'sudo zypper install -y gcc-c++ libsodium-devel pkgconf-pkg-config')
  assert.is(line('pacman'), 'sudo pacman -S --needed gcc libsodium pkgconf')
  assert.is(line('apk'), 'sudo apk add g++ musl-dev linux-headers libsodium-dev pkgconf')
  assert.is(line('brew'), 'brew install gcc libsodium pkgconf')
  assert.match(missingError(missing, 'apt', 'no root').hint, /^Type: sudo apt-get/)
  assert.is(missingError(missing, undefined, 'no root').exitCode, 3)
})

test('apt-get waits for its lock, asks nothing, and takes sudo only when needed', () => {
  const [update, install] = aptCommands(['cmake'], true)
  assert.is(update?.join(' '), 'apt-get -q -o DPkg::Lock::Timeout=300 update')
  assert.match(install?.join(' ') ?? '', /install -y --no-install-recommends cmake$/)
  assert.equal(aptCommands([], false)[0]?.slice(0, 2), ['sudo', '-n'])
})

test('rights: root, sudo without a password, none', async () => {
  const dir = folder()
  put(join(dir, 'bash'), '#!/bin/sh\nexec /bin/bash "$@"\n', 0o755)
  assert.is(await privilege({ PATH: dir }, 0), 'root')
  assert.is(await privilege({ PATH: dir }, 1000), 'none')
  const sudo = put(join(dir, 'sudo'), '#!/bin/sh\nexit 0\n', 0o755)
  assert.is(await privilege({ PATH: dir }, 1000), 'sudo')
  put(sudo, '#!/bin/sh\nexit 1\n', 0o755)
  assert.is(await privilege({ PATH: dir }, 1000), 'none')
})

async function tryInstall(script: string, more = {}): Promise<string[] | UserError> {
  const dir = folder()
  put(join(dir, 'apt-get'), script, 0o755)
  const env = { PATH: `${dir}:/usr/bin:/bin` }
  const handle = { progress() {}, line() {}, signal: new AbortController().signal }
  const missing = [{ need: need('cmake'), found: undefined, version: undefined }]
  return installPackages(
    { missing, manager: 'apt', privilege: 'root', offline: false, env, logDir: dir, ...more },
    handle,
  ).catch((error) => error)
}

test('installing: what apt-get says decides', async () => {
  assert.equal(await tryInstall('#!/bin/sh\nexit 0\n'), ['cmake'])
  // A failed update alone is no reason to stop.
  assert.equal(await tryInstall('#!/bin/sh\ncase "$*" in *update*) exit 100;; esac\n'), ['cmake'])
  const failed = await tryInstall('#!/bin/sh\necho E: nothing here >&2\nexit 100\n')
  assert.instance(failed, UserError)
  assert.is((failed as UserError).exitCode, 3)
  assert.match((failed as UserError).details ?? '', /E: nothing here/)
  assert.match((failed as UserError).hint, /sudo apt-get install -y cmake|install -y cmake/)
})

test('installing is refused with the line to type when it may not be done', async () => {
  for (const more of [{ privilege: 'none' }, { offline: true }, { manager: 'dnf' }]) {
    const refused = await tryInstall('#!/bin/sh\nexit 0\n', more)
    assert.instance(refused, UserError)
    assert.is((refused as UserError).exitCode, 3)
    assert.match((refused as UserError).hint, /^Type: sudo (apt-get|dnf) /)
  }
})

function libscif(prefix: string, header: string, lib = 'lib64'): string {
  put(join(prefix, 'include', 'scif.h'), header)
  put(join(prefix, lib, 'libscif.so.0.0.1'))
  symlinkSync('libscif.so.0.0.1', join(prefix, lib, 'libscif.so'))
  return prefix
}

test('auto takes a real libscif only together with its device', () => {
  const dir = folder()
  const real = libscif(join(dir, 'real'), '/* Intel */')
  const ours = libscif(join(dir, 'ours'), '/* SoftSCIF */')
  const device = put(join(dir, 'dev', 'scif'))
  const choose = (devices: string[], prefixes: string[]) =>
    chooseLibscif({ kind: 'auto' }, { ownPrefix: join(dir, 'own'), devices, prefixes }).choice
  assert.equal(choose([device], [real]), {
    kind: 'real',
    prefix: real,
    library: join(real, 'lib64', 'libscif.so'),
    device,
  })
  const soft = { kind: 'soft', prefix: join(dir, 'own') }
  assert.equal(choose([join(dir, 'none')], [real]), soft)
  assert.equal(choose([device], []), soft)
  assert.equal(choose([device], [ours]), soft)
})

test('soft and a prefix are taken at their word', () => {
  const dir = folder()
  const places = { ownPrefix: '/own', devices: [], prefixes: [] }
  assert.is(chooseLibscif({ kind: 'soft' }, places).choice.kind, 'soft')
  const named = libscif(join(dir, 'named'), '', 'lib/x86_64-linux-gnu')
  const { choice } = chooseLibscif({ kind: 'prefix', path: named }, places)
  assert.is(choice.kind, 'real')
  assert.is(choice.kind === 'real' && libraryVersion(choice.library), 'libscif.so.0.0.1')
  put(join(dir, 'half', 'include', 'scif.h'))
  assert.equal(findLibscif(join(dir, 'half')), { missing: 'lib*/libscif.so' })
  try {
    chooseLibscif({ kind: 'prefix', path: join(dir, 'half') }, places)
    assert.unreachable()
  } catch (error) {
    assert.is((error as UserError).exitCode, 3)
    assert.match((error as UserError).message, /lib\*\/libscif\.so/)
  }
})

test.run()
