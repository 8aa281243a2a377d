// SPDX-License-Identifier: MPL-2.0
import { appendFileSync } from 'node:fs'
import { UserError } from '../ui/errors.ts'
import type { Counts } from './counts.ts'
import type { StageContext } from './stage.ts'

/** Collects named checks of a stage that is itself the test program, and logs them as TAP. */
export class Checks {
  readonly #context: Pick<StageContext, 'logFile' | 'progress' | 'signal'>
  #passed = 0
  readonly #failures: string[] = []

  constructor(context: Pick<StageContext, 'logFile' | 'progress' | 'signal'>) {
    this.#context = context
  }

  /** Does the work; what it throws makes the check fail, and the next checks run all the same. */
  async that(name: string, work: () => Promise<void> | void): Promise<void> {
    this.#context.signal.throwIfAborted()
    this.#context.progress(name)
    try {
      await work()
      this.#passed++
      this.#log(`ok - ${name}`)
    } catch (error) {
      this.#context.signal.throwIfAborted()
      this.#failures.push(`${name}: ${firstLine(error)}`)
      this.#log(`not ok - ${name}\n${describe(error).replace(/^/gm, '# ')}`)
    }
  }

  counts(): Counts {
    return {
      passed: this.#passed,
      failed: this.#failures.length,
      skipped: 0,
      failures: this.#failures,
    }
  }

  #log(text: string): void {
    appendFileSync(this.#context.logFile, `${text}\n`)
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}

function describe(error: unknown): string {
  if (error instanceof UserError)
    return [error.message, error.details, error.hint].filter(Boolean).join('\n')
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
