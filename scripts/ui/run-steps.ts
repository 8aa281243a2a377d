// SPDX-License-Identifier: MPL-2.0
import type { Step, StepHandle, StepOutcome, StepReport } from './steps.ts'

/** What a renderer hears of the steps; how it shows them is its own affair. */
export interface Renderer {
  /** All steps, before the first one runs. */
  begin(steps: readonly Step[]): Promise<void> | void
  started(step: Step): void
  progress(step: Step, text: string): void
  line(step: Step, text: string): void
  ended(step: Step, report: StepReport): void
  failed(step: Step, error: unknown, milliseconds: number): void
  /** After the last step, and after a failure. */
  end(): Promise<void> | void
}

/**
 * Runs the steps in order. The first that throws ends the run with its error; an interrupt ends
 * it with the signal's reason, also between two steps.
 */
export async function runSteps(
  steps: readonly Step[],
  renderer: Renderer,
  signal: AbortSignal,
): Promise<StepReport[]> {
  const reports: StepReport[] = []
  await renderer.begin(steps)
  try {
    for (const step of steps) {
      signal.throwIfAborted()
      reports.push(await runStep(step, renderer, signal))
    }
  } finally {
    await renderer.end()
  }
  return reports
}

async function runStep(step: Step, renderer: Renderer, signal: AbortSignal): Promise<StepReport> {
  const start = performance.now()
  const elapsed = () => Math.round(performance.now() - start)
  const handle: StepHandle = {
    progress: (text) => renderer.progress(step, text),
    line: (text) => renderer.line(step, text),
    signal,
  }
  renderer.started(step)
  let outcome: StepOutcome
  try {
    outcome = await step.run(handle)
    signal.throwIfAborted()
  } catch (error) {
    renderer.failed(step, error, elapsed())
    // What a killed tool has to say is not the reason: the interrupt is.
    signal.throwIfAborted()
    throw error
  }
  const report = { id: step.id, title: step.title, ...outcome, milliseconds: elapsed() }
  renderer.ended(step, report)
  return report
}

/** "0.3 s", "42 s", "3 min 05 s". */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}
