// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { drawChart } from './chart.ts'
import { chartsOf, originOf } from './figures.ts'
import { findings } from './findings.ts'
import { openDrawing } from './plot.ts'
import type { PerfReport } from './report.ts'
import { formatSize } from './sizes.ts'
import { byTransport, costTable, problemList, ratioTable } from './tables.ts'

/** The documents that quote figures, from the repository's root. */
export const quotingDocuments: readonly string[] = ['README.md', 'docs/design-transport.md']

/** The report that the documents are of, from docs/. */
export const docsReport = join('data', 'perf.json')

/** What a run makes of docs/, by path from there. */
export async function docsOf(report: PerfReport): Promise<Map<string, string>> {
  const drawing = await openDrawing()
  const charts = chartsOf(report)
  const files = new Map<string, string>()
  for (const chart of charts)
    files.set(join('images', `perf-${chart.id}.svg`), drawChart(chart, drawing))
  const names = [...files.keys()]
  files.set(docsReport, `${JSON.stringify({ ...report, files: [] })}\n`)
  files.set(
    'results.md',
    resultsPage(
      report,
      charts.map(({ title, caption }, index) => ({ title, caption, file: names[index] ?? '' })),
    ),
  )
  return files
}

/** Writes what docsOf says, removes charts that there are no more, and fills in what is quoted. */
export async function writeDocs(report: PerfReport, docs: string): Promise<void> {
  const files = await docsOf(report)
  for (const [name, text] of files) {
    mkdirSync(dirname(join(docs, name)), { recursive: true })
    writeFileSync(join(docs, name), text)
  }
  for (const name of readdirSync(join(docs, 'images')))
    if (/^perf-.*\.svg$/.test(name) && !files.has(join('images', name)))
      rmSync(join(docs, 'images', name))
  for (const name of quotingDocuments) {
    const file = join(dirname(docs), name)
    writeFileSync(file, quoteFigures(readFileSync(file, 'utf8'), report))
  }
}

/**
 * Fills in the figures that a document quotes: what stands between `<!-- perf: NAME -->` and
 * `<!-- /perf -->`.
 */
export function quoteFigures(document: string, report: PerfReport): string {
  return document.replaceAll(
    /(<!-- perf: (\w+) -->)[\s\S]*?(<!-- \/perf -->)/g,
    (_, begin: string, name: string, end: string) => {
      const quote = quotes[name]
      if (!quote) throw new Error(`there is no figure "${name}" to quote`)
      return `${begin}\n${quote(report).trim()}\n${end}`
    },
  )
}

const quotes: Readonly<Record<string, (report: PerfReport) => string>> = {
  origin: (report) => `${originOf(report)}.`,
  findings: (report) => bullets(findings(report)),
  cost: costTable,
}

const bullets = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join('\n')

function resultsPage(
  report: PerfReport,
  images: readonly { title: string; caption: string; file: string }[],
): string {
  const { machine, settings, counters, flags, compiler, commands, link, libscif } = report
  const model =
    link === null
      ? []
      : [`**A model, not a measurement of a card: \`SOFTSCIF_LINK=${link}\`.**`, '']
  return `<!-- Written by ./build perf --write-docs from data/perf.json; edit scripts/bench/docs.ts instead. -->
# Results

${model.join('\n')}Everything here is of one run, whose report with every single sample is [data/perf.json](data/perf.json):

| | |
|---|---|
| date | ${report.date} |
| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memory}, virtualization: ${machine.virtualization} |
| kernel | ${machine.kernel} |
| load | ${machine.load[0].toFixed(2)} before, ${machine.load[1].toFixed(2)} after (average of a minute) |
| libzmq | ${report.release} (${report.version}), tree ${report.tree.slice(0, 12)}, by ${report.route} |
| series | ${report.seriesHash}${report.edited ? ', WITH EDITS' : ''} |
| libscif | ${libscif.kind === 'soft' ? 'SoftSCIF' : 'real'} ${libscif.version ?? ''}${libscif.device ? `, ${libscif.device}` : ''} |
| compiler | ${compiler}, ${report.buildSystem} |
| flags | \`${flags.join(' ').replaceAll('|', '\\|')}\` |
| rounds | ${settings.roundsDone} of ${settings.rounds}, ${settings.secondsEach.toFixed(2)} s for each measurement |

The same again:

${commands.map((command) => `    ${command}`).join('\n')}

## What it says

${bullets(findings(report))}

"Better" and "worse" only where the ratios of all rounds lie on one side of 1, and their median differs from it by 5 % or more.
${libscif.kind === 'soft' ? 'With SoftSCIF both ends are on one machine and share its memory: this compares the ways that bytes take between processes, and the work of the transport itself. It says nothing of PCIe or of a card; [hardware.md](hardware.md) does.\n' : ''}
## How it was measured

- The programs are libzmq's own, unchanged: \`local_thr\` and \`remote_thr\` (PUSH to PULL), \`local_lat\` and \`remote_lat\` (REQ to REP and back, halved), \`inproc_thr\` and \`inproc_lat\`. They leave libzmq's defaults as they are, and do not fill the messages that \`remote_thr\` sends: the sender's pages are not touched before they are sent, on any transport. inproc hands messages over without looking at them.
- \`local_thr\` divides all messages by the time that all but the first took; that is put right here.
- \`ring\` is the physical limit of this machine: \`native-tests/perf/raw_ring.cpp\` copies bytes into a ring in shared memory and out of it, spinning, without messages, threads or a protocol.
- Sizes: ${settings.sizes.map(formatSize).join(', ')}. How many messages make a measurement is found out beforehand, which is the warm-up, too; it is bounded by the memory that messages on their way may take.
- The transports take turns within each round at each size, in another order each round. Ratios are made round by round, so that what disturbs a round disturbs both sides of a ratio.
- Processor time and context switches are what the kernel counted for the processes of both ends, starting and ending included. System calls were counted by ${counters.systemCallsBy ?? 'nothing'}${counters.systemCallsNote ? ` (${counters.systemCallsNote})` : ''}, bytes through the kernel by ${counters.kernelCopiesBy ?? 'nothing'}${counters.kernelCopiesNote ? ` (${counters.kernelCopiesNote})` : ''}, in runs of their own.

## Figures

${images.map(({ title, caption, file }) => `### ${title}\n\n![${title}](${file})\n\n${caption}`).join('\n\n')}

## Throughput, messages per second

Medians, with the quartiles in brackets.

${byTransport(report, 'throughput')}
## Latency, microseconds one way

Medians, with the quartiles in brackets.

${byTransport(report, 'latency')}
## scif against the others

Above 1 scif is better: at 2 it moves twice as much, or takes half as long. Medians of the ratios of each round, with the quartiles in brackets.

${ratioTable(report)}
## What it costs

Throughput runs, both ends together. Two bytes through the kernel per byte are one copy into it and one out of it. What is copied in user space is told in [design-transport.md](design-transport.md#copies).

${costTable(report)}${problemList(report)
  .map((line) => `${line.replace(/^#### /, '\n## ')}\n`)
  .join('')}`
}
