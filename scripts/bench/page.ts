// SPDX-License-Identifier: MPL-2.0
import type { Chart } from './chart.ts'
import type { CheckReport, Evidence, Found, VerifyReport } from './evidence.ts'
import { modelWarning, originOf } from './figures.ts'
import { palette } from './looks.ts'
import type { PerfReport } from './report.ts'
import { formatSize } from './sizes.ts'
import { toMarkdown } from './tables.ts'

export interface PageInput {
  report: PerfReport
  charts: readonly { chart: Chart; svg: string }[]
  evidence: Evidence
  /** The comparison with an earlier run, as Markdown. */
  comparison?: string
}

/** Everything on one page that needs no network, no script and no other file. */
export function renderPage({ report, charts, evidence, comparison }: PageInput): string {
  const warning = modelWarning(report)
  const figures = charts.map(
    ({ chart, svg }) =>
      `<figure id="${chart.id}">${svg.trim()}<figcaption>${escapeHtml(`${chart.title}. ${chart.caption}`)}</figcaption></figure>`,
  )
  const sections: [string, string, string][] = [
    ['figures', 'Figures', figures.join('\n')],
    ['tables', 'The same in numbers', fromMarkdown(toMarkdown(report))],
    ...(comparison
      ? [
          ['comparison', 'Against an earlier run', fromMarkdown(comparison)] as [
            string,
            string,
            string,
          ],
        ]
      : []),
    ['matrix', 'Compatibility', matrix(evidence.verify)],
    ['tests', 'Tests', tests(evidence.check)],
    ['repeat', 'How to repeat it', repeat(report, evidence)],
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>libzmq over SCIF: report of ${report.date.slice(0, 10)}</title>
<link rel="icon" href="data:,">
<style>${palette(':root')}${style}</style>
</head>
<body>
<header>
<h1>libzmq over SCIF</h1>
<p>${escapeHtml(originOf(report))}</p>
${warning ? `<p class="model">${escapeHtml(warning)}</p>` : ''}
${report.edited ? '<p class="model">The work tree had edits that the series does not have.</p>' : ''}
<nav>${sections.map(([id, title]) => `<a href="#${id}">${title}</a>`).join(' ')}</nav>
</header>
<main>
${sections.map(([id, title, body]) => `<section id="${id}"><h2>${title}</h2>\n${body}\n</section>`).join('\n')}
</main>
</body>
</html>
`
}

const style = `
body{margin:0 auto;padding:0 1rem 3rem;max-width:60rem;font:16px/1.5 system-ui,sans-serif;background:var(--ground);color:var(--ink)}
h1{font-size:1.7rem;margin:1.5rem 0 0}h2{font-size:1.3rem;margin:2.5rem 0 .5rem}h3{font-size:1.05rem;margin:1.5rem 0 .3rem}
header p{margin:.3rem 0;color:var(--quiet)}nav a{margin-right:1rem}a{color:var(--scif)}
figure{margin:1.5rem 0}figcaption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--faint);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td.text{text-align:left;white-space:normal}
pre{overflow-x:auto;padding:.7rem;border:1px solid var(--faint);border-radius:4px}code{font-size:.85rem}
.model{font-weight:600;color:var(--ink)}.passed::before{content:"✓ "}.failed::before{content:"✗ "}.failed{font-weight:700}
`

function matrix(found: Found<VerifyReport>): string {
  if ('missing' in found) return absent('./build verify', found.missing)
  const { cells, date } = found.report
  const columns = [...new Set(cells.map(columnOf))].sort()
  const rows = [...new Set(cells.map(({ release }) => release))]
  const body = rows.map((release) => {
    const version = cells.find((cell) => cell.release === release)?.version
    const name = version && version !== release ? `${release} (${version})` : release
    const each = columns.map((column) => {
      const cell = cells.find((c) => c.release === release && columnOf(c) === column)
      if (!cell) return '<td></td>'
      const { status, reason, tests } = cell
      const more = tests
        ? `, ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`
        : ''
      return `<td class="${status === 'passed' || status === 'failed' ? status : 'other'}"${reason ? ` title="${escapeHtml(reason)}"` : ''}>${escapeHtml(status)}${escapeHtml(more)}</td>`
    })
    return `<tr><th>${escapeHtml(name)}</th>${each.join('')}</tr>`
  })
  const reasons = cells.flatMap(({ release, status, reason, ...cell }) =>
    reason ? [`<li>${escapeHtml(`${release}, ${columnOf(cell)}: ${status}: ${reason}`)}</li>`] : [],
  )
  return `<p>Of ${escapeHtml(date.slice(0, 10))}: each release with each build system, with the transport and without.</p>
<div class="scroll"><table><thead><tr><th>libzmq</th>${columns.map((c) => `<th>${escapeHtml(c)}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
${reasons.length > 0 ? `<ul>${[...new Set(reasons)].join('')}</ul>` : ''}`
}

const columnOf = ({ buildSystem, scif }: { buildSystem: string | null; scif: boolean }) =>
  `${buildSystem ?? 'any'}, ${scif ? 'with scif' : 'without scif'}`

function tests(found: Found<CheckReport>): string {
  if ('missing' in found) return absent('./build check', found.missing)
  const { suites, totals, date, release, seriesHash } = found.report
  const row = (
    title: string,
    { passed, failed, skipped }: { passed: number; failed: number; skipped: number },
  ) =>
    `<tr><td class="text">${escapeHtml(title)}</td><td class="${failed > 0 ? 'failed' : 'passed'}">${passed}</td><td>${failed}</td><td>${skipped}</td></tr>`
  return `<p>Of ${escapeHtml(date.slice(0, 10))}: libzmq ${escapeHtml(release)}, series ${escapeHtml(seriesHash.slice(0, 12))}.</p>
<div class="scroll"><table><thead><tr><th>suite</th><th>passed</th><th>failed</th><th>skipped</th></tr></thead><tbody>${suites.map((suite) => row(suite.title, suite)).join('')}${row('all', totals)}</tbody></table></div>`
}

const absent = (command: string, why: string) =>
  `<p class="absent"><code>${command}</code> would fill this section; ${escapeHtml(why)}.</p>`

function repeat(report: PerfReport, { verify, check }: Evidence): string {
  const blocks: [string, readonly string[]][] = [
    ['The figures', report.commands],
    ['The compatibility matrix', 'report' in verify ? verify.report.commands : ['./build verify']],
    ['The tests', 'report' in check ? check.report.commands : ['./build check']],
    ['Everything that the project tests', ['./test']],
  ]
  const { settings, compiler, flags, machine } = report
  return `${blocks.map(([title, commands]) => `<h3>${title}</h3><pre><code>${escapeHtml(commands.join('\n'))}</code></pre>`).join('')}
<h3>Settings</h3>
<p>${settings.roundsDone} of ${settings.rounds} rounds, ${settings.secondsEach.toFixed(2)} s for each measurement; sizes ${settings.sizes.map(formatSize).join(', ')}. ${escapeHtml(compiler)}; average load ${machine.load.map((load) => load.toFixed(1)).join(' before, ')} after; ${escapeHtml(machine.memory)} of memory.</p>
<pre><code>${escapeHtml(flags.join(' '))}</code></pre>`
}

/** The Markdown that tables.ts writes, and nothing more: tables, lists, paragraphs, headings. */
function fromMarkdown(markdown: string): string {
  return markdown
    .trim()
    .split(/\n{2,}|\n(?=[|#-])(?<!\|\n)(?<!\n-[^\n]*\n)/)
    .map((block) => {
      const lines = block.trim().split('\n')
      const first = lines[0] ?? ''
      if (first.startsWith('#')) return `<h3>${escapeHtml(first.replace(/^#+ /, ''))}</h3>`
      if (first.startsWith('|')) return tableOf(lines)
      if (first.startsWith('- '))
        return `<ul>${lines.map((line) => `<li>${escapeHtml(line.slice(2))}</li>`).join('')}</ul>`
      return `<p>${escapeHtml(lines.join(' ').replaceAll('**', ''))}</p>`
    })
    .join('\n')
}

function tableOf(lines: readonly string[]): string {
  const cells = (line: string) => line.replace(/^\| ?/, '').replace(/ ?\|$/, '').split(' | ')
  const [heading = '', , ...rows] = lines
  const row = (line: string, tag: string) =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`)
      .join('')}</tr>`
  return `<div class="scroll"><table><thead>${row(heading, 'th')}</thead><tbody>${rows.map((line) => row(line, 'td')).join('')}</tbody></table></div>`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
