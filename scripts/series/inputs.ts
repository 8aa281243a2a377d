// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Input } from './types.ts'

/** A file that the series might use. */
export interface FoundFile {
  label: string
  path: string
  executable: boolean
  /** When they are not those on the disk. */
  bytes?: Buffer
}

/** Files, by absolute path, as they are to be rather than as they are; null for one to be gone. */
export type Overlay = ReadonlyMap<string, { bytes: Buffer; executable: boolean } | null>

/**
 * All files below a folder by their path in it, with "/"; names that begin with "." are none of
 * the series. A folder that does not exist has none.
 */
export async function findFiles(
  dir: string,
  root: string,
  overlay: Overlay = new Map(),
): Promise<Map<string, FoundFile>> {
  const found = new Map<string, FoundFile>()
  const slashes = (path: string): string => path.split(sep).join('/')
  const add = (path: string, more: Omit<FoundFile, 'label' | 'path'>): void => {
    found.set(slashes(relative(dir, path)), { label: slashes(relative(root, path)), path, ...more })
  }
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
      if (folder === dir && (error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    })
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory()) await walk(path)
      else if (!overlay.has(path)) {
        add(path, { executable: ((await stat(path)).mode & 0o100) !== 0 })
      }
    }
  }
  await walk(dir)
  for (const [path, file] of overlay) {
    if (file && path.startsWith(`${dir}${sep}`)) add(path, file)
  }
  return found
}

/** Reads a file of the series whole. */
export async function readInput(file: FoundFile): Promise<Input> {
  const bytes = file.bytes ?? (await readFile(file.path))
  return { label: file.label, path: file.path, bytes, sha256: sha256(bytes) }
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
