// SPDX-License-Identifier: MPL-2.0
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import { autotoolsFor, cmakeFor, crossCompilers, crossFor, parseTriplet } from './cross.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-cross-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const PATH = scratch
for (const [name, says] of [
  ['vax-dec-ultrix-gcc', 'vax gcc 1.0'],
  ['vax-dec-ultrix-g++', 'vax g++ 1.0'],
  ['qemu-vax', ''],
]) {
  writeFileSync(join(scratch, name ?? ''), `#!/bin/sh\necho '${says}'\n`)
  chmodSync(join(scratch, name ?? ''), 0o755)
}

async function failure(work: () => unknown): Promise<UserError> {
  try {
    await work()
  } catch (error) {
    assert.instance(error, UserError)
    return error as UserError
  }
  throw new Error('it was taken')
}

test('a triplet is two to four words, and nothing that could be a path', async () => {
  for (const good of ['aarch64-linux-gnu', 'k1om-mpss-linux', 'x86_64-pc-linux-gnu'])
    assert.is(parseTriplet(good), good)
  for (const bad of ['', 'aarch64', '../x-y', 'a b-c', 'A-b', 'a-b-c-d-e'])
    assert.is((await failure(() => parseTriplet(bad))).exitCode, 2, bad)
})

test('the compilers and the emulator go by the triplet', async () => {
  const cross = crossFor('vax-dec-ultrix', '/project', { PATH })
  assert.equal(cross.emulator, [join(scratch, 'qemu-vax')])
  const { cc, cxx, version } = await crossCompilers(cross, { PATH: `${PATH}:${process.env.PATH}` })
  assert.equal([cc, cxx, version], ['vax-dec-ultrix-gcc', 'vax-dec-ultrix-g++', 'vax g++ 1.0'])
})

test('compilers that are missing are named, and what to install', async () => {
  const cross = crossFor('riscv64-linux-gnu', '/project', { PATH })
  assert.is(cross.emulator, undefined)
  const error = await failure(() => crossCompilers(cross, { PATH }))
  assert.is(error.exitCode, 3)
  assert.match(error.message, /riscv64-linux-gnu-gcc and no riscv64-linux-gnu-g\+\+/)
  assert.match(error.hint, /apt-get install gcc-riscv64-linux-gnu/)
})

test('neither build system takes a library of this machine for one of the other', () => {
  const cross = { ...crossFor('vax-dec-ultrix', '/project', { PATH }), sysroot: '/usr/vax' }
  assert.equal(autotoolsFor(cross), [
    '--host=vax-dec-ultrix',
    '--without-libsodium',
    '--disable-libbsd',
    'PKG_CONFIG_LIBDIR=/usr/vax/lib/pkgconfig',
  ])
  const flags = cmakeFor(cross, '/prefix')
  assert.ok(flags.includes('-DCMAKE_TOOLCHAIN_FILE=/project/scripts/toolchain/cross.cmake'))
  assert.ok(flags.includes('-DCROSS_ROOTS=/prefix;/usr/vax'))
})

test.run()
