// SPDX-License-Identifier: MPL-2.0
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isGone, uniqueName } from '../system/identity.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Overlay } from './inputs.ts'

/** Files that are being written; a dot begins them, so the series does not see them. */
const mark = '.export-'

/**
 * Writes each file whole, all of them in one go at the end: a kill leaves all or (nearly) nothing.
 * What the disk refuses is a UserError (exit code 3).
 */
export async function writeAll(overlay: Overlay): Promise<void> {
  const ready: [string, string][] = []
  try {
    for (const [path, file] of overlay) {
      if (!file) continue
      await mkdir(dirname(path), { recursive: true })
      const temporary = join(dirname(path), `${mark}${uniqueName()}`)
      ready.push([temporary, path])
      await writeFile(temporary, file.bytes)
      await chmod(temporary, file.executable ? 0o755 : 0o644)
    }
    for (const [temporary, path] of ready) await rename(temporary, path)
    for (const [path, file] of overlay) if (!file) await rm(path, { force: true })
  } catch (error) {
    throw refused(error as NodeJS.ErrnoException)
  } finally {
    for (const [temporary] of ready) await rm(temporary, { force: true }).catch(() => {})
  }
}

function refused(error: NodeJS.ErrnoException): Error {
  if (error.syscall === undefined) return error
  return new UserError({
    message: 'The files of the series could not be written.',
    details: error.message,
    hint: 'See that their folders can be written to and that the disk is not full, then type ./build export again.',
    exitCode: ExitCode.missing,
    cause: error,
  })
}

/** Removes what killed exports have left below the folders of the series. */
export async function sweepExports(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.name.startsWith(mark) && isGone(entry.name.slice(mark.length)))
        await rm(join(entry.parentPath, entry.name), { force: true }).catch(() => {})
    }
  }
}
