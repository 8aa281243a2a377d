// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { within } from '../system/within.ts'
import { claimsOf, runClaimed, type Task } from './claims.ts'

test('fixed ports, names of sockets and named endpoints are claimed, wildcards are not', () => {
  const source = `
    zmq_bind (s, "tcp://127.0.0.1:5556"); zmq_connect (s, "udp://127.0.0.1:5556");
    zmq_bind (s, "tcp://*:*"); zmq_bind (s, "tcp://127.0.0.1:0"); zmq_bind (s, "ipc://*");
    zmq_bind (s, "ipc:///tmp/tester"); zmq_bind (s, "inproc://a:1"); zmq_bind (s, ENDPOINT_4);`
  assert.equal(claimsOf(source), ['ENDPOINT_4', 'ipc /tmp/tester', 'port 5556'])
  assert.equal(claimsOf(''), [])
})

/** Tasks that record who is at work together; each gives the others many turns. */
function recorded(all: readonly (readonly string[])[]) {
  const running = new Set<number>()
  const together: number[][] = []
  const tasks = all.map(
    (claims, index): Task<number> => ({
      claims,
      run: async () => {
        running.add(index)
        together.push([...running])
        for (let turn = 0; turn < 20; turn++) await Promise.resolve()
        running.delete(index)
        return index
      },
    }),
  )
  return { tasks, together }
}

test('who claims the same is never at work together, and all are done', async () => {
  const { tasks, together } = recorded([['a'], ['a', 'b'], [], ['b'], ['a'], []])
  assert.equal(await within(5000, runClaimed(tasks, 3)), [0, 1, 2, 3, 4, 5])
  for (const group of together) {
    const claims = group.flatMap((index) => tasks[index]?.claims ?? [])
    assert.is(new Set(claims).size, claims.length, group.join())
    assert.ok(group.length <= 3)
  }
  assert.ok(together.some((group) => group.length === 3))
})

test('a task that throws ends the whole, when those under way have ended', async () => {
  const { tasks, together } = recorded([[], [], [], []])
  const broken: Task<number> = { claims: [], run: () => Promise.reject(new Error('broken')) }
  const error = await within(5000, runClaimed([broken, ...tasks], 2)).then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  assert.is(error?.message, 'broken')
  assert.is(together.length, 1)
})

test('no tasks', async () => {
  assert.equal(await within(5000, runClaimed([], 2)), [])
})

test.run()
