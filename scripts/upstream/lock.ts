// SPDX-License-Identifier: MPL-2.0
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ExitCode, UserError } from '../ui/errors.ts'
import { isGone, processName, uniqueName } from './identity.ts'

export interface LockOptions {
  signal: AbortSignal
  /** Told once, when another run holds the lock. */
  waiting?: (() => void) | undefined
  /** Milliseconds until it gives up with a UserError. */
  timeout?: number
}

/**
 * Runs `use` while no other process runs it under the same lock file. The lock of a process that
 * was killed is taken over; one whose holder cannot be seen from here is waited for.
 */
export async function withLock<T>(
  file: string,
  options: LockOptions,
  use: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + (options.timeout ?? 600_000)
  for (let first = true; !(await take(file)); first = false) {
    if (await dropStale(file)) continue
    if (first) options.waiting?.()
    if (Date.now() > deadline) {
      throw new UserError({
        message: `Another run has been holding ${file} for too long.`,
        hint: `Wait for it to end; if there is none: rm ${file}`,
        exitCode: ExitCode.source,
      })
    }
    await sleep(100, undefined, { signal: options.signal })
  }
  try {
    return await use()
  } finally {
    await rm(file, { force: true })
  }
}

/** The file appears whole, with its holder in it, or not at all. */
async function take(file: string): Promise<boolean> {
  const own = `${file}.${uniqueName()}`
  await writeFile(own, processName())
  try {
    await link(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(own, { force: true })
  }
}

/** Removes the lock of a process that is gone; true when the lock may be free now. */
async function dropStale(file: string): Promise<boolean> {
  const holder = await readFile(file, 'utf8').catch(() => undefined)
  if (holder === undefined) return true
  if (!isGone(holder)) return false
  const aside = `${file}.${uniqueName()}`
  try {
    await rename(file, aside)
  } catch {
    return true
  }
  // Between the look and the rename another run may have taken the lock: then it is given back.
  if ((await readFile(aside, 'utf8')) !== holder) await link(aside, file).catch(() => {})
  await rm(aside, { force: true })
  return true
}
