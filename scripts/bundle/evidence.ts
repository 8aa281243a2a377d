// SPDX-License-Identifier: MPL-2.0
import { readFile } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import * as v from 'valibot'

const machine = v.object({
  cpu: v.string(),
  cores: v.number(),
  kernel: v.string(),
  memory: v.optional(v.string()),
})

const common = {
  schemaVersion: v.literal(1),
  date: v.pipe(v.string(), v.isoTimestamp()),
  /** What to type to get it again. */
  commands: v.pipe(v.array(v.string()), v.minLength(1)),
  machine,
  /** What else belongs to it, by names relative to the folder of the reports. */
  files: v.optional(v.array(v.string()), []),
}

const subject = {
  release: v.string(),
  tree: v.string(),
  seriesHash: v.string(),
  /** The work tree had edits that the series does not have. */
  edited: v.boolean(),
  compiler: v.string(),
}

const libscif = v.object({ kind: v.picklist(['soft', 'real']), version: v.optional(v.string()) })
const counts = v.object({ passed: v.number(), failed: v.number(), skipped: v.number() })

const check = v.object({
  ...common,
  ...subject,
  command: v.literal('check'),
  buildSystem: v.string(),
  libscif,
  totals: counts,
  suites: v.array(v.object({ id: v.string(), title: v.string(), ...counts.entries })),
})

const perf = v.object({
  ...common,
  ...subject,
  command: v.literal('perf'),
  libscif,
  results: v.array(
    v.object({
      transport: v.string(),
      measure: v.picklist(['throughput', 'latency']),
      size: v.number(),
      median: v.number(),
      low: v.number(),
      high: v.number(),
      unit: v.string(),
      megabytesPerSecond: v.optional(v.number()),
    }),
  ),
})

const verify = v.object({
  ...common,
  command: v.literal('verify'),
  /** Those without cells are in the report for their reason alone. */
  releases: v.optional(
    v.array(v.object({ release: v.string(), status: v.string(), reason: v.optional(v.string()) })),
    [],
  ),
  cells: v.array(
    v.object({
      release: v.string(),
      version: v.optional(v.string()),
      tree: v.optional(v.string()),
      seriesHash: v.optional(v.string()),
      buildSystem: v.nullish(v.string()),
      scif: v.optional(v.boolean()),
      /** Built beside every other transport. */
      others: v.optional(v.boolean()),
      status: v.string(),
      reason: v.optional(v.string()),
      tests: v.optional(counts),
      symbolsEqual: v.optional(v.boolean()),
      everyCommit: v.optional(v.object({ commits: v.number(), failed: v.array(v.string()) })),
    }),
  ),
})

const prove = v.object({
  ...common,
  ...subject,
  command: v.literal('bundle --prove'),
  libscif,
  proofs: v.array(
    v.object({
      /** The gate that it opens. */
      name: v.string(),
      date: v.pipe(v.string(), v.isoTimestamp()),
      passed: v.boolean(),
      /** "clang-format 18.1.8, 27 files": one short sentence without a date. */
      detail: v.string(),
      command: v.string(),
    }),
  ),
})

const schemas = { check, perf, verify, prove }

export type CheckReport = v.InferOutput<typeof check>
export type PerfReport = v.InferOutput<typeof perf>
export type VerifyReport = v.InferOutput<typeof verify>
export type VerifyCell = VerifyReport['cells'][number]
export type ProveReport = v.InferOutput<typeof prove>

export const reportNames = ['check', 'perf', 'verify', 'prove'] as const
export type ReportName = (typeof reportNames)[number]

/** The commands that write the reports. */
export const commandOf: Readonly<Record<ReportName, string>> = {
  check: './build check',
  perf: './build perf',
  verify: './build verify --every-commit',
  prove: './build bundle --prove',
}

/** The reports as they were found, and the files that belong to them. */
export interface Evidence {
  check?: CheckReport
  perf?: PerfReport
  verify?: VerifyReport
  prove?: ProveReport
  /** Those that are there but can't be used, and why. */
  problems: Readonly<Partial<Record<ReportName, string>>>
  /** All of it, as it goes into evidence/, by name. */
  files: ReadonlyMap<string, Buffer>
}

/**
 * Reads the reports of a folder. In what is text, `places` (absolute folders of this machine) are
 * replaced by their names, so that the evidence of one run is the same wherever it was made.
 */
export async function readEvidence(
  dir: string,
  places: readonly (readonly [string, string])[],
): Promise<Evidence> {
  const files = new Map<string, Buffer>()
  const problems: Partial<Record<ReportName, string>> = {}
  const reports: Record<string, unknown> = {}
  for (const name of reportNames) {
    const bytes = await readFile(join(dir, `${name}.json`)).catch(() => undefined)
    if (!bytes) continue
    const text = withoutPlaces(bytes, places)
    const parsed = v.safeParse(schemas[name], parseJson(text.toString('utf8')))
    if (!parsed.success) {
      const issue = parsed.issues[0]
      problems[name] = `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`
      continue
    }
    reports[name] = parsed.output
    files.set(`${name}.json`, text)
    for (const file of parsed.output.files) {
      const outside = normalize(file).startsWith('..') || normalize(file).startsWith(sep)
      const content = outside ? undefined : await readFile(join(dir, file)).catch(() => undefined)
      if (content) files.set(file, withoutPlaces(content, places))
      else problems[name] = `the file ${file} that it names is missing`
    }
  }
  return { ...reports, problems, files } as Evidence
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function withoutPlaces(bytes: Buffer, places: readonly (readonly [string, string])[]): Buffer {
  if (bytes.includes(0)) return bytes
  let text = bytes.toString('utf8')
  for (const [path, name] of places) if (path.length > 1) text = text.replaceAll(path, name)
  return Buffer.from(text, 'utf8')
}
