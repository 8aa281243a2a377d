// SPDX-License-Identifier: MPL-2.0
import { duration, type Renderer } from './run-steps.ts'
import type { Step } from './steps.ts'

export interface PlainOptions {
  write: (text: string) => void
  /** Print every progress text too, not just a sign of life now and then. */
  verbose: boolean
  /** Milliseconds on any clock that only goes forward. */
  clock: () => number
}

/** So often a long step says how far it is, for a log that somebody watches. */
const signOfLife = 20_000

/** Steps as lines that stay, for logs, pipes and CI. */
export function plainRenderer(options: PlainOptions): Renderer {
  let count = 0
  let total = 0
  let lastWord = 0
  const say = (text: string) => {
    lastWord = options.clock()
    options.write(`${text}\n`)
  }
  return {
    begin: (steps) => {
      total = steps.length
    },
    started: (step: Step) => say(`[${++count}/${total}] ${step.title}`),
    progress: (_step, text) => {
      if (options.verbose || options.clock() - lastWord >= signOfLife) say(`      ${text}`)
    },
    line: (_step, text) => say(text.replace(/^/gm, '      ')),
    ended: (_step, { status, detail, milliseconds }) => {
      const what = detail === undefined ? '' : `: ${detail}`
      say(
        status === 'skipped'
          ? `      skipped${what}`
          : `      done${what} (${duration(milliseconds)})`,
      )
    },
    failed: (_step, _error, milliseconds) => say(`      failed after ${duration(milliseconds)}`),
    end: () => {},
  }
}

/** Says nothing: --quiet. */
export const silentRenderer: Renderer = {
  begin: () => {},
  started: () => {},
  progress: () => {},
  line: () => {},
  ended: () => {},
  failed: () => {},
  end: () => {},
}
