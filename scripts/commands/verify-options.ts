// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { releases as pins } from '../upstream/releases.ts'
import type { BuildSystem, CommandInput } from './command.ts'
import { parseRelease } from './options.ts'

/** The releases that are meant: those named, or all supported, and master where there is a repository. */
export function releasesOf({ options, extra }: CommandInput): string[] {
  if (typeof extra.releases === 'string') {
    if (options.release !== undefined)
      throw wrong('--release and --releases exclude each other.', 'Give one of them.')
    const names = extra.releases.split(',').map((name) => name.trim())
    if (names.includes('')) throw wrong('--releases has an empty name.', 'For example: 4.3.4,4.3.5')
    return [...new Set(names.map(parseRelease))]
  }
  if (options.release !== undefined) return [options.release]
  const known = pins.map((pin) => pin.name)
  return options.source.kind === 'git' ? ['master', ...known] : known
}

/** Both build systems, unless one was asked for. */
export function systemsOf({ options, extra }: CommandInput): readonly BuildSystem[] {
  return extra['build-system'] === undefined ? ['autotools', 'cmake'] : [options.buildSystem]
}

/** Options that say different things end the command (exit code 2). */
export function checkOptions({ options, extra }: CommandInput): void {
  const given = (name: string) => extra[name] !== undefined
  if (given('new') && (options.release !== undefined || given('releases')))
    throw wrong(
      '--new looks itself which releases there are.',
      'Leave --release and --releases out.',
    )
  if (given('good') && !given('bisect'))
    throw wrong('--good is for --bisect.', 'For example: ./build verify --bisect --good 4.3.5')
  const others = ['new', 'releases', 'cells', 'every-commit', '3way', 'again', 'write-docs']
  const other = others.find(given)
  if (given('bisect') && other)
    throw wrong(`--bisect and --${other} exclude each other.`, 'Give one of them.')
  const partial = ['no-build', 'new', '3way'].find(given)
  if (given('write-docs') && partial)
    throw wrong(
      `--write-docs needs what was built, as upstream has it; --${partial} is something else.`,
      'Leave it out.',
    )
}

/** --cells: which builds of the matrix; all without it. */
export function patternOf(text: unknown): RegExp {
  if (typeof text !== 'string') return /(?:)/
  try {
    return new RegExp(text)
  } catch (error) {
    throw new UserError({
      message: `--cells ${JSON.stringify(text)} is not a regular expression.`,
      details: String(error),
      hint: 'For example: --cells cmake-scif',
      exitCode: ExitCode.usage,
    })
  }
}

function wrong(message: string, hint: string): UserError {
  return new UserError({ message, hint, exitCode: ExitCode.usage })
}
