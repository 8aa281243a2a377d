// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import { compareReports, describeComparison } from './compare.ts'
import { docsOf, quoteFigures } from './docs.ts'
import { chartsOf, cpuPerGigabyte, ratiosOf } from './figures.ts'
import { findings } from './findings.ts'
import { renderReport } from './render.ts'
import { readReport } from './report.ts'
import { formatSize, fullSizes, parseSizes } from './sizes.ts'
import { judge, median, pairRatios, quantile } from './stats.ts'
import { selectTargets } from './targets.ts'
import { fakeReport, fakeResult } from './testing.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-report-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

function refused(work: () => unknown): UserError {
  try {
    work()
  } catch (error) {
    assert.instance(error, UserError)
    return error as UserError
  }
  throw new Error('nothing was refused')
}

const four = (value: number) => [value, value * 1.01, value * 0.99, value]

const report = fakeReport([
  ...[64, 2 ** 20].flatMap((size) => [
    fakeResult('scif', 'throughput', size, four(2000)),
    fakeResult('ipc', 'throughput', size, four(1000)),
    fakeResult('ring', 'throughput', size, four(9000)),
    fakeResult('scif', 'latency', size, four(30)),
    fakeResult('ipc', 'latency', size, four(60)),
  ]),
])

test('sizes', () => {
  assert.equal(parseSizes('1M, 64,4k,64'), [64, 4096, 2 ** 20])
  assert.equal(parseSizes('16MiB'), [2 ** 24])
  assert.is(formatSize(2 ** 24), '16 MiB')
  assert.is(formatSize(1000), '1000 B')
  assert.equal([fullSizes[0], fullSizes.at(-1)], [1, 2 ** 24])
  for (const wrong of ['', '0', '64x', '-1', '2000M', '1,,2'])
    assert.is(refused(() => parseSizes(wrong)).exitCode, 2, wrong)
})

test('transports: the limit is always there, what is not known is refused', () => {
  assert.equal(
    selectTargets('scif', false).map(({ transport }) => transport),
    ['scif', 'ring'],
  )
  assert.is(selectTargets(undefined, true).length, 9)
  assert.match(refused(() => selectTargets('udp', false)).hint, /scif, ipc, tcp, inproc/)
})

test('quantiles, and ratios of the same round only', () => {
  assert.is(median([3, 1, 2]), 2)
  assert.is(quantile([1, 2, 3, 4], 0.25), 1.75)
  const at = (round: number, value: number) => ({ round, value })
  assert.equal(pairRatios([at(1, 4), at(2, 6), at(3, 8)], [at(3, 2), at(1, 2)]), [2, 4])
})

test('a verdict only where the spread allows one', () => {
  const [old, more] = [four(100), four(120)]
  assert.is(judge(old, more, true), 'better')
  assert.is(judge(old, more, false), 'worse')
  assert.is(judge(old, four(101), true), 'same')
  assert.is(judge(old.slice(1), more, true), 'open', 'three rounds are too few')
  assert.is(judge([100, 130, 90, 100], more, true), 'open', 'they overlap')
  assert.is(judge([99, 100, 101, 100], [103, 104, 103, 104], true), 'same', 'apart, but near')
})

test('above 1 is in favour of scif, for latency, too', () => {
  for (const measure of ['throughput', 'latency'] as const)
    for (const { against, value } of ratiosOf(report, measure))
      if (against === 'ipc') assert.ok(Math.abs(value - 2) < 0.05, `${measure} ${value}`)
  assert.match(findings(report)[0] ?? '', /Throughput against ipc: better at 64 B, 1 MiB \(2 times/)
})

test('better or worse only when all rounds say so, and by enough', () => {
  const say = (scif: number[], ipc: number[]) =>
    findings(
      fakeReport([
        fakeResult('scif', 'throughput', 64, scif),
        fakeResult('ipc', 'throughput', 64, ipc),
      ]),
    )[0] ?? ''
  const ipc = [100, 100, 100, 100]
  assert.match(say([120, 130, 140, 110], ipc), /: better at 64 B/)
  assert.match(say([80, 70, 60, 90], ipc), /: worse at 64 B/)
  assert.match(say([120, 130, 140, 99], ipc), /: not to be told apart at 64 B/)
  assert.match(say([101, 102, 103, 104], ipc), /: not to be told apart at 64 B/)
  assert.match(say([120, 130, 140], ipc.slice(1)), /: not to be told apart at 64 B/)
})

test('processor time is of both ends and per GB', () => {
  assert.is(cpuPerGigabyte(fakeResult('scif', 'throughput', 1e6, [1]))?.value, 1)
})

test('a comparison: other machines and other models have no verdict', () => {
  const better = fakeReport(
    report.results.map((r) =>
      fakeResult(
        r.transport,
        r.measure,
        r.size,
        r.samples.map((s) => s.value * 1.5),
      ),
    ),
  )
  const comparison = compareReports(report, better)
  assert.equal(
    new Set(comparison.lines.map(({ measure, verdict }) => `${measure} ${verdict}`)),
    new Set(['throughput better', 'latency worse']),
  )
  assert.match(describeComparison(comparison, report), /6 better, 4 worse, 0 same, 0 open/)
  const elsewhere = { ...better, machine: { ...better.machine, cpu: 'another' } }
  assert.match(compareReports(report, elsewhere).hindrance ?? '', /machines differ/)
  assert.ok(compareReports(report, elsewhere).lines.every(({ verdict }) => verdict === 'open'))
  assert.match(compareReports(report, { ...better, link: '6500:6.8' }).hindrance ?? '', /model/)
})

test('a report is read again as it was written; what is none is refused with the place', () => {
  const file = join(scratch, 'perf.json')
  writeFileSync(file, JSON.stringify(report))
  assert.equal(readReport(file), report)
  writeFileSync(file, JSON.stringify({ ...report, results: [{ transport: 'a b' }] }))
  assert.match(refused(() => readReport(file)).message, /results\.0\.transport/)
  writeFileSync(file, '{')
  assert.is(refused(() => readReport(file)).exitCode, 2)
  assert.is(refused(() => readReport(join(scratch, 'none'))).exitCode, 2)
})

test('rendering the same report twice gives the same bytes', async () => {
  const [one, two] = [join(scratch, 'one'), join(scratch, 'two')]
  await renderReport(report, { reports: one })
  await renderReport(readReport(join(one, 'perf.json')), { reports: two })
  const names = readdirSync(one).sort()
  assert.equal(names, readdirSync(two).sort())
  assert.ok(names.includes('perf-throughput.svg') && names.includes('report.html'))
  for (const name of names)
    assert.is(readFileSync(join(one, name), 'utf8'), readFileSync(join(two, name), 'utf8'), name)
})

test('the page has the matrix and the tests of the other commands, and what they lack', async () => {
  const dir = join(scratch, 'evidence')
  mkdirSync(dir)
  const head = { schemaVersion: 1, date: '2026-01-03T00:00:00.000Z' }
  const cell = { release: '4.3.4', buildSystem: 'cmake', scif: true }
  const check = {
    ...head,
    commands: ['./build check --release 4.3.4'],
    release: '4.3.4',
    seriesHash: 'b'.repeat(64),
    totals: { passed: 12, failed: 1, skipped: 3 },
    suites: [{ id: 'own', title: 'Suite <1>', passed: 12, failed: 1, skipped: 3 }],
  }
  const verify = {
    ...head,
    commands: ['./build verify --releases 4.3.4'],
    cells: [
      { ...cell, status: 'passed', tests: { passed: 7, failed: 0, skipped: 1 } },
      { ...cell, scif: false, status: 'unavailable', reason: 'no route has it' },
    ],
  }
  writeFileSync(join(dir, 'check.json'), JSON.stringify(check))
  writeFileSync(join(dir, 'verify.json'), JSON.stringify(verify))
  await renderReport(report, { reports: dir })
  const page = readFileSync(join(dir, 'report.html'), 'utf8')
  for (const text of [
    'passed, 7 passed, 0 failed, 1 skipped',
    'unavailable: no route has it',
    'Suite &lt;1&gt;',
    './build verify --releases 4.3.4',
    './build check --release 4.3.4',
  ])
    assert.ok(page.includes(text), text)
  writeFileSync(join(dir, 'check.json'), '{"schemaVersion":2}')
  await renderReport(report, { reports: dir })
  assert.match(readFileSync(join(dir, 'report.html'), 'utf8'), /its report is in another form/)
})

test('the link model stands on every figure, table and page', async () => {
  const dir = join(scratch, 'model')
  await renderReport({ ...report, link: 'pcie2x16' }, { reports: dir })
  const texts = readdirSync(dir).filter((name) => /\.(svg|md|html)$/.test(name))
  assert.ok(texts.length >= 7)
  for (const name of texts)
    assert.match(readFileSync(join(dir, name), 'utf8'), /MODEL: SOFTSCIF_LINK=pcie2x16/, name)
  assert.match(readFileSync(join(dir, 'perf.csv'), 'utf8'), /,pcie2x16\n/)
})

test('charts have a title, axes with units, error bars and both colour schemes', async () => {
  const docs = await docsOf(report)
  const charts = chartsOf(report)
  assert.is(charts.length, 7, 'no system calls were counted')
  for (const { id, title, axis } of charts) {
    const svg = docs.get(join('images', `perf-${id}.svg`)) ?? ''
    assert.ok(svg.startsWith('<svg') && svg.includes('xmlns="http://www.w3.org/2000/svg"'), id)
    for (const part of [
      title,
      axis,
      'message size',
      '64 B',
      'prefers-color-scheme: dark',
      'series aaaa',
    ])
      assert.ok(svg.includes(part), `${id}: ${part}`)
    assert.not.match(svg, /NaN|undefined|Infinity/, id)
    assert.match(svg, /Model &lt;1&gt; &amp; /, `${id}: what a machine is called is text`)
  }
  assert.match(docs.get(join('images', 'perf-throughput.svg')) ?? '', /M-4,0L4,0/)
})

test('what a document quotes is filled in, and again to the same', () => {
  const document = 'a\n<!-- perf: findings -->\nold\n<!-- /perf -->\nb\n'
  const filled = quoteFigures(document, report)
  assert.match(filled, /^a\n<!-- perf: findings -->\n- Throughput against ipc/)
  assert.is(quoteFigures(filled, report), filled)
  assert.throws(() => quoteFigures(document.replace('findings', 'dreams'), report), /dreams/)
})

test.run()
