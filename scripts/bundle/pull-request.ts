// SPDX-License-Identifier: MPL-2.0
import { design, notDone, title, what, why, whyEngine } from './design.ts'
import type { VerifyCell } from './evidence.ts'
import type { Figures } from './figures.ts'
import { points } from './points.ts'
import type { BundleFacts, GateResult } from './types.ts'

/** The text of the pull request; every figure in it is taken through `figures`. */
export function writePullRequest(
  facts: BundleFacts,
  gates: readonly GateResult[],
  figures: Figures,
): string {
  const sections = [
    `# ${title}`,
    `Fixes #2022.\n\n${what}`,
    section('Why', why),
    section('Design', design.map((line, index) => `${index + 1}. ${line}`).join('\n')),
    section('Why an engine class is needed', whyEngine),
    section('The commits', commits(facts, gates, figures)),
    section('The answers to #2022', answers()),
    section('Try it without hardware', trial(facts)),
    section('Test evidence', tests(facts, figures)),
    section('Performance', performance(facts, figures)),
    section('Compatibility', compatibility(facts, figures)),
    section('What is not done', list([...notDone, ...untried(facts)])),
    facts.changes && facts.version > 1
      ? section(`Changes since version ${facts.version - 1}`, figures.quote(facts.changes.trim()))
      : undefined,
    section('What was looked at before it was sent', looks(gates, figures)),
  ]
  return figures.finish(`${sections.filter((part) => part !== undefined).join('\n\n')}\n`)
}

const section = (heading: string, text: string): string => `## ${heading}\n\n${text}`
const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')

function rows(heading: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heading), line(heading.map(() => '---')), ...body.map(line)].join('\n')
}

/** Whether a gate is open: what it stands for may be said then. */
const shown = (gates: readonly GateResult[], name: string): boolean =>
  gates.some((gate) => gate.name === name && gate.ok)

function commits(facts: BundleFacts, gates: readonly GateResult[], figures: Figures): string {
  const take = (pointer: string): string => figures.take('series.json', pointer, 'count')
  const table = facts.commits.map((_commit, index) => [
    String(index + 1),
    cell(figures.take('series.json', `/commits/${index}/subject`)),
  ])
  return [
    `Each says its problem and its solution${shown(gates, 'every-commit') ? ', and builds with and without scif' : ''}.`,
    rows(['', 'commit'], table),
    `In all they add ${take('/newLines')} lines in files of their own, and to files that are there ${take('/glue/src/added')} lines in \`src/\` (${take('/glue/src/removed')} taken away), ${take('/glue/build/added')} in the build systems, ${take('/glue/tests/added')} in the tests and ${take('/glue/doc/added')} in the documentation.`,
  ].join('\n\n')
}

function answers(): string {
  return rows(
    ['asked', 'answer', 'see'],
    points.map(({ asked, answer, paths }) => [
      cell(asked),
      cell(answer),
      paths.map((path) => `\`${path}\``).join(', '),
    ]),
  )
}

function trial({ project }: BundleFacts): string {
  if (project === undefined)
    return 'No Xeon Phi is needed, only a libscif: SoftSCIF, a libscif in user space with the same ABI and behaviour, stands in for Intel’s.'
  return `No Xeon Phi is needed: SoftSCIF, a libscif in user space with the same ABI and behaviour, stands in for Intel's.

    git clone ${project} zeromq-scif && cd zeromq-scif
    ./build --release master
    ./build check --release master

The second fetches libzmq, applies this series and builds both; the third runs libzmq's tests on it, as they are and over \`scif://\`.`
}

function tests(facts: BundleFacts, figures: Figures): string {
  const { check } = facts.evidence
  if (!check) return 'There is no report of the tests.'
  const take = (pointer: string): string => figures.take('check.json', pointer, 'count')
  const table = check.suites.map((_suite, index) => [
    cell(figures.take('check.json', `/suites/${index}/title`)),
    take(`/suites/${index}/passed`),
    take(`/suites/${index}/failed`),
    take(`/suites/${index}/skipped`),
  ])
  return [
    `Run on ${figures.take('check.json', '/date', 'day')} on ${figures.take('check.json', '/machine/cpu')}, with ${figures.take('check.json', '/compiler')} and ${libscifName(check.libscif.kind)}: ${take('/totals/passed')} passed, ${take('/totals/failed')} failed, ${take('/totals/skipped')} skipped.`,
    rows(['', 'passed', 'failed', 'skipped'], table),
    ...proofs(facts, figures),
  ].join('\n\n')
}

function proofs({ evidence }: BundleFacts, figures: Figures): string[] {
  const found = evidence.prove?.proofs ?? []
  if (found.length === 0) return []
  const lines = found.map(
    (proof, index) =>
      `${proof.name}: ${figures.take('prove.json', `/proofs/${index}/detail`)}${proof.passed ? '' : ' (fails)'}`,
  )
  return [list(lines)]
}

/** The report puts the charts that matter most first; the others are in evidence/. */
const chartsShown = 3

function performance({ evidence }: BundleFacts, figures: Figures): string {
  const { perf } = evidence
  if (!perf) return 'There is no report of the performance.'
  const charts = perf.files.filter((file) => file.endsWith('.svg') && evidence.files.has(file))
  return [
    `Medians, with the quartiles, of interleaved runs of libzmq's own perf programs on ${figures.take('perf.json', '/machine/cpu')}, on ${figures.take('perf.json', '/date', 'day')}${perf.libscif.kind === 'soft' ? '. SoftSCIF moves bytes through shared memory: the figures tell what the code costs, not what a PCIe bus does' : ''}.`,
    ...(['throughput', 'latency'] as const).map((measure) => perfTable(perf, measure, figures)),
    ...shownCharts(charts.slice(0, chartsShown)),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** A pull request shows no image that is not uploaded, so say which are to be. */
function shownCharts(files: readonly string[]): string[] {
  const names = files.map((file) => `\`evidence/${file}\``).join(', ')
  return files.length === 0 ? [] : [`<!-- Drag the charts here, and delete this line: ${names} -->`]
}

type Perf = NonNullable<BundleFacts['evidence']['perf']>

function perfTable(perf: Perf, measure: 'throughput' | 'latency', figures: Figures): string {
  const results = perf.results
    .map((result, index) => ({ ...result, index }))
    .filter((result) => result.measure === measure)
  const transports = [...new Set(results.map((result) => result.transport))]
  const sizes = [...new Set(results.map((result) => result.size))].sort((a, b) => a - b)
  const unit = results[0]?.unit
  if (unit === undefined) return ''
  const format = measure === 'throughput' ? 'rate' : 'decimal'
  const table = sizes.map((size) => {
    const any = results.find((result) => result.size === size)
    return [
      figures.take('perf.json', `/results/${any?.index}/size`, 'count'),
      ...transports.map((transport) => {
        const one = results.find((each) => each.size === size && each.transport === transport)
        if (!one) return ''
        const take = (field: string): string =>
          figures.take('perf.json', `/results/${one.index}/${field}`, format)
        return `${take('median')} (${take('low')} – ${take('high')})`
      }),
    ]
  })
  return rows([`${measure}, ${unit}, by bytes of a message`, ...transports], table)
}

function compatibility({ evidence }: BundleFacts, figures: Figures): string {
  const { verify } = evidence
  if (!verify) return 'There is no report of other releases.'
  const said = (one: VerifyCell, index: number): string[] => {
    const take = (field: string): string =>
      figures.take('verify.json', `/cells/${index}${field}`, 'count')
    return [
      figures.take('verify.json', `/cells/${index}/release`),
      one.buildSystem ?? '',
      one.others ? 'and every other' : one.scif === undefined ? '' : one.scif ? 'yes' : 'no',
      figures.take('verify.json', `/cells/${index}/status`),
      one.tests ? `${take('/tests/passed')} passed, ${take('/tests/skipped')} skipped` : '',
      one.symbolsEqual === undefined ? '' : one.symbolsEqual ? 'upstream’s' : '**differ**',
      one.reason === undefined ? '' : cell(figures.take('verify.json', `/cells/${index}/reason`)),
    ]
  }
  const apart = verify.releases.flatMap((one, index) => {
    if (verify.cells.some((each) => each.release === one.release)) return []
    const take = (field: string): string =>
      cell(figures.take('verify.json', `/releases/${index}/${field}`))
    const reason = one.reason === undefined ? '' : take('reason')
    return [[take('release'), '', '', take('status'), '', '', reason]]
  })
  return [
    'The same sources, with edits of upstream’s files fitted where releases differ.',
    rows(
      ['libzmq', 'build system', 'scif', 'state', 'test programs', 'exported symbols', ''],
      [...verify.cells.map((one, index) => said(one, index)), ...apart],
    ),
  ].join('\n\n')
}

const libscifName = (kind: 'soft' | 'real'): string =>
  kind === 'soft' ? 'SoftSCIF' : 'Intel’s libscif'

/** What the evidence does not cover. */
function untried({ evidence }: BundleFacts): string[] {
  const kinds = [evidence.check?.libscif.kind, evidence.perf?.libscif.kind]
  if (kinds.includes('real')) return []
  return [
    'It was not run on a Xeon Phi for this report. SoftSCIF was held against the driver’s documented and measured behaviour, but it is not the driver, and no PCIe bus.',
  ]
}

function looks(gates: readonly GateResult[], figures: Figures): string {
  const take = (pointer: string): string => cell(figures.take('gates.json', pointer))
  const table = gates.map((gate, index) => {
    if (gate.ok) return [cell(gate.title), take(`/${index}/sentence`)]
    const all = gate.waived === undefined ? '' : ` Sent all the same: ${take(`/${index}/waived`)}`
    return [cell(gate.title), `**No.** ${take(`/${index}/sentence`)}${all}`]
  })
  return rows(['', ''], table)
}
