// SPDX-License-Identifier: MPL-2.0
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { within } from '../system/within.ts'
import { runProgram } from './run-program.ts'
import type { Lane } from './types.ts'

/** Runs a shell script as if it were a test program. */
async function runScript(script: string, lane: Lane, keep: readonly string[] = [], timeout = 30) {
  const dir = mkdtempSync(join(tmpdir(), 'check-'))
  const path = join(dir, 'test_script')
  writeFileSync(path, `#!/bin/sh\nexec 3>${join(dir, 'env')}\n${script}\n`)
  chmodSync(path, 0o755)
  try {
    const program = { name: 'test_script', path, claims: [], weight: 1 }
    const place = {
      env: { PATH: process.env.PATH, LD_PRELOAD: '/somebody/elses.so' },
      signal: new AbortController().signal,
      libraries: [join(dir, 'a'), join(dir, 'b')],
      // Any library will do: that it does rewrite is for its own test.
      preload: 'libc.so.6',
      timeout,
    }
    const execution = await within(30_000, runProgram(program, lane, keep, place))
    return { ...execution, written: readFileSync(join(dir, 'env'), 'utf8'), dir }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const environment = 'env | grep -E "^(LD_|ZMQ_|TMPDIR|SOFTSCIF)" | sort >&3; pwd >&3'

test('unchanged: a folder and a simulated machine of its own, and no preload library', async () => {
  const run = await runScript(`${environment}; echo "a.cpp:1:one:PASS"`, 'unchanged')
  assert.is(run.outcome, 'passed')
  assert.equal(run.cases, [{ name: 'one', status: 'passed' }])
  assert.match(run.written, `LD_LIBRARY_PATH=${run.dir}/a:${run.dir}/b\n`)
  assert.not.match(run.written, 'LD_PRELOAD')
  assert.not.match(run.written, 'ZMQ_REWRITE')
  const [, folder = '', realm = ''] =
    /SOFTSCIF_REALM=(\S+)\nTMPDIR=(\S+)\n/.exec(run.written)?.reverse() ?? []
  assert.not(folder === '')
  assert.not(existsSync(/TMPDIR=(\S+)/.exec(run.written)?.[1] ?? '/'), 'the folder is left')
  assert.not(realm === '')
})

test('rewritten: where to, what is kept, and what was logged', async () => {
  const log = `printf '1\\tzmq_bind\\tone\\ttcp://*:*\\tscif://*\\n' > "$ZMQ_REWRITE_LOG"`
  const run = await runScript(`${environment}; ${log}`, 'scif', ['mock', 'other'])
  assert.match(run.written, 'ZMQ_REWRITE_TO=scif\n')
  assert.match(run.written, 'ZMQ_REWRITE_KEEP=mock,other\n')
  assert.match(run.written, 'LD_PRELOAD=libc.so.6\n')
  assert.is(run.rewrites.total, 1)
  assert.match((await runScript(environment, 'ipc')).written, 'ZMQ_REWRITE_TO=ipc\n')
  const explained = await runScript(environment, 'explained')
  assert.match(explained.written, 'ZMQ_REWRITE_TO=scif\n')
  assert.not.match(explained.written, 'ZMQ_REWRITE_KEEP')
})

test('a crash, a failure, and a hang with a child, of which nothing is left', async () => {
  assert.is((await runScript('kill -SEGV $$', 'unchanged')).how, 'SIGSEGV')
  const failed = await runScript('echo "a.cpp:1:one:FAIL: no"; exit 1', 'unchanged')
  assert.equal([failed.outcome, failed.cases[0]?.message], ['failed', 'no'])
  const hung = await runScript('sleep 47 & echo $! >&3; echo before; wait', 'unchanged', [], 1)
  assert.equal([hung.outcome, hung.how], ['hung', 'did not end within 1 s'])
  assert.match(hung.output, 'before')
  assert.not(isAlive(Number(hung.written)))
})

/** Whether it is at work: one that was killed may wait for its parent to take note of it. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test.run()
