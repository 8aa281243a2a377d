// SPDX-License-Identifier: MPL-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findEvidence, sayEvidence } from './evidence.ts'

test('reports are evidence of the release and the state of the series that they are of', () => {
  const dir = mkdtempSync(join(tmpdir(), 'evidence-'))
  try {
    const write = (name: string, report: unknown) =>
      writeFileSync(join(dir, `${name}.json`), JSON.stringify(report))
    const tree = { release: '4.3.5', seriesHash: 'a' }
    assert.equal(findEvidence(dir, tree), [])
    write('check', { date: '2026-01-01T09:30:00Z', ...tree, edited: false })
    write('perf', { date: '2026-01-01T11:59:00Z', ...tree, edited: true })
    const releases = [
      { release: 'master', seriesHash: 'b' },
      { ...tree, seriesHash: 'c' },
    ]
    write('verify', { date: '2025-12-29T12:00:00Z', releases })
    const found = findEvidence(dir, tree)
    assert.equal(
      found.map(({ command, current }) => [command, current]),
      [
        ['check', true],
        ['perf', false],
        ['verify', false],
      ],
    )
    assert.is(
      sayEvidence(found, new Date('2026-01-01T12:00:00Z')),
      'check 2 hours ago; perf 1 minute ago, of another state of the series; verify 3 days ago, of another state of the series',
    )
    assert.equal(
      findEvidence(dir, { release: 'master', seriesHash: 'b' }).map(({ command }) => command),
      ['verify'],
    )
    for (const bad of [{ date: 'yesterday', ...tree }, { ...tree }, null, 7]) {
      write('check', bad)
      assert.is(findEvidence(dir, tree)[0]?.command, 'perf')
    }
    writeFileSync(join(dir, 'check.json'), '{')
    assert.is(findEvidence(dir, tree).length, 2)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
