// SPDX-License-Identifier: MPL-2.0
import { rm } from 'node:fs/promises'
import { chain, checkOut, type Found, type ProverOptions, withCcache, withScif } from './prover.ts'

/**
 * Upstream's first lane: what `make dist` packs has to build, pass and clean up after itself.
 * Tests that fail on this machine without the series, too (a transport whose kernel module is
 * not there), are expected to fail in a second run, which then has to go through to its end.
 */
export async function proveDistcheck(given: ProverOptions): Promise<Found> {
  const options = withScif(given)
  const command = 'make distcheck DISTCHECK_CONFIGURE_FLAGS=--with-scif'
  const compiler = `CXX=${await withCcache(options, 'c++')}`
  const source = await checkOut(options, 'distcheck')
  const flags = [`--with-scif=${options.scif.prefix}`, '--without-docs']
  const distcheck = (...more: string[]): string[] => [
    ...['make', `-j${options.jobs}`, 'distcheck'],
    `DISTCHECK_CONFIGURE_FLAGS=${flags.join(' ')} '${compiler}'`,
    ...more,
  ]
  const configured = await chain(
    [['./autogen.sh'], ['./configure', ...flags, compiler]],
    source,
    options,
  )
  if (configured.failed) return { passed: false, command, detail: configured.failed }
  let done = await chain([distcheck()], source, options)
  const failing = done.failed ? failedTests(done.output) : []
  if (failing.length > 0) {
    const anyway = await failingWithout(options, failing, compiler)
    const own = failing.filter((test) => !anyway.includes(test))
    if (own.length > 0)
      return {
        passed: false,
        command,
        detail: `only with the series this machine fails ${own.join(', ')}`,
      }
    done = await chain([distcheck(`XFAIL_TESTS=${failing.join(' ')}`)], source, options)
  }
  if (done.failed) return { passed: false, command, detail: done.failed }
  await rm(source, { recursive: true, force: true })
  return { passed: true, command, detail: sayCounts(done.output, failing) }
}

/** The tests that an Automake run says have failed: "tests/test_pair_vsock". */
export function failedTests(output: string): string[] {
  return [...new Set([...output.matchAll(/^FAIL: (\S+)$/gm)].map((match) => match[1] ?? ''))].sort()
}

/** Which of these tests fail on the base as well. */
async function failingWithout(
  options: ProverOptions,
  tests: readonly string[],
  compiler: string,
): Promise<string[]> {
  const source = await checkOut(options, 'base', options.base)
  const commands = [['./autogen.sh'], ['./configure', '--without-docs', compiler]]
  const built = await chain([...commands, ['make', `-j${options.jobs}`]], source, options)
  const failing: string[] = []
  for (const test of built.failed ? [] : tests) {
    // One by one: a test that the base does not have is the series' own.
    const { output } = await chain([['make', 'check', `TESTS=${test}`]], source, options)
    failing.push(...failedTests(output).filter((each) => each === test))
  }
  await rm(source, { recursive: true, force: true })
  return failing
}

/** What Automake has summed up. */
function sayCounts(output: string, anyway: readonly string[]): string {
  const sum = (what: string): number =>
    [...output.matchAll(new RegExp(`^# ${what}: +(\\d+)$`, 'gm'))].reduce(
      (all, [, count]) => all + Number(count),
      0,
    )
  const counts = `${sum('PASS')} test programs passed, ${sum('SKIP')} were skipped`
  if (anyway.length === 0) return counts
  return `${counts}; without the series, too, this machine fails ${anyway.join(', ')}`
}
