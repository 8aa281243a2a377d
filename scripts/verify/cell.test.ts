// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inLab } from '../series/testing.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { put, standInLibzmq } from '../toolchain/testing.ts'
import { runMatrix } from './matrix.ts'
import { memoryIn } from './memory.ts'
import { prepareRelease } from './prepare.ts'
import { labRelease, labSeries } from './testing.ts'
import type { CellPlan } from './types.ts'

/** 70 functions, so that it counts as a libzmq whose symbols have been seen. */
const api = Array.from({ length: 70 }, (_, at) => `int zmq_function_${at} (void) { return 0; }\n`)

const tests = `
srcdir = @srcdir@
programs = tests/test_good tests/test_bad tests/test_upstream
TESTS = $(programs)
check: $(programs)
tests/%:
	mkdir -p tests
	cp $(srcdir)/tests/$*.sh $@
	chmod +x $@
`

test('what fails is in the result, and does not keep the other builds from running', () =>
  inLab(async (lab) => {
    standInLibzmq(lab.upstream)
    const write = (path: string, text: string) => put(join(lab.upstream, path), text)
    const source = await lab.read('upstream/src/zmq.cpp')
    const autogen = await lab.read('upstream/autogen.sh')
    await labRelease(lab, '4.3.4')
    write('src/zmq.cpp', `${source}${api.join('')}`)
    // In the shell's text of a here-document.
    const rules = tests.replaceAll('$', '\\$').replace('@srcdir@', '$srcdir')
    write('autogen.sh', autogen.replace('\nEND\n', `\n${rules}\nEND\n`))
    const version = await lab.read('upstream/include/zmq.h')
    const declared = 'void zmq_version (int *, int *, int *);\nint zmq_has (const char *);\n'
    write('include/zmq.h', `${version}${declared}`)
    write('tests/test_good.sh', '#!/bin/sh\nexit 0\n')
    // Fails with the series only: it adds a line to src/socket_base.cpp.
    const dir = '"$(dirname "$0")/../../src"'
    write('tests/test_bad.sh', `#!/bin/sh\n! grep -rq 'scif here' ${dir}/src/socket_base.cpp\n`)
    write('tests/test_upstream.sh', '#!/bin/sh\necho wrong everywhere\nexit 1\n')
    const edit = (from: string, to: string) =>
      `diff --git a/src/zmq.cpp b/src/zmq.cpp\n--- a/src/zmq.cpp\n+++ b/src/zmq.cpp\n@@ -1,2 +1,2 @@\n-${from}\n+${to}\n #include <string.h>\n`
    const [first = ''] = source.split('\n')
    const hook = await lab.read('project/patches/hook.patch')
    const build = await lab.read('project/patches/build.patch')
    await lab.write('project/patches/hook.patch', hook + edit(first, 'int is it C;'))
    await lab.write('project/patches/build.patch', build + edit('int is it C;', first))
    await lab.release('4.3.4', '4.3.4', '4.3.4')
    const signal = new AbortController().signal
    const now = () => new Date('2026-01-01T00:00:00Z')
    const context = { root: lab.dir, out: lab.dir, env: lab.env, jobs: 1, offline: true }
    const series = await labSeries(lab)
    const prepared = await prepareRelease(
      {
        ...{ release: 'main', source: { kind: 'git', url: lab.upstream }, series },
        ...{ dir: join(lab.dir, 'verify'), cacheDir: join(lab.dir, 'cache') },
        ...{ reports: join(lab.dir, 'reports'), threeWay: false },
        context: { ...context, signal, now },
      },
      { progress: () => {}, line: () => {}, signal },
    )
    assert.is(prepared.result.status, 'passed', prepared.result.reason)
    const plain = { scif: false, others: false } as const
    const plans: CellPlan[] = [
      { ...plain, buildSystem: 'cmake' },
      { ...plain, buildSystem: 'autotools' },
    ]
    const compilers = await findCompilers(lab.env)
    const ended: string[] = []
    const run = () =>
      runMatrix([prepared], () => plans, {
        ...{ series, jobs: 1, logs: join(lab.dir, 'logs'), everyCommit: true },
        ...{ env: lab.env, signal, now, memory: memoryIn(join(lab.dir, 'results')) },
        compilers,
        libscif: { choice: { kind: 'none' }, key: 'none' },
        othersOf: () => Promise.reject(new Error('no cell with everything is asked for')),
        progress: () => {},
        ended: ({ id, status }) => ended.push(`${id} ${status}`),
      })
    const [cmake, autotools] = await run()
    assert.equal(ended.sort(), ['main-autotools-noscif failed', 'main-cmake-noscif failed'])
    // The lab's CMakeLists.txt is numbered lines.
    assert.equal(
      cmake?.checks.map(({ name, passed }) => [name, passed]),
      [['build', false]],
    )
    assert.match(cmake?.reason ?? '', 'build: Configuring libzmq failed with exit code 1.')
    assert.equal(
      autotools?.checks.map(({ name, passed }) => [name, passed]),
      [
        ['build', true],
        ['zmq_has', true],
        ['symbols', true],
        ['tests', false],
        ['every commit', false],
      ],
    )
    // The first commit breaks the build, and the second mends it.
    assert.equal(autotools?.everyCommit, { commits: 2, failed: ['hook'] })
    assert.is(autotools?.symbolsEqual, true)
    assert.equal(autotools?.tests, { passed: 1, failed: 1, skipped: 1 })
    const detail = autotools?.checks.find(({ name }) => name === 'tests')?.detail ?? ''
    assert.match(detail, 'failed: test_bad;')
    assert.match(detail, "fails on upstream's own source as well: test_upstream")
    assert.not.ok(existsSync(join(lab.dir, 'results')), 'a failure was remembered')
  }))

test.run()
