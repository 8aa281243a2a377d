// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { sha256 } from './inputs.ts'
import type { Input, ResolvedEntry, Series } from './types.ts'
import { inRange } from './versions.ts'

/** Counted up when the toolkit itself makes other commits of the same series. */
const format = 1

/**
 * The series as it is for one version of libzmq; entries that come to nothing there are left out.
 * A version that the series does not support is a UserError (exit code 2).
 */
export function resolveSeries(series: Series, version: string): ResolvedEntry[] {
  if (!inRange(version, series.supports)) {
    throw new UserError({
      message: `libzmq ${version} is not supported: the series is for ${series.supports}.`,
      hint: `Take a release that is: ./build --release <${series.supports}>`,
      exitCode: ExitCode.usage,
    })
  }
  return series.entries
    .map((entry): ResolvedEntry => {
      const variant = entry.variants.find((one) => inRange(version, one.releases))
      return {
        slug: entry.slug,
        message: entry.message,
        ...(variant ? { variant: variant.releases } : {}),
        patches: [...entry.patches, ...(variant?.patches ?? [])],
        files: entry.files.filter((file) => !file.releases || inRange(version, file.releases)),
      }
    })
    .filter((entry) => entry.patches.length > 0 || entry.files.length > 0)
}

/**
 * All that makes the series' commits for a version, by name and digest: the files by their
 * labels, and the entries' words as "entry <slug>".
 */
export function seriesInputs(series: Series, version: string): Record<string, string> {
  const entries = resolveSeries(series, version)
  const inputs: Record<string, string> = {
    format: String(format),
    'author and date': sha256(JSON.stringify([series.author, series.date])),
    'order of entries': sha256(JSON.stringify(entries.map((entry) => entry.slug))),
  }
  for (const entry of entries) {
    const files = entry.files.map((file) => [file.to, file.executable, file.input.label])
    const patches = entry.patches.map((input) => input.label)
    inputs[`entry ${entry.slug}`] = sha256(JSON.stringify([entry.message, patches, files]))
    const used: Input[] = [...entry.patches, ...entry.files.map((file) => file.input)]
    for (const input of used) inputs[input.label] = input.sha256
  }
  return inputs
}

/** One digest of all that; equal digests on an equal base make equal commits. */
export function seriesHash(series: Series, version: string): string {
  return hashInputs(seriesInputs(series, version))
}

export function hashInputs(inputs: Readonly<Record<string, string>>): string {
  return sha256(JSON.stringify(Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** What differs between two sets of inputs, in words: "patches/glue.patch changed". */
export function describeChanges(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const words = (name: string): string =>
    name.startsWith('entry ')
      ? `entry "${name.slice(6)}" in series.yaml`
      : name === 'format'
        ? 'the way the toolkit makes commits'
        : name
  const changes: string[] = []
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (before[name] === undefined) changes.push(`${words(name)} is new`)
    else if (after[name] === undefined) changes.push(`${words(name)} is gone`)
    else if (before[name] !== after[name]) changes.push(`${words(name)} changed`)
  }
  // That an entry came or went says it already.
  const more = changes.filter((change) => change !== 'order of entries changed')
  const moved = changes.length > more.length && more.every((change) => change.endsWith('changed'))
  return moved ? [...more, 'the order of entries changed'] : more
}
