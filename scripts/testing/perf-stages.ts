// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chartsOf } from '../bench/figures.ts'
import { type PerfReport, readReport } from '../bench/report.ts'
import { run, runOrFail } from '../system/run.ts'
import { findBrowser, look } from './browser.ts'
import { buildArgv, must } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Counts } from './counts.ts'
import type { Stage, StageContext } from './stage.ts'

/** ./build perf for real, and its page in a real browser. */
export const perfStages: readonly Stage[] = [
  {
    id: 'perf',
    title: './build perf: a short run, its files, its page in a browser',
    floor: 5,
    minutes: 8,
    after: ['build'],
    run: perfStage,
  },
]

/** So small that it takes half a minute; what it measures is worth nothing. */
const tiny = ['--sizes', '64,64K', '--rounds', '2', '--minutes', '0.3']

async function perfStage(context: StageContext): Promise<Counts> {
  const checks = new Checks(context)
  const { env, signal, logFile, progress } = context
  const reports = join(context.out, 'reports')
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  const perf = (...more: string[]) => buildArgv(context, 'perf', ...more)
  for (const name of existsSync(reports) ? readdirSync(reports) : [])
    if (/^perf[.-]|^report\.html$/.test(name)) rmSync(join(reports, name))
  let report: PerfReport | undefined
  const measured = () => {
    must(report, 'there is no report')
    return report
  }

  await checks.that('a run measures all transports, without a hang of scif', async () => {
    await runOrFail(perf(...tiny), { ...options, what: './build perf' })
    report = readReport(join(reports, 'perf.json'))
    for (const transport of ['scif', 'tcp', 'inproc', 'ring'])
      for (const measure of ['throughput', 'latency'])
        for (const size of [64, 65536])
          must(
            report.results.some(
              (r) => r.transport === transport && r.measure === measure && r.size === size,
            ),
            `no ${measure} of ${transport} at ${size}`,
          )
    const scif = report.results.filter(({ transport }) => transport === 'scif')
    must(
      scif.every(({ samples }) =>
        samples.every(({ usage }) => usage && usage.user + usage.system > 0),
      ),
      'processor time is missing',
    )
  })
  await checks.that('system calls are counted, or it is said why not', () => {
    const { counters } = measured()
    must(
      counters.systemCallsBy ? counters.systemCalls.length > 0 : counters.systemCallsNote,
      JSON.stringify(counters),
    )
    must(
      counters.kernelCopiesBy ? counters.kernelCopies.length > 0 : counters.kernelCopiesNote,
      JSON.stringify(counters),
    )
  })
  await checks.that('the files that the report names are there, and not empty', () => {
    for (const name of measured().files)
      must(readFileSync(join(reports, name), 'utf8').length > 100, name)
  })
  await checks.that('rendering the report again gives the same bytes', async () => {
    const names = [...measured().files, 'perf.json']
    const read = () => names.map((name) => readFileSync(join(reports, name), 'utf8'))
    const before = read()
    await runOrFail(perf('--render', join(reports, 'perf.json')), {
      ...options,
      what: './build perf --render',
    })
    const now = read()
    for (const [index, name] of names.entries())
      must(before[index] === now[index], `${name} has changed`)
  })
  await checks.that('a file that is no report is refused with exit code 2', async () => {
    const file = join(context.out, 'no-report.json')
    writeFileSync(file, '{"schemaVersion":1}')
    const { exitCode, stderr } = await run(perf('--compare', file), options)
    must(exitCode === 2 && /is not a report/.test(stderr), `${exitCode}: ${stderr}`)
  })

  const browser = findBrowser(env)
  if (!browser) {
    const why = 'no Chromium is installed (Debian: apt-get install chromium)'
    const counts = checks.counts()
    writeFileSync(logFile, `skipped: the page in a browser: ${why}\n`, { flag: 'a' })
    progress(`skipped: ${why}`)
    return { ...counts, skipped: counts.skipped + 1 }
  }
  for (const dark of [false, true])
    await checks.that(`the page in a browser, ${dark ? 'dark' : 'light'}`, async () => {
      const html = readFileSync(join(reports, 'report.html'), 'utf8')
      await lookAtPage(browser, html, measured(), { env, signal, dark })
    })
  await checks.that('a page with a figure missing, or an error in it, does not pass', async () => {
    const html = readFileSync(join(reports, 'report.html'), 'utf8')
    const spoilt = [
      html.replace(/<figure id="latency">[\s\S]*?<\/figure>/, ''),
      html.replace('</body>', '<script>console.error("spoilt")</script></body>'),
    ]
    for (const page of spoilt) {
      const passed = await lookAtPage(browser, page, measured(), { env, signal, dark: false }).then(
        () => true,
        () => false,
      )
      must(!passed, 'it has passed')
    }
  })
  await checks.that('the charts as pictures in a browser', async () => {
    const names = measured().files.filter((name) => name.endsWith('.svg'))
    const images = names.map((name) => `<img src="${pathToFileURL(join(reports, name)).href}">`)
    const { probe, complaints } = await look(
      browser,
      `<!doctype html><html><body>${images.join('')}</body></html>`,
      '[...document.images].map((image) => image.naturalWidth)',
      { env, signal },
    )
    must(complaints.length === 0, complaints.join('\n'))
    const widths = probe as number[]
    must(widths.length === names.length && widths.every((w) => w > 100), widths.join(' '))
  })
  return checks.counts()
}

interface PageProbe {
  figures: { id: string; width: number; height: number; marks: number }[]
  broken: string[]
  sections: string[]
  ground: string
  ink: string
}

const probe = `({
  figures: [...document.querySelectorAll('figure')].map((figure) => {
    const svg = figure.querySelector('svg')
    const box = svg ? svg.getBoundingClientRect() : { width: 0, height: 0 }
    const marks = svg ? [...svg.querySelectorAll('[aria-label="dot"] path, [aria-label="dot"] circle')]
      .filter((mark) => mark.getBoundingClientRect().width > 0).length : 0
    return { id: figure.id, width: box.width, height: box.height, marks }
  }),
  broken: [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute('href'))
    .filter((href) => !document.querySelector(href)),
  sections: [...document.querySelectorAll('section')].filter((s) => s.innerText.trim().length > 40).map((s) => s.id),
  ground: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
})`

async function lookAtPage(
  browser: string,
  html: string,
  report: PerfReport,
  options: { env: StageContext['env']; signal: AbortSignal; dark: boolean },
): Promise<void> {
  must(!/(?:src|href)="(?:https?:)?\/\//.test(html), 'the page asks for something of the network')
  const { probe: said, complaints } = await look(browser, html, probe, options)
  const seen = said as PageProbe
  must(complaints.length === 0, complaints.join('\n'))
  must(seen.broken.length === 0, `links to nowhere: ${seen.broken.join(' ')}`)
  for (const { id, points } of chartsOf(report)) {
    const figure = seen.figures.find((each) => each.id === id)
    must(figure && figure.width > 300 && figure.height > 200, `figure ${id} is not to be seen`)
    must(figure.marks >= points.length, `figure ${id}: ${figure.marks} of ${points.length} points`)
  }
  for (const id of ['figures', 'tables', 'matrix', 'tests', 'repeat'])
    must(seen.sections.includes(id), `section ${id} is empty`)
  const light = (colour: string) => {
    const [r = 0, g = 0, b = 0] = (colour.match(/\d+/g) ?? []).map(Number)
    return r + g + b > 382
  }
  must(
    light(seen.ground) !== options.dark && light(seen.ink) === options.dark,
    `${seen.ink} on ${seen.ground}`,
  )
}
