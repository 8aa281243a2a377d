// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inLab } from '../series/testing.ts'
import { findCompilers } from '../toolchain/compiler.ts'
import { standInLibzmq } from '../toolchain/testing.ts'
import { bisect } from './bisect.ts'
import { makeProver } from './prove.ts'
import { grow, labRelease, labSeries, tipOf } from './testing.ts'

/** The series' hook calls what upstream will rename. */
const hook = `diff --git a/src/zmq.cpp b/src/zmq.cpp
--- a/src/zmq.cpp
+++ b/src/zmq.cpp
@@ -1,2 +1,4 @@
+int poller_of_4_3 (void);
+int scif_hook (void) { return poller_of_4_3 (); }
 /* SPDX-License-Identifier: MPL-2.0 */
 #include <string.h>
`

test('real builds: the commit that renamed a function is found among 200 with 9 of them', () =>
  inLab(async (lab) => {
    standInLibzmq(lab.upstream)
    await labRelease(lab)
    // The stand-in's own sources instead of numbered lines.
    standInLibzmq(lab.upstream)
    await lab.write('upstream/include/zmq.h', headerOf(lab.upstream))
    await lab.write('project/patches/hook.patch', hook)
    const zmq = await lab.read('upstream/src/zmq.cpp')
    const withPoller = (name: string) => `${zmq}int ${name} (void) { return 1; }\n`
    await lab.write('upstream/src/zmq.cpp', withPoller('poller_of_4_3'))
    const { commit = '' } = await lab.release('4.3.5', '4.3.5', '4.3.5')
    await grow(lab, 200, { 61: { 'src/zmq.cpp': withPoller('poller_of_4_4') } })
    const context = { env: lab.env, signal: new AbortController().signal, progress: () => {} }
    const root = join(lab.dir, 'bisect')
    const prove = makeProver({
      buildSystem: 'autotools',
      libscif: { choice: { kind: 'none' }, key: 'none' },
      compilers: await findCompilers(lab.env),
      ...{ jobs: 1, root, logs: join(lab.dir, 'logs'), context },
    })
    const found = await bisect({
      source: await tipOf(lab, '4.3.5', 'master'),
      ...{ good: [commit], series: await labSeries(lab), workDir: join(root, 'history') },
      ...{ prove, ...context, line: () => {} },
    })
    assert.is(found.stops, 'building')
    assert.is(found.culprit?.subject, 'change 61')
    assert.ok(found.builds <= 9, `${found.builds} builds`)
    assert.match(found.details ?? '', 'poller_of_4_3')
  }))

function headerOf(upstream: string): string {
  const versions = ['MAJOR 4', 'MINOR 3', 'PATCH 5'].map((part) => `#define ZMQ_VERSION_${part}\n`)
  return `${versions.join('')}${readFileSync(join(upstream, 'include', 'zmq.h'), 'utf8')}`
}

test.run()
