// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findTurn, type Verdict } from './search.ts'

test('among 200 it takes 8 looks at most, wherever the turn is', async () => {
  for (let turn = 0; turn < 200; turn++) {
    let looks = 0
    const found = await findTurn(200, async (at) => {
      looks++
      return at >= turn ? 'bad' : 'good'
    })
    assert.equal(found, { at: turn, good: turn - 1 })
    assert.ok(looks <= 8, `${looks} looks for ${turn}`)
  }
})

test('one alone needs no look', async () => {
  const found = await findTurn(1, () => Promise.reject(new Error('looked')))
  assert.equal(found, { at: 0, good: -1 })
})

test('what says nothing is passed over, and the gap is told', async () => {
  const verdict = (at: number): Verdict => (at >= 60 ? 'bad' : at >= 50 ? 'skip' : 'good')
  const found = await findTurn(100, async (at) => verdict(at))
  assert.equal(found, { at: 60, good: 49 })
})

test.run()
