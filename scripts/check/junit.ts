// SPDX-License-Identifier: MPL-2.0
import { xml } from '../ui/xml.ts'
import type { CheckReport, SuiteReport } from './report.ts'

/** The report as JUnit's XML: a suite per way of running, a case per program. */
export function junit(report: Pick<CheckReport, 'suites'>): string {
  const suites = report.suites.map(suite).join('')
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="check">\n${suites}</testsuites>\n`
}

function suite({ id, passed, failed, skipped, programs }: SuiteReport): string {
  const seconds = programs.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000
  const counts = `tests="${passed + failed + skipped}" failures="${failed}" skipped="${skipped}"`
  const cases = programs.map(({ program, status, text, milliseconds, output }) => {
    const time = `time="${(milliseconds / 1000).toFixed(3)}"`
    const head = `    <testcase classname="check.${id}" name="${xml(program)}" ${time}`
    if (status === 'passed') return `${head}/>\n`
    const body =
      status === 'skipped'
        ? `<skipped message="${xml(text)}"/>`
        : `<failure message="${xml(text)}">${xml(output ?? '')}</failure>`
    return `${head}>${body}</testcase>\n`
  })
  const head = `  <testsuite name="${xml(id)}" ${counts} time="${seconds.toFixed(1)}">\n`
  return `${head}${cases.join('')}  </testsuite>\n`
}
