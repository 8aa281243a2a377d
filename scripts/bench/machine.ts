// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import type { Machine } from './report.ts'

/** What of a machine its figures depend on; its name is nobody's business. */
export function readMachine(loadBefore: number, loadAfter: number): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || arch(),
    cores: availableParallelism(),
    kernel: `Linux ${release().split('-')[0]} ${arch()}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    virtualization: /^flags\s*:.*\bhypervisor\b/m.test(read('/proc/cpuinfo'))
      ? 'virtual'
      : 'none seen',
    load: [loadBefore, loadAfter],
  }
}

/** Average load of the last minute. */
export function readLoad(): number {
  return loadavg()[0] ?? 0
}

/** Bytes that programs can have without swapping. */
export function availableMemory(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo'))
  return match ? Number(match[1]) * 1024 : totalmem() / 2
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
