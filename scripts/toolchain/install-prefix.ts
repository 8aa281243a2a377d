// SPDX-License-Identifier: MPL-2.0
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { writeWhole } from './stamp.ts'

/** The record in a prefix of what libzmq in it is; written last, removed first. */
export const buildRecord = '.scif-build.json'

export interface BuildRecord {
  schemaVersion: 1
  /** sha256 over everything that the build was made from. */
  key: string
  seriesHash: string | null
  tree: string
  edited: boolean
  release: string
  version: string
  route: string | null
  buildSystem: 'autotools' | 'cmake'
  scif: { kind: string; prefix?: string; version?: string; device?: string }
  hasScif: boolean
  compiler: string
  flags: readonly string[]
  date: string
  /** What was installed, relative to the prefix. */
  files: readonly string[]
}

/** The record of a whole installation, all files of which are still there. */
export function readRecord(prefix: string): BuildRecord | undefined {
  const record = readAnyRecord(join(prefix, buildRecord))
  return record?.files.every((file) => isThere(join(prefix, file))) ? record : undefined
}

function readAnyRecord(file: string): BuildRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8'))
    return record.schemaVersion === 1 && Array.isArray(record.files) ? record : undefined
  } catch {
    return undefined
  }
}

/** What the last installation into the prefix has put there, also when it was cut short later. */
export function installedFiles(prefix: string): readonly string[] {
  const record = join(prefix, buildRecord)
  return (readAnyRecord(record) ?? readAnyRecord(`${record}.old`))?.files ?? []
}

export function writeRecord(prefix: string, record: BuildRecord): void {
  writeWhole(join(prefix, buildRecord), `${JSON.stringify(record, null, 2)}\n`)
}

/**
 * Copies a staged tree into the prefix, file by file under another name and then renamed, so that
 * a program that runs from there goes on running; then removes what an earlier installation had
 * and this one has not. Until the record is written anew the prefix has none: an installation
 * that was cut short is not taken for a whole one.
 * @returns the installed files, relative to the prefix
 */
export function installInto(stage: string, prefix: string): string[] {
  const files = listFiles(stage).filter((file) => !file.endsWith('.la'))
  const record = join(prefix, buildRecord)
  const before = installedFiles(prefix)
  mkdirSync(prefix, { recursive: true })
  if (existsSync(record)) renameSync(record, `${record}.old`)
  for (const file of files) {
    const target = join(prefix, file)
    const fresh = `${target}.new`
    mkdirSync(dirname(target), { recursive: true })
    rmSync(fresh, { force: true })
    if (lstatSync(join(stage, file)).isSymbolicLink())
      symlinkSync(readlinkSync(join(stage, file)), fresh)
    else copyFileSync(join(stage, file), fresh)
    renameSync(fresh, target)
  }
  removeFiles(
    prefix,
    before.filter((file) => !files.includes(file)),
  )
  rmSync(`${record}.old`, { force: true })
  return files
}

/** Removes files of a prefix, and the folders that this leaves empty. */
export function removeFiles(prefix: string, files: readonly string[]): void {
  for (const file of files) rmSync(join(prefix, file), { force: true })
  for (const file of files) {
    for (let dir = dirname(file); dir !== '.'; dir = dirname(dir)) {
      try {
        rmdirSync(join(prefix, dir))
      } catch {
        break
      }
    }
  }
}

/** All files and links below a folder, relative to it, sorted. */
export function listFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort()
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}
