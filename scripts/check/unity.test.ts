// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judgeEnd, parseRewrites, parseUnity, skipReason } from './unity.ts'

test('cases, their messages, and what a program writes before them', () => {
  const output = [
    '/src/tests/test_a.cpp:217:test_first:PASS',
    'Some words of the program/src/tests/test_a.cpp:218:test_second:PASS',
    'test_a.cpp:42:test_third:FAIL: Expected 0 Was 10',
    'C:\\a.cpp:51:test_fourth:IGNORE: ipv6 is not available',
    'test_a.cpp:60:test_fifth:FAIL',
    'WARNING: 3:PASS is no case',
    '5 Tests 2 Failures 1 Ignored ',
  ].join('\n')
  assert.equal(parseUnity(output), [
    { name: 'test_first', status: 'passed' },
    { name: 'test_second', status: 'passed' },
    { name: 'test_third', status: 'failed', message: 'Expected 0 Was 10' },
    { name: 'test_fourth', status: 'skipped', message: 'ipv6 is not available' },
    { name: 'test_fifth', status: 'failed' },
  ])
})

test('a case that is run twice has failed when one of the runs has', () => {
  const twice = (one: string, two: string) => parseUnity(`a.cpp:1:t:${one}\na.cpp:1:t:${two}\n`)
  assert.equal(twice('FAIL: no', 'PASS'), [{ name: 't', status: 'failed', message: 'no' }])
  assert.is(twice('PASS', 'FAIL: no')[0]?.status, 'failed')
  assert.is(twice('PASS', 'PASS').length, 1)
})

test('how a program has ended', () => {
  const end = (exitCode: number | null, signal: string | null = null, timedOut = false) =>
    judgeEnd({ exitCode, signal, timedOut }, 90)
  assert.equal(end(0), { outcome: 'passed', how: 'exit code 0' })
  assert.equal(end(3), { outcome: 'failed', how: 'exit code 3' })
  assert.is(end(77).outcome, 'skipped')
  assert.equal(end(null, 'SIGSEGV'), { outcome: 'crashed', how: 'SIGSEGV' })
  assert.equal(end(134), { outcome: 'crashed', how: 'SIGABRT' })
  assert.equal(end(142), { outcome: 'hung', how: 'ended by its own alarm clock' })
  assert.equal(end(null, 'SIGKILL', true), { outcome: 'hung', how: 'did not end within 90 s' })
})

test('the log of the preload library, whole or cut short', () => {
  const log = [
    '7\tlibzmq\t-\t/x/libzmq.so.5\t-',
    '7\tzmq_bind\ttest_a\ttcp://127.0.0.1:*\tscif://*',
    '7\tzmq_connect\ttest_a\ttcp://127.0.0.1:5\tscif://0:5',
    '8\tzmq_bind\ttest_b\ttcp://eth0:*\ttcp://eth0:*',
    '8\tzmq_bi',
  ].join('\n')
  const { byCase, total, kept, library } = parseRewrites(log)
  assert.equal([...byCase], [['test_a', 2]])
  assert.equal([total, kept, library], [2, 1, '/x/libzmq.so.5'])
  assert.is(parseRewrites('').total, 0)
})

test('why a program was skipped', () => {
  assert.is(skipReason([{ name: 'a', status: 'skipped', message: 'no tipc' }], 'x'), 'no tipc')
  assert.is(skipReason([], '\n  TIPC is not there\n'), 'TIPC is not there')
  assert.match(skipReason([], ''), 'without a word')
})

test.run()
