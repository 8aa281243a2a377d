// SPDX-License-Identifier: MPL-2.0
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { put } from '../toolchain/testing.ts'
import { programsAt, runPrograms } from './programs.ts'

test('passed, skipped, failed, hung, and one that passes only by itself', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'programs-'))
  try {
    const script = (name: string, text: string) => put(join(dir, name), `#!/bin/sh\n${text}`, 0o755)
    const programs = programsAt([
      script('good', 'exit 0\n'),
      script('skipped', 'exit 77\n'),
      script('bad', 'echo what is wrong >&2\nexit 3\n'),
      script('hung', 'sleep 60\n'),
      script('shy', `[ -e ${dir}/seen ] && exit 0\n: > ${dir}/seen\nexit 1\n`),
    ])
    const said: string[] = []
    const result = await runPrograms(programs, {
      ...{ cwd: dir, env: { PATH: process.env.PATH }, signal: new AbortController().signal },
      ...{ logFile: join(dir, 'log'), parallel: 3, timeout: 2000 },
      progress: (text) => said.push(text),
    })
    assert.equal(result, {
      ...{ passed: 2, failed: 2, skipped: 1 },
      ...{ failures: ['bad', 'hung'], flaky: ['shy'], skippedNames: ['skipped'] },
    })
    const log = readFileSync(join(dir, 'log'), 'utf8')
    assert.match(log, '== bad: exit code 3\nwhat is wrong\n')
    assert.match(log, '== hung: did not end within 2 s\n')
    assert.ok(said.includes('tests: 5 of 5'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
