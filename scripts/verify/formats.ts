// SPDX-License-Identifier: MPL-2.0
import { xml } from '../ui/xml.ts'
import { sayPlan, type VerifyReport } from './report.ts'
import type { Check, Status } from './types.ts'

/** The report as JUnit's XML: a suite per release and per cell, a case per check. */
export function junit(report: VerifyReport): string {
  const suites = [
    ...report.releases.map((one) => ({ ...one, name: one.release, milliseconds: 0 })),
    ...report.cells.map((one) => ({ ...one, name: one.id })),
  ].map(({ name, status, reason, checks, milliseconds }) =>
    suite(name, status, reason, checks, milliseconds / 1000),
  )
  const variants: Check[] = report.variants.map(({ slug, releases, verdict, because }) => ({
    name: `${slug} for ${releases}`,
    passed: verdict !== 'unneeded',
    detail: `${verdict}: ${because}`,
  }))
  if (variants.length > 0) suites.push(suite('variants', 'passed', undefined, variants, 0))
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="verify">\n${suites.join('')}</testsuites>\n`
}

function suite(
  name: string,
  status: Status,
  reason: string | undefined,
  checks: readonly Check[],
  seconds: number,
): string {
  const untried = status === 'unavailable' || status === 'unsupported'
  const cases = untried
    ? [`    <testcase name="${status}"><skipped message="${xml(reason ?? '')}"/></testcase>\n`]
    : checks.map((check) => testcase(name, check))
  const failures = checks.filter((check) => !check.passed).length
  const counts = `tests="${cases.length}" failures="${failures}" skipped="${untried ? 1 : 0}"`
  const head = `  <testsuite name="${xml(name)}" ${counts} time="${seconds.toFixed(1)}">\n`
  return `${head}${cases.join('')}  </testsuite>\n`
}

function testcase(suiteName: string, { name, passed, detail, more }: Check): string {
  const head = `    <testcase classname="verify.${xml(suiteName)}" name="${xml(name)}"`
  const body = passed
    ? `<system-out>${xml(detail)}</system-out>`
    : `<failure message="${xml(detail)}">${xml(more ?? '')}</failure>`
  return `${head}>${body}</testcase>\n`
}

/** GitHub's workflow commands, which show a failure at its place in the sources. */
export function annotations(report: VerifyReport): string[] {
  const data = (text: string) =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const line = (title: string, text: string, place?: Check['place']) => {
    const file = place ?? { file: 'patches/series.yaml', line: 1 }
    const where = `file=${property(file.file)},line=${file.line}`
    return `::error ${where},title=${property(title)}::${data(text)}`
  }
  const failed = [
    ...report.releases.map(({ release, checks }) => ({ name: release, checks })),
    ...report.cells.map(({ id, checks }) => ({ name: id, checks })),
  ].flatMap(({ name, checks }) =>
    checks
      .filter((check) => !check.passed)
      .map((check) =>
        line(
          `verify ${name}: ${check.name}`,
          [check.detail, check.more].filter(Boolean).join('\n'),
          check.place,
        ),
      ),
  )
  const unneeded = report.variants
    .filter(({ verdict }) => verdict === 'unneeded')
    .map(({ slug, releases, because }) =>
      line('verify: variant', `The variant of ${slug} for ${releases} is not needed: ${because}`),
    )
  return [...failed, ...unneeded]
}

const marks: Record<Status, string> = {
  passed: 'passed',
  failed: '**failed**',
  unsupported: 'not supported',
  unavailable: 'not to be had',
}

/** A Markdown table of rows, with its cells made harmless. */
export function markdownTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [row(heading), row(heading.map(() => '---')), ...rows.map(row)].join('\n')
}

/** The report for a step summary, a comment or an issue. */
export function markdown(report: VerifyReport): string {
  const { releases, cells, variants, series, date, compiler } = report
  const rows = releases.flatMap((release) => {
    const own = cells.filter((cell) => cell.release === release.release)
    if (own.length === 0)
      return [[release.release, code(release.tree), '-', '-', '-', marks[release.status]]]
    return own.map((cell) => [
      release.release,
      code(release.tree),
      cell.buildSystem,
      sayPlan(cell),
      cell.tests
        ? `${cell.tests.passed} passed, ${cell.tests.failed} failed, ${cell.tests.skipped} skipped`
        : '-',
      marks[cell.status],
    ])
  })
  const failures = [
    ...releases.map((one) => ({ ...one, name: one.release })),
    ...cells.map((one) => ({ ...one, name: one.id })),
  ].flatMap(({ name, status, reason, checks }) =>
    reason === undefined
      ? []
      : [`### ${name}: ${marks[status]}`, '', reason, ...fenced(checks), ''],
  )
  const repairs = releases.flatMap(({ release, repair }) =>
    repair
      ? [`${release}, merged by --3way: ${repair.merged ? 'yes' : 'no'}; ${repair.reason}`, '']
      : [],
  )
  const unneeded = variants
    .filter(({ verdict }) => verdict === 'unneeded')
    .map((one) => `- ${one.slug}, variant for ${one.releases}: ${one.because}: drop it`)
  return [
    `## verify: ${report.passed ? 'passed' : 'failed'}`,
    '',
    `Series ${series.name}, version ${series.version}; ${date}; ${compiler}.`,
    '',
    markdownTable(['release', 'tree', 'built by', 'scif', 'tests', 'result'], rows),
    '',
    ...failures,
    ...repairs,
    ...(unneeded.length > 0 ? ['### Variants that are not needed', '', ...unneeded, ''] : []),
  ].join('\n')
}

const code = (id: string): string => (id === '' ? '-' : `\`${id.slice(0, 12)}\``)

function fenced(checks: readonly Check[]): string[] {
  return checks
    .filter((check) => !check.passed && check.more)
    .flatMap((check) => ['', '```', (check.more ?? '').replaceAll('```', "'''"), '```'])
}
