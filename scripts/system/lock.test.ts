// SPDX-License-Identifier: MPL-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExitCode, UserError } from '../ui/errors.ts'
import { isGone, pidOf, processName, uniqueName } from './identity.ts'
import { withLock } from './lock.ts'

const busy = (pid: number) =>
  new UserError({ message: `held by ${pid}`, hint: 'wait', exitCode: ExitCode.checkFailed })
const signal = new AbortController().signal

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'lock-test-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The name of a process that has ended: its pid, but not its start, may be in use again. */
async function goneName(): Promise<string> {
  const child = spawn('true')
  const [place, , start] = processName().split('.')
  await once(child, 'exit')
  return [place, child.pid, start].join('.')
}

test('a process knows itself as alive, and its unique names differ', async () => {
  assert.not.ok(isGone(processName()))
  assert.not.ok(isGone(uniqueName()))
  assert.is.not(uniqueName(), uniqueName())
  assert.is(pidOf(uniqueName()), process.pid)
})

test('a process that ended is gone, one whose pid is in use again too', async () => {
  assert.ok(isGone(await goneName()))
  const [place, pid] = processName().split('.')
  assert.ok(isGone(`${place}.${pid}.1`))
})

test('a process of another machine, and what is no name at all, is not called gone', () => {
  const [, pid, start] = processName().split('.')
  assert.not.ok(isGone(`elsewhere-1.${pid}.${start}`))
  assert.not.ok(isGone('notes.txt'))
  assert.not.ok(isGone(''))
})

test('work under one lock never overlaps', () =>
  inFolder(async (dir) => {
    const file = join(dir, 'lock')
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
    }
    const told: number[] = []
    const options = { wait: 20_000, signal, busy, waiting: (pid: number) => told.push(pid) }
    await Promise.all([1, 2, 3, 4].map(() => withLock(file, options, work)))
    assert.is(most, 1)
    assert.ok(told.every((pid) => pid === process.pid))
    assert.equal(await readdir(dir), [])
  }))

test('a lock that is held is an error when there is no time to wait', () =>
  inFolder(async (dir) => {
    const file = join(dir, 'lock')
    await withLock(file, { wait: 0, signal, busy }, async () => {
      try {
        await withLock(file, { wait: 0, signal, busy }, async () => assert.unreachable())
        assert.unreachable()
      } catch (error) {
        assert.is((error as Error).message, `held by ${process.pid}`)
      }
      assert.ok(existsSync(file))
    })
    assert.equal(await readdir(dir), [])
  }))

test('the lock of a process that ended is taken over by one run only', () =>
  inFolder(async (dir) => {
    const file = join(dir, 'lock')
    await writeFile(file, await goneName())
    let inside = 0
    const work = async () => {
      assert.is(++inside, 1)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
    }
    const options = { wait: 20_000, signal, busy }
    await Promise.all([1, 2, 3].map(() => withLock(file, options, work)))
    assert.equal(await readdir(dir), [])
  }))

test('the lock goes when the work fails, and an interrupt ends the waiting', () =>
  inFolder(async (dir) => {
    const file = join(dir, 'lock')
    const fail = async () => {
      throw new Error('no luck')
    }
    await withLock(file, { wait: 0, signal, busy }, fail).catch(() => {})
    assert.not.ok(existsSync(file))
    const abort = new AbortController()
    await withLock(file, { wait: 0, signal, busy }, async () => {
      const options = { wait: 20_000, signal: abort.signal, busy, waiting: () => abort.abort() }
      const waiting = withLock(file, options, async () => assert.unreachable())
      const error = await waiting.catch((each) => each as Error)
      assert.is((error as Error).name, 'AbortError')
    })
  }))

test.run()
