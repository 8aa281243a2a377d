// SPDX-License-Identifier: MPL-2.0

/**
 * patches/series.yaml, the series' order and words:
 *
 *     schemaVersion: 1
 *     name: scif
 *     version: 1                  # of the series as it is sent upstream
 *     supports: ">=4.3.3"         # semver range over ZMQ_VERSION of include/zmq.h; master after 4.3.5 is 4.3.6
 *     author: { name: …, email: … }
 *     date: "2026-01-01T00:00:00Z"   # of every commit, so that commit ids are reproducible
 *     entries:                    # one commit each, in this order
 *       - slug: build-systems     # names the entry for good; a commit carries it as "Series-Entry:"
 *         message: |
 *           Problem: …
 *
 *           Solution: …
 *         patch: build-systems.patch        # edits of files that upstream has; or a list
 *         variants:                         # besides or instead: exactly one range matches
 *           - { releases: "<4.3.6", patch: cmake-4.3.5.patch }
 *           - { releases: ">=4.3.6" }       # nothing to do there
 *         files:                            # new files, from libzmq-ext/transport
 *           - src/scif_address.hpp          # at the same path in libzmq's tree
 *           - { from: doc/zmq_scif.adoc, to: …, releases: ">=4.3.6" }
 *
 * In a list under `patch`, items {patch, releases} are variants in short: of them, too, exactly
 * one matches. One entry's patches never touch the same file for the same release, none creates
 * a file, and an entry that comes to nothing for a release makes no commit there.
 */

import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import * as v from 'valibot'
import { ExitCode, UserError } from '../ui/errors.ts'
import { checkSeries } from './check-series.ts'
import { type FoundFile, findFiles, type Overlay, readInput } from './inputs.ts'
import { type Manifest, type ManifestEntry, manifestSchema } from './schema.ts'
import type { AddedFile, Entry, Input, Series } from './types.ts'
import { readYaml, type YamlSource } from './yaml-source.ts'

/** Something wrong with the series, and where. */
export interface Mistake {
  /** "patches/series.yaml" */
  file: string
  line: number
  column: number
  text: string
}

/**
 * Reads and checks patches/series.yaml with every file that it names.
 * A UserError (exit code 2) tells all mistakes at once, each with its line. With an overlay, the
 * series is read as if files were already what that says.
 */
export async function loadSeries(
  patchesDir: string,
  transportDir: string,
  overlay: Overlay = new Map(),
): Promise<Series> {
  const root = dirname(patchesDir)
  const path = join(patchesDir, 'series.yaml')
  const label = `${basename(patchesDir)}/series.yaml`
  const planned = overlay.get(path)?.bytes.toString('utf8')
  const read = planned === undefined ? readFile(path, 'utf8') : Promise.resolve(planned)
  const text = await read.catch((cause) => {
    throw new UserError({
      message: `${label} cannot be read: ${(cause as Error).message}.`,
      hint: `Restore it: git checkout -- ${label}`,
      exitCode: ExitCode.usage,
    })
  })
  const yaml = readYaml(text)
  const mistakes: Mistake[] = yaml.mistakes.map((found) => ({
    file: label,
    ...found.position,
    text: found.text,
  }))
  if (mistakes.length > 0) throw failure(label, mistakes)
  const parsed = v.safeParse(manifestSchema, yaml.value)
  if (!parsed.success) {
    throw failure(
      label,
      parsed.issues.map((issue) => schemaMistake(label, yaml, issue)),
    )
  }
  const [patchFiles, transportFiles] = await Promise.all([
    findFiles(patchesDir, root, overlay),
    findFiles(transportDir, root, overlay),
  ])
  const reader = { label, yaml, mistakes, patchFiles, transportFiles }
  const entries: Entry[] = []
  for (const [index, entry] of parsed.output.entries.entries()) {
    entries.push(await readEntry(reader, entry, index))
  }
  const series: Series = {
    ...head(parsed.output),
    entries,
    manifest: path,
    patchesDir,
    transportDir,
  }
  checkSeries(series, parsed.output, (at, wrong) => {
    const place =
      'input' in at
        ? { file: at.input.label, line: at.line, column: 1 }
        : { file: label, ...yaml.position(at) }
    mistakes.push({ ...place, text: wrong })
  })
  checkAllUsed(reader, series, relative(root, transportDir))
  if (mistakes.length > 0) throw failure(label, mistakes)
  return series
}

function head(
  manifest: Manifest,
): Pick<Series, 'name' | 'version' | 'supports' | 'author' | 'date'> {
  const { name, version, supports, author, date } = manifest
  return { name, version, supports, author, date }
}

interface Reader {
  label: string
  yaml: YamlSource
  mistakes: Mistake[]
  patchFiles: ReadonlyMap<string, FoundFile>
  transportFiles: ReadonlyMap<string, FoundFile>
}

/** Reads the files of an entry; one that is missing is a mistake, and left out. */
async function readEntry(reader: Reader, entry: ManifestEntry, index: number): Promise<Entry> {
  const at = ['entries', index]
  const take = async (
    found: ReadonlyMap<string, FoundFile>,
    name: string,
    place: (string | number)[],
    where: string,
  ): Promise<Input[]> => {
    const file = found.get(name)
    if (file) return [await readInput(file)]
    reader.mistakes.push({
      file: reader.label,
      ...reader.yaml.position([...at, ...place]),
      text: `there is no file "${name}" in ${where}.`,
    })
    return []
  }
  const patch = (name: string, place: (string | number)[]): Promise<Input[]> =>
    take(reader.patchFiles, name, place, 'patches')
  const patches: Input[] = []
  const variants: { releases: string; patches: Input[] }[] = []
  const isList = Array.isArray(entry.patch)
  for (const [i, item] of asList(entry.patch).entries()) {
    const place = isList ? ['patch', i] : ['patch']
    if (typeof item === 'string') patches.push(...(await patch(item, place)))
    else {
      const read = await patch(item.patch, [...place, 'patch'])
      if (item.releases === undefined) patches.push(...read)
      else variants.push({ releases: item.releases, patches: read })
    }
  }
  for (const [i, variant] of (entry.variants ?? []).entries()) {
    const read: Input[] = []
    for (const name of asList(variant.patch)) {
      read.push(...(await patch(name, ['variants', i, 'patch'])))
    }
    variants.push({ releases: variant.releases, patches: read })
  }
  const files: AddedFile[] = []
  for (const [i, item] of (entry.files ?? []).entries()) {
    const spec = typeof item === 'string' ? { from: item } : item
    const [input] = await take(
      reader.transportFiles,
      spec.from,
      ['files', i],
      'libzmq-ext/transport',
    )
    if (!input) continue
    const executable = reader.transportFiles.get(spec.from)?.executable ?? false
    const releases = spec.releases === undefined ? {} : { releases: spec.releases }
    files.push({ input, to: spec.to ?? spec.from, executable, ...releases })
  }
  const message = `${entry.message.trimEnd()}\n`
  return { slug: entry.slug, message, patches, variants, files }
}

function asList<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly T[]) : [value as T]
}

/** Every file of the series has a place in it. */
function checkAllUsed(reader: Reader, series: Series, transport: string): void {
  const used = new Set(
    series.entries.flatMap((entry) => [
      ...entry.patches.map((input) => input.label),
      ...entry.variants.flatMap((variant) => variant.patches.map((input) => input.label)),
      ...entry.files.map((file) => file.input.label),
    ]),
  )
  const notASeriesFile = new Set([`${dirname(reader.label)}/README.md`, reader.label])
  const list = reader.yaml.keyPosition(['entries'])
  const found = [...reader.patchFiles.values(), ...reader.transportFiles.values()]
  for (const { label } of found) {
    if (used.has(label) || notASeriesFile.has(label)) continue
    const text = label.startsWith(`${transport}/`)
      ? `no entry adds ${label}; list it under "files" of one, or delete it.`
      : `no entry uses ${label}; list it under "patch" of one, or delete it.`
    reader.mistakes.push({ file: reader.label, ...list, text })
  }
}

function schemaMistake(file: string, yaml: YamlSource, issue: v.BaseIssue<unknown>): Mistake {
  const path = (issue.path ?? []).map((item) => item.key as string | number)
  const name = path.filter((key) => typeof key === 'string').at(-1) ?? 'series.yaml'
  if (issue.expected === 'never') {
    return {
      file,
      ...yaml.keyPosition(path),
      text: `"${path.at(-1)}" is no key that is known here.`,
    }
  }
  if (issue.input === undefined && issue.kind === 'schema') {
    return {
      file,
      ...yaml.position(path.slice(0, -1)),
      text: `the key "${path.at(-1)}" is missing.`,
    }
  }
  return { file, ...yaml.position(path), text: `${name}: ${issue.message}.` }
}

function failure(label: string, mistakes: readonly Mistake[]): UserError {
  const rank = (m: Mistake): number => (m.file === label ? 0 : 1)
  const sorted = mistakes.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1),
  )
  const count = sorted.length === 1 ? 'a mistake' : `${sorted.length} mistakes`
  return new UserError({
    message: `The series has ${count}.`,
    details: sorted.map((m) => `${m.file}:${m.line}:${m.column}: ${m.text}`).join('\n'),
    hint: `Correct ${label}; patches/README.md tells its format.`,
    exitCode: ExitCode.usage,
  })
}
