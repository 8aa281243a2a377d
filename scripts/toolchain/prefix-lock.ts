// SPDX-License-Identifier: MPL-2.0
import { withLock } from '../system/lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'

/** A second build into the same prefix waits for the first, and then most often has nothing to do. */
export function withPrefix<T>(
  prefix: string,
  handle: StepHandle,
  work: () => Promise<T>,
): Promise<T> {
  const options = {
    wait: 30 * 60_000,
    signal: handle.signal,
    waiting: (pid: number) =>
      handle.line(`waiting for process ${pid}, which builds into ${prefix}`),
    busy: (pid: number) =>
      new UserError({
        message: `Process ${pid} has been building into ${prefix} for half an hour.`,
        hint: 'Wait for it, end it, or build elsewhere: --out <dir>',
        exitCode: ExitCode.checkFailed,
      }),
  }
  return withLock(`${prefix}.lock`, options, work)
}
