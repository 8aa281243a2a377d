// SPDX-License-Identifier: MPL-2.0

import { type ExportReport, exportSeries } from '../series/export.ts'
import { workDirOf } from '../series/place.ts'
import { chooseRelease } from '../series/status.ts'
import { ExitCode } from '../ui/errors.ts'
import { projectSeries } from './apply.ts'
import type { Command } from './command.ts'

// Named so because "export" is a word of the language.
export const exportCommand: Command = {
  name: 'export',
  summary: 'Write the edited work tree back into patches/ and libzmq-ext/transport',
  options: [
    { flag: '--check', describe: 'Write nothing; fail when anything would change' },
    { flag: '--drop', describe: 'Drop entries without a commit from all releases' },
  ],
  examples: ['./build export', './build export --release 4.3.4', './build export --check'],
  plan: async (input) => {
    const series = await projectSeries(input)
    const { context, options } = input
    const release = await chooseRelease(context.out, options.release, context, 'export')
    const workDir = workDirOf(context.out, release)
    const check = input.extra.check === true
    let report: ExportReport | undefined
    return {
      steps: [
        {
          id: 'export',
          title: check ? 'Compare the work tree with the series' : 'Export the work tree',
          plan: [`read the commits refs/scif/base..HEAD of ${workDir}`],
          run: async (handle) => {
            report = await exportSeries({
              ...{ workDir, release, series, check, drop: input.extra.drop === true },
              context: { env: context.env, signal: handle.signal },
              line: handle.line,
            })
            for (const note of report.notes) handle.line(note)
            const count = report.changes.length
            if (count === 0) return { status: 'skipped', detail: '0 differences' }
            return { status: 'done', detail: `${count} ${count === 1 ? 'file' : 'files'}` }
          },
        },
      ],
      report: async () => {
        if (!report) throw new Error('the export step did not run')
        const differs = check && report.changes.length > 0
        // A source that nobody has committed would be missing from what is sent.
        const incomplete = check && report.untracked.length > 0
        return {
          exitCode: differs || incomplete ? ExitCode.checkFailed : ExitCode.done,
          data: { schemaVersion: 1, ...report },
          text: describe(report),
          next: differs ? [`./build export --release ${release}`] : [],
        }
      },
    }
  },
}

function describe(report: ExportReport): string {
  const forgotten = report.untracked.map(
    (path) => `not exported: ${path}, which git does not know; commit it or have git ignore it`,
  )
  if (report.changes.length === 0)
    return [`0 differences between ${report.workDir} and the series.`, ...forgotten].join('\n')
  const did = report.written ? '' : 'would be '
  const lines = report.changes.map(({ path, action }) => `${did}${action}: ${path}`)
  return [...lines, ...forgotten, ...report.notes.map((note) => `note: ${note}`)].join('\n')
}
