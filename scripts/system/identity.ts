// SPDX-License-Identifier: MPL-2.0
import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * A name for this process that no other process has, now or later, on this machine: host and
 * pid namespace, pid, start time. It stands in lock files and in the names of temporary folders,
 * so that the next run can tell what a killed one has left.
 */
export function processName(): string {
  return [place(), process.pid, statOf(process.pid).start].join('.')
}

/** processName with a random tail: for one of many things of this process. */
export function uniqueName(): string {
  return `${processName()}.${randomBytes(4).toString('hex')}`
}

/**
 * True when the process of that name (or unique name) is certainly gone; false also where that
 * cannot be known from here, because it is one of another machine or container.
 */
export function isGone(name: string): boolean {
  const [where, pid, start] = name.split('.')
  if (where !== place() || !/^\d+$/.test(pid ?? '')) return false
  return !isAlive(Number(pid)) || statOf(Number(pid)).start !== start
}

/** The pid in a name that processName or uniqueName made. */
export function pidOf(name: string): number {
  return Number(name.split('.')[1])
}

function place(): string {
  const host = hostname().replaceAll(/[^A-Za-z0-9-]/g, '-')
  return `${host}-${attempt(() => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]) ?? '0'}`
}

/** State and start time, in clock ticks since boot, of a process; empty and "0" without a /proc. */
function statOf(pid: number): { state: string; start: string } {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The name of the program, in parentheses, may itself have blanks and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return { state: fields[0] ?? '', start: fields[19] ?? '0' }
}

function isAlive(pid: number): boolean {
  // A killed process whose parent has not looked yet is still in the table.
  if (statOf(pid).state === 'Z') return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
