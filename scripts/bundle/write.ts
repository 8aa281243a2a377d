// SPDX-License-Identifier: MPL-2.0
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeCover } from './cover.ts'
import { reportNames } from './evidence.ts'
import { checkFigures, type Figure, Figures } from './figures.ts'
import { writeGitBundle } from './git-bundle.ts'
import { summarize, writeMails } from './mail.ts'
import type { Objects } from './objects.ts'
import { writePullRequest } from './pull-request.ts'
import type { BundleFacts, GateResult } from './types.ts'

export interface WrittenBundle {
  dir: string
  /** Relative to dir, sorted. */
  files: readonly string[]
  /** sha256 of SHA256SUMS: one number for all of it. */
  sha256: string
  figures: number
}

/**
 * Writes the bundle beside its place and moves it there whole. Nothing in it depends on the day,
 * the folder, the user or his configuration.
 */
export async function writeBundle(
  objects: Objects,
  dir: string,
  facts: BundleFacts,
  gates: readonly GateResult[],
  date: string,
): Promise<WrittenBundle> {
  const making = join(dirname(dir), `.${basename(dir)}.new-${process.pid}`)
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { recursive: true })
  try {
    const figures = await fill(objects, making, facts, gates, date)
    const files = await listFiles(making)
    const sums = await checksums(making, files)
    await put(making, 'SHA256SUMS', sums)
    await rm(dir, { recursive: true, force: true })
    await rename(making, dir)
    const sha256 = createHash('sha256').update(sums).digest('hex')
    return { dir, files: [...files, 'SHA256SUMS'].sort(), sha256, figures }
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

async function fill(
  objects: Objects,
  dir: string,
  facts: BundleFacts,
  gates: readonly GateResult[],
  date: string,
): Promise<number> {
  const range = { base: facts.base.commit, head: facts.head.commit }
  const mails = await writeMails(objects, join(dir, 'patches'), {
    ...range,
    version: facts.version,
  })
  await put(
    dir,
    'cover-letter.txt',
    writeCover(facts, gates, await summarize(objects, range), date),
  )
  const gitBundle = facts.base.imported ? undefined : `${facts.branch}.bundle`
  if (gitBundle)
    await writeGitBundle(objects, join(dir, gitBundle), { ...range, branch: facts.branch })
  const evidence = new Map(facts.evidence.files)
  evidence.set('series.json', json(seriesDocument(facts)))
  evidence.set('gates.json', json(gates))
  evidence.set('README.md', Buffer.from(evidenceIndex(facts)))
  for (const [name, bytes] of evidence) await put(dir, join('evidence', name), bytes)
  const figures = new Figures(evidence)
  const text = writePullRequest(facts, gates, figures)
  await put(dir, 'PULL_REQUEST.md', text)
  await checkWritten(dir, figures.taken)
  await put(
    dir,
    'bundle.json',
    json({
      schemaVersion: 1,
      ...seriesDocument(facts),
      gitBundle: gitBundle ?? null,
      patches: mails,
      gates,
      figures: figures.taken,
    }),
  )
  return figures.taken.length
}

/** Reads back what was written: each figure has to be what its file in evidence/ says. */
async function checkWritten(dir: string, figures: readonly Figure[]): Promise<void> {
  const files = new Map<string, Buffer>()
  for (const { file } of figures) files.set(file, await readFile(join(dir, 'evidence', file)))
  const wrong = checkFigures(figures, files, await readFile(join(dir, 'PULL_REQUEST.md'), 'utf8'))
  if (wrong.length > 0) throw new Error(`PULL_REQUEST.md is not borne out: ${wrong.join('; ')}`)
}

function seriesDocument(facts: BundleFacts) {
  const { name, version, changeId, branch, author, release, zmqVersion, base, head } = facts
  const { seriesHash, glue, newLines } = facts
  return {
    ...{ name, version, changeId, branch, author, release, zmqVersion, base, head, seriesHash },
    commits: facts.commits.map(({ id, subject, patchId, slug }) => ({
      ...{ id, subject, patchId, slug: slug ?? null },
    })),
    ...{ glue, newLines },
  }
}

/** What is in evidence/, from where, and how to get it again. */
function evidenceIndex({ evidence, seriesHash }: BundleFacts): string {
  const parts = reportNames.flatMap((name) => {
    const report = evidence[name]
    if (!report) return []
    const { cpu, cores, kernel, memory } = report.machine
    return [
      [
        `## ${name}.json`,
        '',
        `- date: ${report.date}`,
        `- machine: ${cpu}, ${cores} cores${memory === undefined ? '' : `, ${memory}`}, ${kernel}`,
        ...('compiler' in report ? [`- compiler: ${report.compiler}`] : []),
        ...('libscif' in report
          ? [`- libscif: ${report.libscif.kind} ${report.libscif.version ?? ''}`.trimEnd()]
          : []),
        ...report.commands.map((command) => `- command: \`${command}\``),
        ...report.files.map((file) => `- with it: ${file}`),
      ].join('\n'),
    ]
  })
  return `# Evidence\n\nOf the series with the hash ${seriesHash}. series.json and gates.json are written with the bundle; the rest was measured before.\n\n${parts.join('\n\n')}\n`
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`)

async function put(dir: string, name: string, content: string | Buffer): Promise<void> {
  const path = join(dir, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  await chmod(path, 0o644)
}

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort()
}

/** As sha256sum writes and checks it. */
async function checksums(dir: string, files: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const file of files) {
    const digest = createHash('sha256')
      .update(await readFile(join(dir, file)))
      .digest('hex')
    lines.push(`${digest}  ${file}\n`)
  }
  return lines.join('')
}
