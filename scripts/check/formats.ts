// SPDX-License-Identifier: MPL-2.0
import { duration } from '../ui/run-steps.ts'
import { table } from '../ui/table.ts'
import { markdownTable } from '../verify/formats.ts'
import type { ExplainedList } from './explained.ts'
import { type CheckReport, count } from './report.ts'

const heading = ['', 'passed', 'failed', 'skipped']

function suiteRows(report: Pick<CheckReport, 'suites'>): string[][] {
  return report.suites.map(({ title, passed, failed, skipped }) => [
    title,
    String(passed),
    String(failed),
    String(skipped),
  ])
}

/** "58 programs and 241 cases passed over scif://, by 312 calls that were rewritten" */
export function scifSentence({ scif, explained }: Pick<CheckReport, 'scif' | 'explained'>): string {
  if (!scif) return 'Nothing was run over scif://.'
  const { programs, wholly, cases, calls, floor } = scif
  const rest = programs - wholly
  const left = rest > 0 ? ` (${rest} of them but for cases that are explained)` : ''
  const least = floor === null ? '' : `; at least ${floor} have to`
  return `Over scif:// ${count(programs, 'program')}${left} with ${count(cases, 'case')} passed by ${count(calls, 'rewritten call')}${least}. Explained: ${describeExplained(explained)}.`
}

function describeExplained(explained: CheckReport['explained']): string {
  const whole = explained.filter(({ cases }) => !cases).length
  const cases = explained.reduce((sum, one) => sum + (one.cases?.length ?? 0), 0)
  return `${count(whole, 'whole program')}, ${count(cases, 'case')} of ${count(explained.length - whole, 'other')}`
}

/** For people, on standard output. */
export function checkText(report: CheckReport): string {
  const { failures, flaky, version, release, libscif, milliseconds } = report
  const name = version === release ? version : `${version} (${release})`
  const failed = failures.map(({ program, lane, text }) => `FAILED ${program} (${lane}): ${text}`)
  const unsteady = flaky.map(
    ({ program, lane }) => `flaky  ${program} (${lane}) passed when run again by itself`,
  )
  return [
    `libzmq ${name}, ${report.buildSystem}, libscif: ${libscif.version ?? libscif.kind}, ${duration(milliseconds)}`,
    '',
    table(heading, suiteRows(report)),
    '',
    scifSentence(report),
    ...(failed.length + unsteady.length > 0 ? ['', ...failed, ...unsteady] : []),
  ].join('\n')
}

/** The whole report, program by program. */
export function checkMarkdown(report: CheckReport, kinds: ExplainedList['kinds']): string {
  const { release, version, tree, route, seriesHash, compiler, libscif, machine } = report
  const lines = [
    `# check: libzmq ${release}, ${report.passed ? 'passed' : 'failed'}`,
    '',
    `libzmq ${version}, tree \`${tree.slice(0, 12)}\` by ${route}; series \`${seriesHash.slice(0, 12)}\`${report.edited ? ', with edits' : ''}; ${report.buildSystem}, ${compiler}; libscif ${libscif.version ?? libscif.kind}; ${machine.cpu}, ${machine.kernel}; ${report.date}; ${duration(report.milliseconds)}.`,
    '',
    markdownTable(['suite', ...heading.slice(1)], suiteRows(report)),
    '',
    scifSentence(report),
    '',
    'Made by:',
    '',
    ...report.commands.map((command) => `    ${command}`),
  ]
  if (report.failures.length > 0)
    lines.push(
      ...['', '## Failures', ''],
      ...report.failures.map(({ program, lane, text }) => `- ${program} (${lane}): ${text}`),
    )
  for (const { title, programs } of report.suites)
    lines.push(
      ...['', `## ${title}`, ''],
      markdownTable(
        ['program', 'result', '', 'seconds'],
        programs.map(({ program, status, text, milliseconds }) => [
          ...[program, status, text, (milliseconds / 1000).toFixed(1)],
        ]),
      ),
    )
  lines.push('', '## Explained', '')
  for (const [kind, what] of Object.entries(kinds))
    lines.push(
      `${what}:`,
      '',
      ...report.explained
        .filter((one) => one.kind === kind)
        .map(({ program, cases, why }) => {
          return `- ${program}${cases ? ` (${cases.join(', ')})` : ''}: ${why}`
        }),
      '',
    )
  return `${lines.join('\n').trimEnd()}\n`
}
