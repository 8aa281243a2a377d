// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findExactly } from '../series/locate.ts'
import { loadSeries } from '../series/manifest.ts'
import { type FilePatch, hunkSides, parsePatch } from '../series/patch-text.ts'
import { resolveSeries } from '../series/resolve.ts'
import { git } from '../system/git.ts'
import { runOrFail } from '../system/run.ts'
import { releases } from '../upstream/releases.ts'
import { buildArgv, must, testedRelease } from './build-script.ts'
import type { StageContext } from './stage.ts'

/** A history that begins with a release and does something to a place where glue goes. */
export interface Future {
  /** The branch: "reformat", "move", "rename". */
  name: string
  repository: string
  /** The release, with which it begins. */
  good: string
  /** What is hit: the first entry that touches a file, and the file. */
  slug: string
  path: string
  /** Subject of the commit that does it. */
  culprit: string
  renamedTo?: string
}

interface Place {
  slug: string
  path: string
  lines: string[]
  /** Where the first hunk stands. */
  at: number
  count: number
}

const person = { name: 'Grace Example', email: 'grace@example.invalid' }
const stamp = (day: number) =>
  `${person.name} <${person.email}> ${1_800_000_000 + day * 86_400} +0000`

/** What becomes of the file of a place; a new path when it is renamed. */
const fates: Record<string, (place: Place) => { path: string; lines: string[] }> = {
  reformat: ({ path, lines, at, count }) => ({
    path,
    lines: lines.map((line, i) => (i >= at && i < at + count && line ? `  ${line}` : line)),
  }),
  move: ({ path, lines, at, count }) => {
    const half = at + Math.floor(count / 2)
    const moved = lines.slice(half, at + count)
    return { path, lines: [...lines.slice(0, half), ...lines.slice(at + count), ...moved] }
  },
  rename: ({ path, lines }) => ({ path: path.replace(/(\.\w+)?$/, '_renamed$1'), lines }),
}

/** Makes a repository with the tested release, and one branch of `count` commits for each fate. */
export async function makeFutures(context: StageContext, count: number): Promise<Future[]> {
  const { out, env, signal, logFile } = context
  const argv = buildArgv(context, 'fetch', '--quiet')
  await runOrFail(argv, { cwd: out, env, signal, logFile, what: './build fetch' })
  const { tree = '' } = releases.find(({ name }) => name === testedRelease) ?? {}
  const source = join(out, 'cache', 'trees', tree)
  const repository = join(out, 'future')
  rmSync(repository, { recursive: true, force: true })
  mkdirSync(repository, { recursive: true })
  const options = { cwd: repository, env, signal, author: person, date: '2026-01-01T00:00:00Z' }
  const at = [`--git-dir=${join(repository, '.git')}`, `--work-tree=${source}`]
  await git(['init', '--quiet', '--template='], options)
  await git([...at, 'add', '--force', '--all', '.'], options)
  await git([...at, 'commit', '--quiet', '-m', `libzmq ${testedRelease}`], options)
  const good = (await git(['rev-parse', 'HEAD'], options)).trim()
  const names = Object.keys(fates)
  const places = (await findPlaces(context, source)).slice(0, names.length)
  must(places.length === names.length, `only ${places.length} places`)
  const futures: Future[] = []
  for (const [i, name] of names.entries()) {
    const place = places[i] as Place
    const number = Math.floor(count * 0.6) + i
    const culprit = `${name} a place in ${place.path}`
    const fate = fates[name]?.(place) ?? place
    const input = history(name, good, count, { number, culprit, place, fate })
    await git(['fast-import', '--quiet'], { ...options, input })
    const renamedTo = fate.path === place.path ? {} : { renamedTo: fate.path }
    const { slug, path } = place
    futures.push({ name, repository, good, slug, path, culprit, ...renamedTo })
  }
  return futures
}

/** Places where glue goes, each of another entry: the first hunk of the first entry that touches a file. */
async function findPlaces(context: StageContext, source: string): Promise<Place[]> {
  const { root } = context
  const transport = join(root, 'libzmq-ext', 'transport')
  const series = await loadSeries(join(root, 'patches'), transport)
  const seen = new Set<string>()
  const places: Place[] = []
  for (const { slug, patches } of resolveSeries(series, testedRelease)) {
    const files = patches.flatMap((input) => parsePatch(input.bytes).files)
    const fresh = files.filter(({ path }) => !seen.has(path))
    for (const { path } of files) seen.add(path)
    // The first file of a commit that does not fit is the one that is told first.
    const place = fresh.map((file) => placeOf(slug, file, source)).find((one) => one !== undefined)
    if (place) places.push(place)
  }
  return places
}

function placeOf(slug: string, file: FilePatch, source: string): Place | undefined {
  const [hunk] = file.hunks
  if (!hunk) return undefined
  const { old } = hunkSides(hunk)
  const text = readFileSync(join(source, file.path), 'utf8')
  const lines = text.split('\n')
  const at = findExactly(lines, old, hunk.oldStart - 1)
  return at < 0 ? undefined : { slug, path: file.path, lines, at, count: old.length }
}

/** The commits of a branch as git fast-import reads them. */
function history(
  branch: string,
  from: string,
  count: number,
  hit: { number: number; culprit: string; place: Place; fate: { path: string; lines: string[] } },
): string {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
  return Array.from({ length: count }, (_, i) => {
    const isHit = i + 1 === hit.number
    const { place, fate, culprit } = hit
    const edit = isHit
      ? `${fate.path === place.path ? '' : `D ${place.path}\n`}M 644 inline ${fate.path}\n${data(fate.lines.join('\n'))}`
      : `M 644 inline FUTURE\n${data(`day ${i + 1}\n`)}`
    const subject = isHit ? culprit : `Day ${i + 1} of the ${branch}`
    const base = i === 0 ? `from ${from}\n` : ''
    return `commit refs/heads/${branch}\ncommitter ${stamp(i)}\n${data(`${subject}\n`)}${base}${edit}\n`
  }).join('')
}
