// SPDX-License-Identifier: MPL-2.0
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryIn, noMemory } from './memory.ts'
import { lanesFor, mutex, sideBySide } from './schedule.ts'

test('as many at a time as there are lanes, results in the order of the tasks', async () => {
  let running = 0
  let most = 0
  const task = (value: number) => async () => {
    most = Math.max(most, ++running)
    for (let i = 0; i < 5 - value; i++) await turn()
    running--
    return value
  }
  const results = await sideBySide([1, 2, 3, 4, 5].map(task), 2)
  assert.equal(results, [1, 2, 3, 4, 5])
  assert.is(most, 2)
})

test('a bug in one task ends the whole, when the tasks under way have ended', async () => {
  const ended: string[] = []
  const slow = async () => {
    for (let i = 0; i < 10; i++) await turn()
    ended.push('slow')
  }
  const broken = () => Promise.reject(new Error('a bug'))
  const never = async () => void ended.push('never')
  const outcome = await sideBySide([slow, broken, never], 2).catch((error) => error.message)
  assert.is(outcome, 'a bug')
  assert.equal(ended, ['slow'])
})

test('a mutex lets one after the other through, also after a failure', async () => {
  const { hold } = mutex()
  const seen: string[] = []
  const work = (name: string) => async () => {
    seen.push(`${name} begins`)
    await turn()
    seen.push(`${name} ends`)
  }
  const failed = hold(() => Promise.reject(new Error('no'))).catch(() => seen.push('failed'))
  await Promise.all([failed, hold(work('a')), hold(work('b'))])
  assert.equal(
    seen.filter((one) => one !== 'failed'),
    ['a begins', 'a ends', 'b begins', 'b ends'],
  )
})

test('lanes and jobs by processors', () => {
  assert.equal(lanesFor(1, 5), { lanes: 1, jobs: 1 })
  assert.equal(lanesFor(2, 5), { lanes: 2, jobs: 2 })
  assert.equal(lanesFor(16, 5), { lanes: 4, jobs: 6 })
  assert.equal(lanesFor(16, 1), { lanes: 1, jobs: 16 })
  assert.equal(lanesFor(2, 0), { lanes: 1, jobs: 2 })
})

test('a result is remembered for the same inputs only, and half a file is none', () => {
  const dir = mkdtempSync(join(tmpdir(), 'memory-'))
  try {
    const memory = memoryIn(join(dir, 'results'))
    const inputs = { series: 'a', tree: 'b' }
    assert.is(memory.recall(inputs), undefined)
    memory.remember(inputs, { passed: 3 }, '2026-01-01')
    const found = memory.recall<{ passed: number }>({ tree: 'b', series: 'a' })
    assert.equal([found?.value, found?.date], [{ passed: 3 }, '2026-01-01'])
    assert.is(memory.recall({ ...inputs, tree: 'c' }), undefined)
    const [file = ''] = readdirSync(join(dir, 'results'))
    writeFileSync(join(dir, 'results', file), '{"date"')
    assert.is(memory.recall(inputs), undefined)
    noMemory.remember(inputs, 1, '')
    assert.is(noMemory.recall(inputs), undefined)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
