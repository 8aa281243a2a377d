// SPDX-License-Identifier: MPL-2.0

/** How a step talks while it runs. */
export interface StepHandle {
  /** Replaces the short text behind the step's title ("42 of 96 files"); free to call often. */
  progress(text: string): void
  /** A line that stays: a route passed over, a commit made. */
  line(text: string): void
  /** Aborted when the user interrupts; hand it to every child process and download. */
  readonly signal: AbortSignal
}

/** What came of a step: done, or skipped with the reason said aloud. */
export interface StepOutcome {
  status: 'done' | 'skipped'
  /** One short text for the step's line: "v4.3.4 by debian", "unchanged: same inputs as 3 minutes ago". */
  detail?: string
}

/** One step of a command. Steps run in order; the first that throws ends the command. */
export interface Step {
  /** Stable, for JSON and tests: "fetch", "apply", "compile-softscif". */
  id: string
  /** "Fetch libzmq 4.3.4" */
  title: string
  /** What it would run, for --dry-run: shell commands or sentences. */
  plan: readonly string[]
  run(handle: StepHandle): Promise<StepOutcome>
}

export interface StepReport extends StepOutcome {
  id: string
  title: string
  milliseconds: number
}
