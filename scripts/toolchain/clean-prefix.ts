// SPDX-License-Identifier: MPL-2.0
import { existsSync, rmdirSync, rmSync } from 'node:fs'
import { buildRecord, installedFiles, listFiles, removeFiles } from './install-prefix.ts'
import { removeSoftscif } from './softscif.ts'

/**
 * Removes from a prefix what the toolkit has installed into it.
 * @returns what is left because somebody else has put it there, relative to the prefix
 */
export function cleanPrefix(prefix: string): string[] {
  removeSoftscif(prefix)
  removeFiles(prefix, [...installedFiles(prefix), buildRecord, `${buildRecord}.old`])
  rmSync(`${prefix}.inputs.json`, { force: true })
  if (!existsSync(prefix)) return []
  const left = listFiles(prefix)
  if (left.length === 0) rmSync(prefix, { recursive: true, force: true })
  return left
}

/** Removes a folder if it is empty. */
export function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) throw error
  }
}
