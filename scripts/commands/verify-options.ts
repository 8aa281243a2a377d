// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { releases as pins } from '../upstream/releases.ts'
import type { CommandInput } from './command.ts'
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
