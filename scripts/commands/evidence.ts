// SPDX-License-Identifier: MPL-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'

/** A report that says something of a release, and how it stands to a state of the series. */
export interface Evidence {
  command: (typeof commands)[number]
  date: string
  /** It is of this very state of the series, without edits. */
  current: boolean
}

const commands = ['check', 'perf', 'verify'] as const

const subject = v.object({
  release: v.string(),
  seriesHash: v.nullish(v.string()),
  edited: v.optional(v.boolean()),
})
const schema = v.object({
  date: v.pipe(
    v.string(),
    v.check((date) => !Number.isNaN(Date.parse(date))),
  ),
})

/** The reports in a folder that are of a release; one that can not be read is none. */
export function findEvidence(
  reports: string,
  { release, seriesHash }: { release: string; seriesHash: string },
): Evidence[] {
  return commands.flatMap((command) => {
    const report = readReport(join(reports, `${command}.json`))
    const dated = v.safeParse(schema, report)
    if (!dated.success) return []
    const { releases } = report as { releases?: unknown }
    const found = (Array.isArray(releases) ? releases : [report])
      .map((one) => v.safeParse(subject, one))
      .find((one) => one.success && one.output.release === release)
    if (!found?.success) return []
    const current = found.output.seriesHash === seriesHash && found.output.edited !== true
    return [{ command, date: dated.output.date, current }]
  })
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** "check 3 hours ago; perf 2 days ago, of another state of the series" */
export function sayEvidence(evidence: readonly Evidence[], now: Date): string {
  return evidence
    .map(({ command, date, current }) => {
      const age = sayAge(now.getTime() - Date.parse(date))
      return `${command} ${age}${current ? '' : ', of another state of the series'}`
    })
    .join('; ')
}

function sayAge(milliseconds: number): string {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000))
  const [count, unit] =
    minutes < 60
      ? [minutes, 'minute']
      : minutes < 48 * 60
        ? [Math.floor(minutes / 60), 'hour']
        : [Math.floor(minutes / 1440), 'day']
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`
}
