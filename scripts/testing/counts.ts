// SPDX-License-Identifier: MPL-2.0

/** What a stage of ./test has found. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
  /** One line per failure. */
  failures: readonly string[]
}

export const nothing: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] }

export function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  }
}

export function failure(line: string): Counts {
  return { passed: 0, failed: 1, skipped: 0, failures: [line] }
}

/** "3 passed, 0 failed, 1 skipped" */
export function sentence({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/**
 * The closing lines of uvu. An exit code other than 0 is a failure even when all tests passed: an
 * error thrown late. No closing lines, or no test at all, is a failure, too.
 */
export function parseUvu(output: string, exitCode: number | null): Counts {
  const number = (name: string) => {
    const match = new RegExp(`^ {2}${name}: +(\\d+)$`, 'm').exec(plain(output))
    return match?.[1] === undefined ? undefined : Number(match[1])
  }
  const total = number('Total')
  const passed = number('Passed')
  const skipped = number('Skipped')
  if (total === undefined || passed === undefined || skipped === undefined)
    return failure(`uvu ended with exit code ${exitCode} before it had run all tests`)
  const failures = [...plain(output).matchAll(/^ {3}FAIL {2}(.+)$/gm)].map((m) => m[1] ?? '')
  const failed = total - passed
  if (total === 0) return failure('uvu found no test')
  if (exitCode !== 0 && failed === 0)
    return {
      passed,
      failed: 1,
      skipped,
      failures: ['an error was thrown outside of any test, see the log'],
    }
  return { passed, failed, skipped, failures }
}

/** ctest's lines, one per program: "1/3 Test #1: name ..... Passed 0.1 sec". */
export function parseCtest(output: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] as string[] }
  const lines = /^\s*\d+\/(\d+) Test +#\d+: (\S+) \.*\s*(?:\*\*\*)?\s*([A-Z][A-Za-z ]*)/gm
  let announced = 0
  for (const [, total, name = '', verdict = ''] of output.matchAll(lines)) {
    announced = Number(total)
    if (/^Passed/.test(verdict)) counts.passed++
    else if (/^Skipped/.test(verdict)) counts.skipped++
    else {
      counts.failed++
      counts.failures.push(`${name}: ${verdict.trim()}`)
    }
  }
  const seen = counts.passed + counts.failed + counts.skipped
  if (seen === 0) return failure('ctest ran no test')
  return seen === announced
    ? counts
    : add(counts, failure(`ctest announced ${announced} tests and ran ${seen}`))
}

/**
 * TAP: a line per test, and a plan that says how many there are. Output that was cut short, or a
 * program that ended badly although every line is well, is a failure. A failure that is marked
 * TODO is a known defect: it counts as skipped, since it has proven nothing.
 */
export function parseTap(output: string, exitCode: number | null): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] as string[] }
  let planned: number | undefined
  for (const line of output.split('\n')) {
    const plan = /^1\.\.(\d+)/.exec(line)?.[1]
    if (plan !== undefined) planned = Number(plan)
    const [, not, rest = ''] = /^(not )?ok\b *(.*)$/.exec(line) ?? []
    if (!/^(not )?ok\b/.test(line)) continue
    if (/ # (SKIP|TODO)\b/i.test(rest) && (not === undefined ? / # SKIP\b/i.test(rest) : true))
      counts.skipped++
    else if (not === undefined) counts.passed++
    else {
      counts.failed++
      counts.failures.push(rest.replace(/^\d+ (- )?/, ''))
    }
  }
  const seen = counts.passed + counts.failed + counts.skipped
  if (planned === undefined) return add(counts, failure(`no TAP plan; exit code ${exitCode}`))
  if (seen !== planned)
    return add(
      counts,
      failure(`${planned} tests were announced, ${seen} ran; exit code ${exitCode}`),
    )
  if (exitCode !== 0 && counts.failed === 0)
    return add(counts, failure(`every test is well, but the exit code is ${exitCode}`))
  return counts
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  return text.replace(/\u001b\[[\d;]*m/g, '')
}
