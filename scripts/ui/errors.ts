// SPDX-License-Identifier: MPL-2.0

/** What the process ends with; documented in the README. */
export const ExitCode = {
  done: 0,
  /** A check failed: does not apply, does not build, a test failed, a gate closed. */
  checkFailed: 1,
  /** Wrong usage, or a manifest with mistakes. */
  usage: 2,
  /** Something that is needed is missing on the machine. */
  missing: 3,
  /** A source could not be had, or does not match its pin. */
  source: 4,
  interrupted: 130,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export interface UserErrorOptions {
  /** One sentence: what is wrong. */
  message: string
  /** What to type or do next; may have several lines. */
  hint: string
  exitCode: ExitCode
  /** Further facts, printed between message and hint: log tails, expected/actual. */
  details?: string
  cause?: unknown
}

/**
 * An error that a user can cause or cure: printed as a sentence and a hint, without a stack.
 * Anything else that is thrown is a bug and shows its stack.
 */
export class UserError extends Error {
  readonly hint: string
  readonly exitCode: ExitCode
  readonly details: string | undefined

  constructor(options: UserErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'UserError'
    this.hint = options.hint
    this.exitCode = options.exitCode
    this.details = options.details
  }
}
