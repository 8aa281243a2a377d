// SPDX-License-Identifier: MPL-2.0
import type { Env } from '../system/run.ts'
import type { Counts } from './counts.ts'

/** What a stage is given. */
export interface StageContext {
  /** The repository's root. */
  root: string
  /** Where the stages build: a folder of ./test's own. */
  out: string
  env: Env
  jobs: number
  offline: boolean
  /** Aborted on interrupt, and when the stage has had its time. */
  signal: AbortSignal
  /** Takes the stage's whole output. */
  logFile: string
  /** What the stage is doing, for the sign of life of a long one. */
  progress(text: string): void
  /** Does something for which stages that run beside each other have to take turns, like a build. */
  inTurn<T>(act: () => Promise<T>): Promise<T>
}

/** A part of ./test that can be run by itself (--only). */
export interface Stage {
  id: string
  title: string
  /** Fewer passes than this are a failure: tests may not get lost unseen. */
  floor: number
  /** Minutes until it counts as hung. */
  minutes: number
  /** May run beside another such stage: it measures no time, and leaves what others use as it is. */
  beside?: boolean
  /** Stages that must have run before, as they make what this one uses. */
  after?: readonly string[]
  run(context: StageContext): Promise<Counts>
}
