// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compatibilityOf, compatibilityText, readCompatibility } from './compatibility.ts'
import { annotations, junit, markdown } from './formats.ts'
import { allPassed, reportText, type VerifyReport } from './report.ts'
import type { CellResult, ReleaseResult } from './types.ts'

const good: ReleaseResult = {
  ...{ release: '4.3.4', version: '4.3.4', tree: '9f51abaa660baf55', seriesHash: 'abc' },
  ...{ commit: '4097855ddaaa65', route: 'debian', applied: 'f00', status: 'passed' },
  checks: [{ name: 'pin', passed: true, detail: 'tree 9f51' }],
  variants: [{ slug: 'doc', releases: '<4.3.6' }],
  glue: {
    ...{ src: { added: 100, removed: 9 }, build: { added: 20, removed: 0 } },
    ...{ tests: { added: 0, removed: 0 }, doc: { added: 0, removed: 0 } },
    other: { added: 0, removed: 0 },
  },
}

const broken: ReleaseResult = {
  ...{ release: 'master', version: '4.3.6', tree: '47c83e77f01e', seriesHash: 'def' },
  ...{ status: 'failed', reason: 'apply: the entry "hook" <does> not apply', variants: [] },
  checks: [
    {
      ...{ name: 'apply', passed: false, detail: 'the entry "hook" <does> not apply' },
      more: 'expected:\n  a | b & 100%',
      place: { file: 'patches/hook.patch', line: 17 },
    },
  ],
  repair: { merged: true, files: [], dir: '/out/repaired', reason: 'rewrote patches/hook.patch' },
}

const absent: ReleaseResult = {
  ...{ release: '4.3.5', version: '', tree: '', seriesHash: '', checks: [], variants: [] },
  ...{ status: 'unavailable', reason: 'libzmq 4.3.5 could not be had' },
}

const cell: CellResult = {
  ...{ id: '4.3.4-cmake-scif', release: '4.3.4', version: '4.3.4', tree: '9f51abaa660baf55' },
  ...{ seriesHash: 'abc', buildSystem: 'cmake', scif: true, others: false, status: 'failed' },
  ...{ milliseconds: 61_000, tests: { passed: 100, failed: 1, skipped: 2 } },
  reason: 'tests: failed: test_x',
  checks: [
    { name: 'build', passed: true, detail: 'f00' },
    { name: 'tests', passed: false, detail: 'failed: test_x', log: '/out/tests.log' },
  ],
}

const report: VerifyReport = {
  ...{ schemaVersion: 1, command: 'verify', date: '2026-11-22T20:00:00.000Z', files: [] },
  ...{ commands: ['./build verify'], passed: false, milliseconds: 1, compiler: 'g++ 12' },
  machine: { cpu: 'x', cores: 2, kernel: 'Linux', memory: '8 GiB' },
  series: { name: 'scif', version: 1, entries: 2 },
  libscif: { kind: 'soft' },
  releases: [good, broken, absent],
  cells: [cell, { ...cell, id: '4.3.4-autotools-everything', others: true, with: ['NORM'] }],
  variants: [{ slug: 'doc', releases: '<4.3.6', verdict: 'unneeded', because: 'the other' }],
}

/** How often each element is there; text that is not well-formed fails. */
function elements(xml: string): Record<string, number> {
  const open: string[] = []
  const counts: Record<string, number> = {}
  const body = xml.replace(/^<\?xml [^?]*\?>/, '')
  const tags = /<(\/?)(\w+)((?: [\w]+="[^"<]*")*)(\/?)>/g
  for (const [, end, name = '', , empty] of body.matchAll(tags)) {
    if (end) assert.is(open.pop(), name)
    else {
      counts[name] = (counts[name] ?? 0) + 1
      if (!empty) open.push(name)
    }
  }
  assert.equal(open, [])
  const text = body.replaceAll(tags, '')
  assert.not.match(text, /[<>]|&(?!(amp|lt|gt|quot);)/)
  return counts
}

test('JUnit: well-formed, with every check, failure and what was not tried', () => {
  const text = junit(report)
  const { testsuites, testsuite, testcase, failure, skipped } = elements(
    text.replaceAll('system-out', 'out'),
  )
  assert.equal([testsuites, testsuite, testcase], [1, 6, 8])
  assert.equal([failure, skipped], [4, 1])
  assert.match(text, '<testsuite name="4.3.4-cmake-scif" tests="2" failures="1" skipped="0"')
  assert.match(text, 'a | b &amp; 100%')
  assert.match(text, '<skipped message="libzmq 4.3.5 could not be had"/>')
})

test('annotations stand at the line of the patch, and each is one line', () => {
  const lines = annotations(report)
  assert.is(lines.length, 4)
  assert.is(
    lines[0],
    '::error file=patches/hook.patch,line=17,title=verify master%3A apply::the entry "hook" <does> not apply%0Aexpected:%0A  a | b & 100%25',
  )
  assert.match(lines[1] ?? '', /^::error file=patches\/series\.yaml,line=1,title=verify 4\.3\.4-cm/)
  assert.ok(lines.every((line) => !line.includes('\n')))
})

test('the summary is Markdown whose cells keep to themselves', () => {
  const text = markdown(report)
  assert.match(text, /^## verify: failed\n/)
  assert.match(text, '| 4.3.4 | `9f51abaa660b` | cmake | with | 100 passed, 1 failed, 2 skipped |')
  assert.match(text, '```\nexpected:\n  a | b & 100%\n```')
  assert.match(text, 'master, merged by --3way: yes; rewrote patches/hook.patch')
  assert.match(text, '- doc, variant for <4.3.6: the other: drop it')
})

test('the table shows each build, and below it what failed with its log', () => {
  const text = reportText(report)
  assert.match(text, /4\.3\.4 +9f51abaa660b +yes +cmake +with +100\/1\/2 +- +1 min 01 s +failed/)
  assert.match(text, 'log: /out/tests.log')
  assert.match(text, '4.3.5: unavailable: libzmq 4.3.5 could not be had')
  assert.match(text, 'built beside NORM')
})

test('what is not to be had is no failure; a variant that is not needed is one', () => {
  assert.ok(allPassed({ releases: [good, absent], cells: [], variants: [] }))
  assert.not.ok(allPassed({ releases: [good], cells: [], variants: report.variants }))
  assert.not.ok(allPassed({ releases: [good], cells: [cell], variants: [] }))
})

test('docs/compatibility.md: the date, tree ids, variants and builds; nothing of the machine', () => {
  const value = compatibilityOf(report)
  const text = compatibilityText(value)
  assert.match(text, 'found on 2026-11-22 with version 1 of the series (2 entries), g++ 12')
  assert.match(text, '| 4.3.4 | `4097855ddaaa` | `9f51abaa660b` | `f00` | `abc` | yes |')
  assert.match(text, '| doc | `<4.3.6` | unneeded | the other |')
  assert.not.match(JSON.stringify(value), '/out/')
})

test('docs/compatibility.md is in step with docs/compatibility.json', () => {
  const docs = new URL('../../docs', import.meta.url).pathname
  const value = readCompatibility(docs)
  if (!value) throw new Error('there is no docs/compatibility.json')
  assert.is(readFileSync(join(docs, 'compatibility.md'), 'utf8'), compatibilityText(value))
  assert.is(readCompatibility(join(docs, 'nowhere')), undefined)
})

test.run()
