// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'

const counts = { passed: v.number(), failed: v.number(), skipped: v.number() }

const common = {
  schemaVersion: v.literal(1),
  date: v.string(),
  commands: v.array(v.string()),
}

const verifySchema = v.object({
  ...common,
  cells: v.array(
    v.object({
      release: v.string(),
      version: v.optional(v.nullable(v.string())),
      seriesHash: v.optional(v.nullable(v.string())),
      buildSystem: v.nullable(v.string()),
      scif: v.boolean(),
      status: v.string(),
      reason: v.optional(v.nullable(v.string())),
      tests: v.optional(v.nullable(v.object(counts))),
    }),
  ),
})

const checkSchema = v.object({
  ...common,
  release: v.string(),
  seriesHash: v.string(),
  totals: v.object(counts),
  suites: v.array(v.object({ id: v.string(), title: v.string(), ...counts })),
})

export type VerifyReport = v.InferOutput<typeof verifySchema>
export type CheckReport = v.InferOutput<typeof checkSchema>

/** A report of another command, or why there is none to show. */
export type Found<T> = { report: T } | { missing: string }

export interface Evidence {
  verify: Found<VerifyReport>
  check: Found<CheckReport>
}

/** What the other commands have left in the folder of reports. */
export function readEvidence(reports: string): Evidence {
  return {
    verify: read(join(reports, 'verify.json'), verifySchema),
    check: read(join(reports, 'check.json'), checkSchema),
  }
}

function read<T>(file: string, schema: v.GenericSchema<unknown, T>): Found<T> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return { missing: 'it has not been run here' }
  }
  try {
    const parsed = v.safeParse(schema, JSON.parse(text))
    if (parsed.success) return { report: parsed.output }
    const [issue] = parsed.issues
    return { missing: `its report is in another form: ${v.getDotPath(issue)}: ${issue.message}` }
  } catch (error) {
    return { missing: `its report cannot be read: ${(error as Error).message}` }
  }
}
