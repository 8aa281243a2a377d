// SPDX-License-Identifier: MPL-2.0
import { type FilePatch, parsePatch } from './patch-text.ts'
import type { Manifest } from './schema.ts'
import type { AddedFile, Entry, Input, Series } from './types.ts'
import { inRange, testVersions } from './versions.ts'

/** A place in series.yaml, or a line of a patch. */
export type Place = readonly (string | number)[] | { input: Input; line: number }

/** Takes a mistake. */
export type Complain = (at: Place, text: string) => void

/** The checks on a series that look at more than one value of it. */
export function checkSeries(series: Series, manifest: Manifest, complain: Complain): void {
  const versions = supportedVersions(series)
  if (versions.length === 0) {
    complain(['supports'], `"${series.supports}" holds no release at all.`)
    return
  }
  checkSlugs(series, complain)
  const parsed = new Map<Input, readonly FilePatch[]>()
  const owners = new Map<string, Entry>()
  for (const [index, entry] of series.entries.entries()) {
    const at = ['entries', index]
    const written = manifest.entries[index]
    if (!written?.patch && !written?.variants && !written?.files?.length) {
      complain(at, `the entry "${entry.slug}" has neither a patch nor files.`)
    }
    for (const input of patchesOf(entry)) {
      const owner = owners.get(input.label) ?? entry
      owners.set(input.label, owner)
      if (owner !== entry)
        complain(at, `${input.label} is used by "${owner.slug}" already; a patch is of one entry.`)
      if (!parsed.has(input)) parsed.set(input, checkPatch(input, complain))
    }
    checkVariants(entry, versions, [...at, written?.variants ? 'variants' : 'patch'], complain)
    checkOverlaps(entry, versions, parsed, at, complain)
  }
  checkAdded(series, versions, parsed, complain)
}

/** Versions that stand for all that the series supports. */
export function supportedVersions(series: Series): string[] {
  const ranges = series.entries.flatMap((entry) => [
    ...entry.variants.map((variant) => variant.releases),
    ...entry.files.flatMap((file) => file.releases ?? []),
  ])
  return testVersions([series.supports, ...ranges]).filter((version) =>
    inRange(version, series.supports),
  )
}

function patchesOf(entry: Entry): Input[] {
  return [...entry.patches, ...entry.variants.flatMap((variant) => variant.patches)]
}

function checkSlugs(series: Series, complain: Complain): void {
  const seen = new Set<string>()
  for (const [index, { slug }] of series.entries.entries()) {
    if (seen.has(slug)) complain(['entries', index, 'slug'], `the slug "${slug}" is there twice.`)
    seen.add(slug)
  }
}

function checkPatch(input: Input, complain: Complain): readonly FilePatch[] {
  const patch = parsePatch(input.bytes)
  for (const { line, text } of patch.mistakes) complain({ input, line }, `${text}.`)
  const wrong = {
    create: 'creates a file; new files stand in libzmq-ext/transport and under "files"',
    rename: 'renames or copies a file; that hides what it changes',
    binary: 'has binary parts; only text can be reviewed',
  }
  for (const file of patch.files) {
    if (file.kind === 'edit' || file.kind === 'delete') continue
    complain({ input, line: file.from }, `the patch of ${file.path} ${wrong[file.kind]}.`)
  }
  return patch.files
}

/** Of an entry's variants exactly one is for each release. */
function checkVariants(
  entry: Entry,
  versions: readonly string[],
  at: readonly (string | number)[],
  complain: Complain,
): void {
  if (entry.variants.length === 0) return
  const ranges = entry.variants.map((variant) => variant.releases)
  const quoted = ranges.map((range) => `"${range}"`).join(', ')
  for (const version of versions) {
    const matching = ranges.filter((range) => inRange(version, range))
    if (matching.length === 0) {
      complain(at, `no variant of "${entry.slug}" is for ${version}, which lies between ${quoted}.`)
      return
    }
    if (matching.length > 1) {
      const both = matching.map((range) => `"${range}"`).join(' and ')
      complain(at, `the variants ${both} of "${entry.slug}" are both for ${version}.`)
      return
    }
  }
}

/** No two patches of one commit touch the same file, so that export knows which is whose. */
function checkOverlaps(
  entry: Entry,
  versions: readonly string[],
  parsed: ReadonlyMap<Input, readonly FilePatch[]>,
  at: readonly (string | number)[],
  complain: Complain,
): void {
  const told = new Set<string>()
  for (const version of versions) {
    const owner = new Map<string, Input>()
    const variant = entry.variants.find((one) => inRange(version, one.releases))
    for (const input of [...entry.patches, ...(variant?.patches ?? [])]) {
      for (const { path } of parsed.get(input) ?? []) {
        const other = owner.get(path)
        const text = `${other?.label} and ${input.label} both touch ${path} in "${entry.slug}"; one patch of a commit must.`
        if (other && !told.has(text)) complain(at, text)
        if (other) told.add(text)
        owner.set(path, input)
      }
    }
  }
}

/** A file is added once for a release, and only its source edits it. */
function checkAdded(
  series: Series,
  versions: readonly string[],
  parsed: ReadonlyMap<Input, readonly FilePatch[]>,
  complain: Complain,
): void {
  const all = series.entries.flatMap((entry, index) =>
    entry.files.map((file, i) => ({ file, entry, at: ['entries', index, 'files', i] })),
  )
  const together = (a: AddedFile, b: AddedFile): boolean =>
    versions.some((version) => [a, b].every((f) => !f.releases || inRange(version, f.releases)))
  for (const [i, one] of all.entries()) {
    const earlier = all
      .slice(0, i)
      .find(
        (other) =>
          (other.file.to === one.file.to || other.file.input.label === one.file.input.label) &&
          together(other.file, one.file),
      )
    if (earlier) complain(one.at, `${one.file.to} is added already by "${earlier.entry.slug}".`)
  }
  const added = new Map(all.map(({ file }) => [file.to, file]))
  for (const [input, files] of parsed) {
    for (const { path, from } of files) {
      const file = added.get(path)
      if (!file) continue
      const text = `it edits ${path}, which the series adds; edit ${file.input.label} itself.`
      complain({ input, line: from }, text)
    }
  }
}
