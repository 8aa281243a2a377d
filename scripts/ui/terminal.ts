// SPDX-License-Identifier: MPL-2.0
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2'
import { duration, type Renderer } from './run-steps.ts'
import type { Step } from './steps.ts'

/** listr2 asks standard output whether it is a terminal; ours draws on standard error. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true
}

/** What a step's line shows; listr2 may come to the step a little later than the step itself. */
interface Row {
  title: string
  lines: string[]
  skipped: boolean
  /** Redraws the row once listr2 has come to it. */
  draw: () => void
  finished: Promise<void>
  finish: () => void
  fail: () => void
}

/** Steps as a list that redraws itself, with spinners and progress, on a terminal. */
export function terminalRenderer(streams: {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}): Renderer {
  const rows = new Map<Step, Row>()
  let list: Promise<unknown> = Promise.resolve()
  const row = (step: Step): Row => {
    const known = rows.get(step) ?? newRow(step)
    rows.set(step, known)
    return known
  }
  const retitle = (step: Step, title: string) => {
    row(step).title = title
    row(step).draw()
  }

  return {
    begin: (steps) => {
      list = startList(
        steps.map((step) => row(step)),
        streams,
      )
    },
    started: () => {},
    progress: (step, text) => retitle(step, `${step.title}: ${text}`),
    line: (step, text) => {
      row(step).lines.push(text)
      row(step).draw()
    },
    ended: (step, { status, detail, milliseconds }) => {
      row(step).skipped = status === 'skipped'
      const what = detail === undefined ? step.title : `${step.title}: ${detail}`
      retitle(step, status === 'skipped' ? what : `${what} (${duration(milliseconds)})`)
      row(step).finish()
    },
    failed: (step, _error, milliseconds) => {
      retitle(step, `${step.title}: failed after ${duration(milliseconds)}`)
      row(step).fail()
    },
    end: async () => {
      // After a failure or an interrupt some rows have no end of their own.
      for (const each of rows.values()) each.fail()
      await list
    },
  }
}

function newRow(step: Step): Row {
  let finish = () => {}
  let fail = () => {}
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = () => reject(new Error('failed'))
  })
  // The error itself is told by the caller; a row only turns red.
  finished.catch(() => {})
  return { title: step.title, lines: [], skipped: false, draw: () => {}, finished, finish, fail }
}

function startList(
  rows: readonly Row[],
  streams: { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream },
): Promise<unknown> {
  const list = new Listr<unknown, typeof StderrRenderer, typeof DefaultRenderer>(
    rows.map((row) => ({
      title: row.title,
      task: async (_, task) => {
        let drawn = 0
        row.draw = () => {
          task.title = row.title
          for (const line of row.lines.slice(drawn)) task.output = line
          drawn = row.lines.length
        }
        row.draw()
        await row.finished
        if (row.skipped) task.skip(row.title)
      },
      rendererOptions: { outputBar: Number.POSITIVE_INFINITY, persistentOutput: true },
    })),
    {
      renderer: StderrRenderer,
      rendererOptions: {
        // Swapped on purpose: listr2 draws on what it takes for standard output.
        logger: new ListrLogger({
          useIcons: true,
          toStderr: [],
          processOutput: new ProcessOutput(streams.stderr, streams.stdout),
        }),
        collapseErrors: true,
        showErrorMessage: false,
        suffixSkips: true,
      },
      registerSignalListeners: false,
    },
  )
  return list.run().catch(() => {})
}
