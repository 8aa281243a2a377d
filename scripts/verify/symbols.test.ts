// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compareSymbols } from './symbols.ts'

const api = Array.from({ length: 70 }, (_, at) => `T zmq_function_${at}`)
const internal = 'T _ZN3zmq14session_base_t7has_msgEv'

test('the same symbols, one more, one less', () => {
  assert.equal(compareSymbols(api, [...api]), { equal: true, detail: '70 exported, as upstream' })
  assert.equal(compareSymbols(api, [...api, 'T zmq_scif']), {
    equal: false,
    detail: 'added: T zmq_scif; missing: none',
  })
  assert.not.ok(compareSymbols(api, api.slice(1)).equal)
})

test('an internal name is one too many where upstream hides them, and only there', () => {
  assert.not.ok(compareSymbols(api, [...api, internal]).equal)
  const unhidden = [...api, 'T _ZN3zmq5ctx_tE']
  const { equal, detail } = compareSymbols(unhidden, [...unhidden, internal])
  assert.ok(equal)
  assert.is(
    detail,
    '70 exported, as upstream; 1 internal ones differ, which upstream does not hide',
  )
  assert.not.ok(compareSymbols(unhidden, [...unhidden, 'T zmq_scif']).equal)
})

test('a library that nm has not seen proves nothing', () => {
  assert.not.ok(compareSymbols([], []).equal)
})

test.run()
