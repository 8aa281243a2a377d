// SPDX-License-Identifier: MPL-2.0
import { tmpdir } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExitCode, UserError } from '../ui/errors.ts'
import { diskError, throwIfFull, unlessFull } from './disk-error.ts'

const failure = (code: string, path?: string) => Object.assign(new Error(code), { code, path })
const tool = (details: string) =>
  new UserError({ message: 'tar failed.', details, hint: 'look', exitCode: ExitCode.source })

const thrownBy = (work: () => void) => {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

test('a full disk is named, whoever found it', () => {
  for (const error of [
    failure('ENOSPC', '/out/cache/tmp/x'),
    failure('EDQUOT'),
    thrownBy(() => throwIfFull('tar: x\nfatal: write error: No space left on device\ntar: y')),
  ]) {
    const found = diskError(error, '/out/cache')
    assert.is(found?.message, 'The disk of /out/cache is full.')
    assert.is(found?.exitCode, ExitCode.missing)
    assert.match(found?.hint ?? '', '--out')
    assert.is(found?.cause, error)
  }
})

test('a folder that cannot be written to is named', () => {
  for (const error of [failure('EACCES'), failure('EROFS'), tool('error: Read-only file system')])
    assert.is(diskError(error, '/out/cache')?.message, '/out/cache cannot be written to.')
})

test('a path outside of the cache is named itself', () => {
  const found = diskError(failure('EACCES', '/home/me/libzmq'), '/out/cache')
  assert.is(found?.message, '/home/me/libzmq cannot be read or written to.')
})

test('anything else is left as it is', () => {
  assert.is(diskError(tool('no such ref'), '/out/cache'), undefined)
  assert.is(diskError(new TypeError('a bug'), '/out/cache'), undefined)
  assert.is(diskError(undefined, '/out/cache'), undefined)
})

test('a failure where there is room enough stays what it is', async () => {
  const error = new Error('no such ref')
  assert.is(await unlessFull(error, tmpdir()), error)
  assert.is(await unlessFull(error, '/nowhere'), error)
  throwIfFull('fatal: no such ref')
})

test.run()
