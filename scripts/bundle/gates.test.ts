// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { closedGates, describeGates, gates, lookAtGates, parseWaivers } from './gates.ts'
import { type GoodReports, goodReports, openFacts } from './testing.ts'
import type { BundleFacts } from './types.ts'

const look = (facts: BundleFacts, waivers = new Map<string, string>()) =>
  lookAtGates(facts, waivers)
const closed = (facts: BundleFacts): string[] => closedGates(look(facts)).map((gate) => gate.name)

/** One way to close a gate: facts that differ from the open ones, and what is said of it. */
interface Closing {
  gate: string
  facts: () => BundleFacts
  says: RegExp
  /** Gates that look at the same thing and close with it. */
  too?: string[]
}

const withFacts = (more: Partial<BundleFacts>) => (): BundleFacts => ({ ...openFacts(), ...more })
const withBase = (more: Partial<BundleFacts['base']>) => (): BundleFacts => {
  const facts = openFacts()
  return { ...facts, base: { ...facts.base, ...more } }
}
const withMessage = (message: string) => (): BundleFacts => {
  const facts = openFacts()
  const commits = facts.commits.map((commit) => ({ ...commit, message }))
  return { ...facts, commits }
}
const withReports = (change: (reports: GoodReports) => void) => (): BundleFacts => {
  const reports = goodReports()
  change(reports)
  return openFacts(reports)
}
const withoutLine = (path: string, line: RegExp) => (): BundleFacts => {
  const facts = openFacts()
  const edited = facts.edited.map((file) =>
    file.path === path ? { path, text: file.text.replace(line, '') } : file,
  )
  return { ...facts, edited }
}
const withLine = (path: string, text: string) => withFacts({ addedLines: [{ path, text }] })
const noProof = ['clang-format', 'cxx98', 'distcheck', 'docs']

const closings: readonly Closing[] = [
  { gate: 'base', facts: withBase({ imported: true }), says: /from a release archive/ },
  { gate: 'base', facts: withFacts({ tip: {} }), says: /is not known: nobody was asked/ },
  {
    gate: 'base',
    facts: withFacts({ tip: { commit: '1'.repeat(40) } }),
    says: /^The base is ffffffffffff, and upstream’s master 111111111111\.$/,
  },
  { gate: 'base', facts: withBase({ date: '2025-12-01' }), says: /in place of upstream.*ago/ },
  { gate: 'exported', facts: withFacts({ notExported: ['it has edits'] }), says: /it has edits/ },
  { gate: 'messages', facts: withMessage('Add scif\n'), says: /does not begin with "Problem: "/ },
  { gate: 'messages', facts: withMessage('Problem: none\n\nAdd.\n'), says: /has no "Solution: "/ },
  {
    gate: 'messages',
    facts: withMessage(`Problem: ${'long '.repeat(20)}\n\nSolution: cut.\n`),
    says: /a first line of 109 characters/,
  },
  {
    gate: 'messages',
    facts: withMessage(`Problem: a\n\nSolution: ${'b'.repeat(80)}\n`),
    says: /is wider than 80/,
  },
  {
    gate: 'messages',
    facts: withMessage('Problem: a\n\nSolution: b\n\nSeries-Entry: c\n'),
    says: /leftovers of its making/,
  },
  {
    gate: 'authors',
    facts: withFacts({ author: { name: 'Eve Other', email: 'eve@example.org' } }),
    says: /does not list Eve Other/,
  },
  {
    gate: 'authors',
    facts: withFacts({ author: { name: 'Ada Example', email: 'series@scif.invalid' } }),
    says: /is nobody's/,
  },
  {
    gate: 'glue',
    facts: () => {
      const facts = openFacts()
      return { ...facts, glue: { ...facts.glue, src: { added: 301, removed: 0 } } }
    },
    says: /adds 301 lines .* the budget is 300/,
  },
  {
    gate: 'issue-2022',
    facts: withFacts({ paths: [] }),
    says: /"A subclass for the address": no src\/scif_address\.hpp/,
  },
  { gate: 'project', facts: withFacts({ project: undefined }), says: /where reviewers get/ },
  {
    gate: 'changes',
    facts: withFacts({ version: 2, changes: 'Smaller.' }),
    says: /The bundle of version 1 is not at hand/,
  },
  {
    gate: 'changes',
    facts: withFacts({ version: 2, rangeDiff: '1: = 1:' }),
    says: /Nothing says what changed since version 1/,
  },
  {
    gate: 'changes',
    facts: withFacts({ version: 2, rangeDiff: '1: = 1:', changes: 'It is 20 % faster.' }),
    says: /no evidence bears out: 20 %/,
  },
  {
    gate: 'spdx',
    facts: withFacts({ added: [{ path: 'src/scif_address.cpp', text: 'int a;\n' }] }),
    says: /src\/scif_address\.cpp/,
  },
  { gate: 'leftovers', facts: withLine('src/a.cpp', '//  TODO later'), says: /in src\/a\.cpp/ },
  { gate: 'leftovers', facts: withLine('doc/a.adoc', 'EDITME'), says: /"EDITME"/ },
  { gate: 'leftovers', facts: withLine('src/a.cpp', 'printf ("x");'), says: /like a leftover/ },
  { gate: 'leftovers', facts: withLine('src/a.cpp', '#if 0'), says: /like a leftover/ },
  { gate: 'leftovers', facts: withLine('src/a.cpp', 'int a; '), says: /like a leftover/ },
  {
    gate: 'parity',
    facts: withoutLine('builds/cmake/platform.hpp.in', /.*/),
    says: /platform\.hpp\.in lacks the constant ZMQ_HAVE_SCIF/,
  },
  {
    gate: 'parity',
    facts: withoutLine('Makefile.am', /src\/scif_address\.cpp/),
    says: /Makefile\.am lacks src\/scif_address\.cpp/,
  },
  {
    gate: 'parity',
    facts: withoutLine('CMakeLists.txt', / -lscif/),
    says: /CMakeLists\.txt lacks libscif for libzmq\.pc/,
  },
  {
    gate: 'parity',
    facts: withoutLine('tests/CMakeLists.txt', /test_pair_scif/),
    says: /tests\/CMakeLists\.txt lacks tests\/test_pair_scif\.cpp/,
  },
  {
    gate: 'evidence',
    facts: () => {
      const { perf: _, ...reports } = goodReports()
      return openFacts(reports)
    },
    says: /The report of \.\/build perf is missing/,
  },
  {
    gate: 'evidence',
    facts: withReports(({ perf }) => {
      perf.date = '2026-01-05T00:00:00.000Z'
    }),
    says: /is of 2026-01-05, more than 14 days ago/,
  },
  {
    gate: 'evidence',
    facts: withReports(({ perf }) => {
      perf.seriesHash = '0'.repeat(64)
    }),
    says: /of another state of the series/,
  },
  {
    gate: 'evidence',
    facts: withReports(({ perf }) => {
      perf.tree = '0'.repeat(40)
    }),
    says: /of another base/,
  },
  {
    gate: 'evidence',
    facts: withReports(({ perf }) => {
      perf.edited = true
    }),
    says: /of a work tree with edits/,
  },
  {
    gate: 'evidence',
    facts: () => {
      const facts = openFacts()
      return { ...facts, evidence: { ...facts.evidence, problems: { perf: 'date: wrong' } } }
    },
    says: /can't be used \(date: wrong\)/,
  },
  {
    gate: 'every-commit',
    facts: withReports(({ verify }) => {
      for (const cell of verify.cells) if (!cell.scif) delete cell.everyCommit
    }),
    says: /Nothing shows that every commit builds without scif/,
  },
  {
    gate: 'every-commit',
    facts: withReports(({ verify }) => {
      for (const cell of verify.cells) cell.everyCommit?.failed.push('address')
    }),
    says: /Not every commit builds with scif: address/,
  },
  {
    gate: 'every-commit',
    facts: withReports(({ verify }) => {
      for (const cell of verify.cells) if (cell.everyCommit) cell.everyCommit.commits = 1
    }),
    says: /Only 1 of 2 commits/,
  },
  {
    gate: 'tests',
    facts: withReports(({ check }) => {
      check.totals = { passed: 119, failed: 1, skipped: 3 }
    }),
    says: /1 failed, and 119 passed/,
  },
  {
    gate: 'tests',
    facts: withReports(({ verify }) => {
      const [first] = verify.cells
      if (first) first.status = 'failed'
    }),
    says: /By autotools with scif it is "failed"/,
  },
  {
    gate: 'tests',
    facts: withReports((reports) => {
      reports.check.seriesHash = '0'.repeat(64)
    }),
    says: /Nothing shows that the tests of this series pass/,
    too: ['evidence'],
  },
  ...noProof.map((gate) => ({
    gate,
    facts: withReports(({ prove }) => {
      for (const proof of prove.proofs)
        if (proof.name === gate) Object.assign(proof, { passed: false, detail: 'it stops' })
    }),
    says: /It fails: it stops/,
  })),
  ...noProof.map((gate) => ({
    gate,
    facts: withReports(({ prove }) => {
      prove.seriesHash = '0'.repeat(64)
    }),
    says: /It was not tried on this series/,
    too: ['evidence', ...noProof.filter((other) => other !== gate)],
  })),
]

test('every gate is open on a series that has all it takes', () => {
  const results = look(openFacts())
  assert.equal(
    results.filter((gate) => !gate.ok),
    [],
  )
  assert.is(results.length, gates.length)
  assert.ok(results.every(({ sentence }) => /\w.*\.$/.test(sentence)))
})

test('every gate has a way to close it in these tests, and no two have one name', () => {
  const names = gates.map((gate) => gate.name)
  assert.is(new Set(names).size, names.length)
  for (const name of names)
    assert.ok(
      closings.some(({ gate }) => gate === name),
      name,
    )
})

for (const [index, { gate, facts, says, too = [] }] of closings.entries()) {
  test(`closing ${index + 1}: ${gate}, ${says.source}`, () => {
    const given = facts()
    assert.equal(closed(given).sort(), [gate, ...too].sort())
    const result = look(given).find((one) => one.name === gate)
    assert.match(result?.sentence ?? '', says)
    assert.ok((result?.fix ?? '') !== '', 'a closed gate says what to do')
    const reasons = new Map([gate, ...too].map((name) => [name, 'known']))
    assert.equal(closedGates(look(given, reasons)), [])
    assert.match(describeGates(look(given, reasons)), /waived: known/)
  })
}

test('an old base is no stale one when upstream says that it is its master', () => {
  const old = withBase({ date: '2025-12-01' })()
  const facts = { ...old, tip: { ...old.tip, byUpstream: true } }
  const base = lookAtGates(facts, new Map()).find(({ name }) => name === 'base')
  assert.ok(base?.ok)
  assert.match(
    base?.sentence ?? '',
    /^The base is upstream’s master, ffffffffffff of 2025-12-01\.$/,
  )
})

test('version 2 is open with its changes told and shown', () => {
  const facts = { ...openFacts(), version: 2, changes: 'Smaller.', rangeDiff: '1: = 1:' }
  assert.equal(closed(facts), [])
})

test('a waiver of an open gate leaves no trace', () => {
  const results = look(openFacts(), new Map([['docs', 'no tools']]))
  assert.not.ok(results.some((gate) => gate.waived !== undefined))
})

test('waivers are read by name and reason', () => {
  assert.equal(
    [...parseWaivers('base=an early look; docs = no tools = here ;')],
    [
      ['base', 'an early look'],
      ['docs', 'no tools = here'],
    ],
  )
  assert.is(parseWaivers(undefined).size, 0)
  assert.throws(() => parseWaivers('doc=none'), /There is no gate "doc"/)
  assert.throws(() => parseWaivers('docs'), /waived without a reason/)
  assert.throws(() => parseWaivers('docs='), /waived without a reason/)
})

test.run()
