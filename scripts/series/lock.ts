// SPDX-License-Identifier: MPL-2.0
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'

interface Holder {
  pid: number
  /** Start of the process in the kernel's ticks, so that a reused pid is told apart. */
  started?: string
}

/**
 * Does the work while holding a lock file. A lock whose process is gone is taken over; one that
 * is held is a UserError (exit code 1) that names the holder.
 */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const started = await startOf(process.pid)
  const me: Holder = { pid: process.pid, ...(started ? { started } : {}) }
  const own = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`
  await writeFile(own, `${JSON.stringify(me)}\n`)
  try {
    await take(path, own, what)
  } finally {
    await rm(own, { force: true })
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string, own: string, what: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    // A link appears with its content at once, unlike a file that is created and then written.
    const taken = await link(own, path).then(
      () => true,
      (error) => {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
        throw error
      },
    )
    if (taken) return
    const holder = await readHolder(path)
    if (holder === undefined) continue
    if (await isAlive(holder)) {
      throw new UserError({
        message: `Another ./build (process ${holder.pid}) is at work on ${what}.`,
        hint: 'Wait until it has ended, then type the command again.',
        exitCode: ExitCode.checkFailed,
      })
    }
    // Moved away rather than removed: should another run have taken over in between, it is put back.
    const aside = `${own}.stale`
    const moved = await rename(path, aside).then(
      () => true,
      () => false,
    )
    if (!moved) continue
    const found = await readHolder(aside)
    if (found && (await isAlive(found))) await link(aside, path).catch(() => {})
    await rm(aside, { force: true })
  }
  throw new UserError({
    message: `The lock of ${what} changes hands too fast to be taken.`,
    hint: 'Let one ./build run at a time on the same release.',
    exitCode: ExitCode.checkFailed,
  })
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Holder)
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return holder.started === undefined || holder.started === (await startOf(holder.pid))
}

/** Field 22 of /proc/<pid>/stat; undefined where there is no such file. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name in parentheses may hold anything; the fields behind it are plain.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
