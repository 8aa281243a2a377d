// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withGiven } from './given.ts'

const names = ['apply', 'export', 'verify', 'clean', 'compile']
const given = { release: 'master', source: 'git:/my libzmq', out: '/tmp/out' }

test('commands of a hint get what was given and what they lack', () => {
  assert.is(
    withGiven(
      'Correct it; then: ./build apply --release master\nOr: ./build apply --3way --release master, then ./build export',
      given,
      names,
    ),
    "Correct it; then: ./build apply --source 'git:/my libzmq' --out /tmp/out --release master\n" +
      "Or: ./build apply --source 'git:/my libzmq' --out /tmp/out --3way --release master, then ./build export --release master --out /tmp/out",
  )
  assert.is(
    withGiven('./build apply --continue --release master', given, names),
    './build apply --out /tmp/out --continue --release master',
  )
  assert.is(withGiven('./build clean cache', given, names), './build clean --out /tmp/out cache')
  assert.is(
    withGiven('./build verify --releases a,b --source debian', { release: '4.3.5' }, names),
    './build verify --releases a,b --source debian',
  )
})

test('where nothing was given, and in prose, nothing is added', () => {
  assert.is(withGiven('./build export', {}, names), './build export')
  for (const text of ['Wait for the other ./build (process 7).', 'Type ./build --help for more.'])
    assert.is(withGiven(text, given, names), text)
})

test.run()
