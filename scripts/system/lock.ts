// SPDX-License-Identifier: MPL-2.0
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UserError } from '../ui/errors.ts'
import { isGone, pidOf, processName, uniqueName } from './identity.ts'

export interface LockOptions {
  /** Milliseconds to wait for another holder; 0 gives up at once. */
  wait: number
  signal: AbortSignal
  /** The error when it gives up; `pid` is the holder's. */
  busy: (pid: number) => UserError
  /** Told once, when it begins to wait. */
  waiting?: ((pid: number) => void) | undefined
}

/**
 * Does the work while holding a lock file. The lock of a process that was killed is taken over;
 * one whose holder cannot be seen from here (another machine or container) counts as held.
 */
export async function withLock<T>(
  file: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true })
  const deadline = Date.now() + options.wait
  let told = false
  while (!(await take(file))) {
    const holder = await readFile(file, 'utf8').catch(() => undefined)
    if (holder === undefined) continue
    if (isGone(holder)) {
      await dropStale(file, holder)
      continue
    }
    if (Date.now() >= deadline) throw options.busy(pidOf(holder))
    if (!told) options.waiting?.(pidOf(holder))
    told = true
    await sleep(100, undefined, { signal: options.signal })
  }
  try {
    return await work()
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

/** Removes the lock of a process that is gone, unless another run has just taken it over. */
async function dropStale(file: string, holder: string): Promise<void> {
  const aside = `${file}.${uniqueName()}`
  const moved = await rename(file, aside).then(
    () => true,
    () => false,
  )
  if (!moved) return
  // Between the look and the rename the lock may have become another run's: it is given back.
  if ((await readFile(aside, 'utf8')) !== holder) await link(aside, file).catch(() => {})
  await rm(aside, { force: true })
}
