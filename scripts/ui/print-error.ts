// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from './errors.ts'

/** Terminal colours, or none. */
export interface Paint {
  red(text: string): string
  dim(text: string): string
  bold(text: string): string
}

const plain = (text: string) => text
const sgr = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`

/** Colours only for a terminal, and never when NO_COLOR is set (https://no-color.org). */
export function paintFor(isTerminal: boolean, noColor: string | undefined): Paint {
  return isTerminal && !noColor
    ? { red: sgr(31, 39), dim: sgr(2, 22), bold: sgr(1, 22) }
    : { red: plain, dim: plain, bold: plain }
}

/** The text for standard error, and the exit code that goes with it. */
export function describeError(error: unknown, paint: Paint): { text: string; exitCode: ExitCode } {
  if (error instanceof UserError) {
    const details = error.details === undefined ? '' : `${indent(paint.dim(error.details))}\n`
    return {
      text: `${paint.red('error:')} ${error.message}\n${details}${indent(error.hint)}\n`,
      exitCode: error.exitCode,
    }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const cause =
    error instanceof Error && error.cause instanceof Error ? `\nbecause: ${error.cause.stack}` : ''
  return {
    text:
      `${paint.red('bug:')} the toolkit itself failed; please report it with the lines below.\n` +
      `${indent(stack + cause)}\n`,
    exitCode: ExitCode.checkFailed,
  }
}

function indent(text: string): string {
  return text.trimEnd().replace(/^(?=.)/gm, '  ')
}
