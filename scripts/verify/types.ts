// SPDX-License-Identifier: MPL-2.0
import type { Glue } from '../series/glue.ts'
import type { Conflict } from '../series/misfit.ts'
import type { MergedFile } from '../series/types.ts'
import type { RouteName } from '../upstream/types.ts'

export type BuildSystem = 'autotools' | 'cmake'

/** One build that is to be proven. */
export interface CellPlan {
  buildSystem: BuildSystem
  scif: boolean
  /** With every other transport and option that this machine has what is needed for. */
  others: boolean
}

/** passed and failed say what was found; the other two that nothing was tried, and why not. */
export type Status = 'passed' | 'failed' | 'unsupported' | 'unavailable'

/** One thing that was looked at. */
export interface Check {
  /** "apply", "build", "upstream tests", "symbols" … */
  name: string
  passed: boolean
  /** One line: "123 passed, 2 skipped", or what is wrong. */
  detail: string
  /** More lines of what is wrong. */
  more?: string
  /** The whole output. */
  log?: string
  /** A place in the repository that is to blame. */
  place?: { file: string; line: number }
}

/** What a release and the series make together, before anything is built. */
export interface ReleaseResult {
  release: string
  /** ZMQ_VERSION; empty when the source could not be had. */
  version: string
  /** Git tree id of the pristine source. */
  tree: string
  commit?: string
  route?: RouteName
  /** The series as it is for this version. */
  seriesHash: string
  /** Tree id with the series on it. */
  applied?: string
  status: Status
  reason?: string
  checks: readonly Check[]
  /** Entries for which a variant was taken, and its range. */
  variants: readonly { slug: string; releases: string }[]
  glue?: Glue
  conflict?: Conflict
  /** With --3way: how what did not fit was merged; the repaired patches are in `dir`. */
  repair?: { merged: boolean; files: readonly MergedFile[]; dir?: string; reason: string }
}

export interface Tests {
  passed: number
  failed: number
  skipped: number
}

/** What came of one build. */
export interface CellResult extends CellPlan {
  id: string
  release: string
  version: string
  tree: string
  seriesHash: string
  status: Status
  reason?: string
  checks: readonly Check[]
  /** Test programs. */
  tests?: Tests
  /** Test programs that passed only when they were run once more by themselves. */
  flaky?: readonly string[]
  /** Exported symbols are upstream's; without scif only. */
  symbolsEqual?: boolean
  everyCommit?: { commits: number; failed: readonly string[] }
  /** What the others are: "NORM", and what of them could not be had. */
  with?: readonly string[]
  without?: readonly string[]
  milliseconds: number
  /** When it was really run, if that was not this time. */
  remembered?: string
}

/** Whether a variant of an entry is still needed, by all releases that were looked at. */
export interface VariantVerdict {
  slug: string
  releases: string
  /** needed: no other variant does; unneeded: another one does the same; unproven: its releases were not all looked at. */
  verdict: 'needed' | 'unneeded' | 'unproven'
  /** "on 4.3.4 the variant for >=4.3.6 does not apply" */
  because: string
}

/** "4.3.4-autotools-scif" */
export function cellId(release: string, plan: CellPlan): string {
  const scif = plan.others ? 'everything' : plan.scif ? 'scif' : 'noscif'
  return `${release}-${plan.buildSystem}-${scif}`
}

/** The first check that failed, in words. */
export function whyFailed(checks: readonly Check[]): string | undefined {
  const failed = checks.find((check) => !check.passed)
  return failed && `${failed.name}: ${failed.detail}`
}
