// SPDX-License-Identifier: MPL-2.0
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fetchUpstream } from './fetch.ts'
import { releases } from './releases.ts'
import { within } from './testing.ts'

// The real thing: this machine's apt, its archives and the real pins. It needs a Debian or a
// derivative that has libzmq 4.3.3 or later, and its archives within reach.
test("Debian's source package is, unpacked, the tree of the release's pin", async () => {
  const dir = await mkdtemp(join(tmpdir(), 'debian test-'))
  const abort = new AbortController()
  const lines: string[] = []
  try {
    const context = { root: dir, out: dir, env: process.env, jobs: 1, offline: false }
    const source = await within(
      240_000,
      fetchUpstream({
        source: { kind: 'debian' },
        cacheDir: join(dir, 'cache'),
        context: { ...context, signal: abort.signal, now: () => new Date() },
        line: (text) => lines.push(text),
      }),
    )
    assert.is(source.route, 'debian')
    const pin = releases.find((one) => one.name === source.release)
    assert.equal([source.tree, source.commit, source.version], [pin?.tree, pin?.commit, pin?.name])
    await access(join(source.dir, 'autogen.sh'))
  } finally {
    abort.abort()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
})

test.run()
