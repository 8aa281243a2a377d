// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from './run.ts'

test("no start-up file of the user's shell runs before a program", async () => {
  const home = await mkdtemp(join(tmpdir(), 'run-test-'))
  try {
    await writeFile(join(home, '.bashrc'), `touch ${home}/sourced; echo noise\n`)
    await writeFile(join(home, '.profile'), `touch ${home}/sourced; echo noise\n`)
    for (const more of [{}, { SHLVL: '0' }, { SHLVL: '3' }]) {
      const env = { PATH: process.env.PATH, HOME: home, ...more }
      const result = await run(['echo', 'it runs'], { cwd: home, env, timeout: 20_000 })
      assert.is(result.stdout, 'it runs\n')
      assert.is(existsSync(join(home, 'sourced')), false, JSON.stringify(more))
    }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})

test.run()
