// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a result was made from, by name; equal inputs need no second making. */
export type Inputs = Readonly<Record<string, string>>

/** sha256 over all inputs, in hex. */
export function keyOf(inputs: Inputs): string {
  const lines = Object.entries(inputs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
  return sha256(lines.join(''))
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** sha256 over the paths and contents of all files below a folder. */
export function hashFolder(dir: string): string {
  const lines: string[] = []
  const walk = (relative: string) => {
    const entries = readdirSync(join(dir, relative), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(relative, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (entry.isSymbolicLink()) lines.push(`${path} -> ${readlinkSync(join(dir, path))}\n`)
      else lines.push(`${path} ${sha256(readFileSync(join(dir, path)))}\n`)
    }
  }
  walk('')
  return sha256(lines.join(''))
}

/** sha256 over the named files that exist below a folder. */
export function hashFiles(dir: string, files: readonly string[]): string {
  const lines = files.map((file) => {
    const content = readIfThere(join(dir, file))
    return `${file} ${content === undefined ? '-' : sha256(content)}\n`
  })
  return sha256(lines.join(''))
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The inputs that were written beside a result, or undefined when there is no whole record. */
export function readInputs(file: string): Inputs | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Inputs
  } catch {
    return undefined
  }
}

/** Writes the record of a result; to be called when the result is whole. */
export function writeInputs(file: string, inputs: Inputs): void {
  writeWhole(file, `${JSON.stringify(inputs, null, 2)}\n`)
}

/** Writes a file so that whoever reads it sees all of it or the old one. */
export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.${process.pid}`, text)
  renameSync(`${file}.${process.pid}`, file)
}

/** The names of the inputs that differ: the reason for making a result again. */
export function changedInputs(before: Inputs | undefined, now: Inputs): string[] {
  if (!before) return ['never made']
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names].filter((name) => before[name] !== now[name]).sort()
}
