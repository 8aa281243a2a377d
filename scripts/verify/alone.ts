// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { withLock } from '../system/lock.ts'
import { ExitCode, UserError } from '../ui/errors.ts'

/** Does the work while no other run verifies in the same folder; a second one waits for the first. */
export function alone<T>(
  dir: string,
  { signal, line }: { signal: AbortSignal; line(text: string): void },
  work: () => Promise<T>,
): Promise<T> {
  const options = {
    wait: 30 * 60_000,
    signal,
    waiting: (pid: number) => line(`waiting for process ${pid}, which verifies in ${dir}`),
    busy: (pid: number) =>
      new UserError({
        message: `Process ${pid} has been verifying in ${dir} for half an hour.`,
        hint: 'Wait for it, end it, or verify elsewhere: --out <dir>',
        exitCode: ExitCode.checkFailed,
      }),
  }
  return withLock(join(dir, '.lock'), options, work)
}
