// SPDX-License-Identifier: MPL-2.0
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import { isWholeProgram, keptCases, parseExplained, readExplained } from './explained.ts'

const good = `schemaVersion: 1
floor: 50
kinds:
  peer: The other end speaks TCP by itself
explanations:
  - program: test_a
    cases: [test_one, test_two]
    kind: peer
    why: A mock of ZMTP on a TCP socket.
  - program: test_a
    cases: [test_three]
    kind: peer
    releases: "<4.3.5"
    ipc: passes
    why: A mock of ZMTP on a TCP socket.
  - program: test_b
    kind: peer
    unstable: true
    why: A mock of ZMTP on a TCP socket.
`

test('what a version of libzmq has to explain', () => {
  const old = parseExplained(good, 'list.yaml', '4.3.4')
  assert.equal(keptCases(old, 'test_a'), ['test_one', 'test_two', 'test_three'])
  assert.is(old.explanations[1]?.passesOverIpc, true)
  const later = parseExplained(good, 'list.yaml', '4.3.5')
  assert.equal(keptCases(later, 'test_a'), ['test_one', 'test_two'])
  assert.ok(isWholeProgram(later, 'test_b'))
  assert.not(isWholeProgram(later, 'test_a'))
  assert.is(later.explanations.at(-1)?.unstable, true)
  assert.is(later.floor, 50)
})

function mistakesIn(text: string): string {
  try {
    parseExplained(text, 'list.yaml', '4.3.4')
  } catch (error) {
    assert.instance(error, UserError)
    assert.is((error as UserError).exitCode, 2)
    return (error as UserError).details ?? ''
  }
  throw new Error('it was taken')
}

test('mistakes are told with their places', () => {
  const change = (from: string, to: string) => mistakesIn(good.replace(from, to))
  assert.match(change('kind: peer', 'kind: pier'), 'list.yaml:8:11: "pier" is none of the kinds')
  assert.match(change('[test_three]', '[]'), /list.yaml:11:\d+: .*is empty/)
  assert.match(change('"<4.3.5"', '"old"'), 'is not a range of versions')
  assert.match(change('A mock of ZMTP on a TCP socket.', 'no'), 'does not say why')
  assert.match(change('ipc: passes', 'ipc: yes'), /list.yaml:14:/)
  assert.match(change('    unstable: true\n', '    instable: true\n'), 'instable')
  assert.match(mistakesIn('a: [b'), 'list.yaml:1:')
})

test("the project's own list is well, and wants no less than 50 programs", () => {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  for (const version of ['4.3.3', '4.3.4', '4.3.5', '4.3.6']) {
    const list = readExplained(root, version)
    assert.ok(list.floor >= 50)
    assert.ok(list.explanations.length > 10)
  }
})

test.run()
