// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkFigures, Figures, findLoose } from './figures.ts'
import { lookAtGates } from './gates.ts'
import { writePullRequest } from './pull-request.ts'
import { goodReports, openFacts } from './testing.ts'

const files = (values: Record<string, unknown>): ReadonlyMap<string, Buffer> =>
  new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))]))

test('a figure is what its file says, as it is to be written', () => {
  const figures = new Figures(files({ 'a.json': { n: 1234567, list: [{ t: 2.345 }], on: 'x' } }))
  const text = [
    figures.take('a.json', '/n', 'count'),
    figures.take('a.json', '/n', 'rate'),
    figures.take('a.json', '/list/0/t', 'decimal'),
    figures.take('a.json', '/on'),
  ].join(' ')
  assert.is(figures.finish(text), '1,234,567 1,230,000 2.3 x')
  assert.equal(
    figures.taken.map(({ pointer }) => pointer),
    ['/n', '/n', '/list/0/t', '/on'],
  )
  assert.throws(() => figures.take('a.json', '/list/1/t'), /has nothing at \/list\/1\/t/)
  assert.throws(() => figures.take('b.json', '/n'), /evidence\/b\.json is missing/)
})

test('a figure that was not taken from evidence is an error', () => {
  const figures = new Figures(files({ 'a.json': { n: 12 } }))
  const taken = `${figures.take('a.json', '/n')} tests passed`
  assert.is(figures.finish(taken), '12 tests passed')
  assert.throws(() => figures.finish(`${taken}, 13 tests failed`), /not from evidence: 13 tests/)
  for (const claim of ['3.4 GB/s', '20 %', '5× as fast', '12 µs', '1,000 msg/s', '131 lines'])
    assert.is(findLoose(`it has ${claim}.`).length, 1, claim)
  const names = 'libzmq 4.3.4, #2022, scif://0:6666, C++98, returns 0, 1. Four modules, MPL-2.0'
  assert.equal(findLoose(names), [])
})

test('what evidence no longer bears out is found', () => {
  const figures = new Figures(files({ 'a.json': { n: 12, m: 3 } }))
  const text = figures.finish(`${figures.take('a.json', '/n')} and ${figures.take('a.json', '/m')}`)
  assert.equal(checkFigures(figures.taken, files({ 'a.json': { n: 12, m: 3 } }), text), [])
  const [changed, gone, ...more] = checkFigures(figures.taken, files({ 'a.json': { n: 13 } }), text)
  assert.match(changed ?? '', '"12" from evidence/a.json/n is "13" there')
  assert.match(gone ?? '', 'has nothing at /m')
  assert.equal(more, [])
  const unchanged = files({ 'a.json': { n: 12, m: 3 } })
  assert.match(checkFigures(figures.taken, unchanged, '12')[0] ?? '', '"3" from evidence')
})

/** The text for reports, and each figure in it. */
function written(reports = goodReports()) {
  const facts = openFacts(reports)
  const gates = lookAtGates(facts, new Map())
  const { commits, glue, newLines } = facts
  const figures = new Figures(
    files({
      'check.json': reports.check,
      'perf.json': reports.perf,
      'verify.json': reports.verify,
      'prove.json': reports.prove,
      'gates.json': gates,
      'series.json': { commits, glue, newLines },
    }),
  )
  return { text: writePullRequest(facts, gates, figures), figures }
}

test('the pull request has its parts, and its figures from the reports', () => {
  const { text, figures } = written()
  for (const part of [
    'Fixes #2022.',
    '## Why an engine class is needed',
    '## The answers to #2022',
    '| scif | ',
    'libzmq’s own tests | 120 | 0 | 3 |',
    '120 passed, 0 failed, 3 skipped',
    '| 1,000 | 1,510,000 (1,360,000 – 1,660,000) | 801,000 (721,000 – 881,000) |',
    '| 1,000 | 12.3 (11.1 – 13.6) |',
    '| master | autotools | no | passed | 120 passed, 3 skipped | upstream’s |',
    '| 4.3.2 |  |  | unsupported |  |  | it is too old |',
    '- distcheck: distcheck did well',
    '    git clone https://example.org/scif zeromq-scif',
    'It was not run on a Xeon Phi',
  ])
    assert.ok(text.includes(part), part)
  assert.ok(figures.taken.length > 50)
  assert.not.match(text, /[\uE000\uE001]|undefined/)
})

test('what the evidence does not have is not claimed', () => {
  const reports = goodReports()
  reports.check.libscif.kind = 'real'
  for (const cell of reports.verify.cells) cell.everyCommit?.failed.push('address')
  const { text } = written(reports)
  assert.not.match(text, /It was not run on a Xeon Phi|builds with and without scif/)
  assert.match(text, 'Each says its problem and its solution.')
})

test.run()
