// SPDX-License-Identifier: MPL-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadSeries } from '../series/manifest.ts'
import { addLine, type Lab, numbered } from '../series/testing.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import { type MadeBundle, type MakeOptions, makeBundle } from './make.ts'
import { points } from './points.ts'
import type { BundleFacts } from './types.ts'

export const today = new Date('2026-01-25T12:00:00Z')
const hash = 'a'.repeat(64)
const baseTree = 'b'.repeat(40)
const machine = { cpu: 'Example 9000', cores: 2, kernel: 'Linux 6.1', memory: '8.0 GiB' }
const common = {
  schemaVersion: 1,
  date: '2026-01-24T10:00:00.000Z',
  machine,
  files: [] as string[],
}

/** Reports of a series by which every gate opens; each with what belongs to it. */
export function goodReports(seriesHash = hash, tree = baseTree, commits = 2) {
  const subject = {
    ...{ release: 'master', version: '4.3.6', tree, seriesHash, edited: false },
    ...{ compiler: 'g++ 12.2.0', flags: [], buildSystem: 'autotools', route: 'git' },
    libscif: { kind: 'soft', version: 'libscif.so.0.0.1' },
  }
  const counts = { passed: 120, failed: 0, skipped: 3 }
  const cell = (buildSystem: string, scif: boolean) => ({
    ...{ release: 'master', version: '4.3.6', tree, seriesHash, buildSystem, scif },
    ...{ others: false, status: 'passed', tests: counts },
    ...(scif ? {} : { symbolsEqual: true }),
    ...(buildSystem === 'cmake' ? { everyCommit: { commits, failed: [] as string[] } } : {}),
  })
  const result = (transport: string, measure: string, median: number, unit: string) => ({
    ...{ transport, measure, size: 1000, median, low: median * 0.9, high: median * 1.1, unit },
  })
  return {
    check: {
      ...common,
      ...subject,
      command: 'check',
      commands: ['./build check --release master'],
      files: ['check.xml'],
      totals: counts,
      suites: [{ id: 'upstream', title: 'libzmq’s own tests', ...counts }],
    },
    perf: {
      ...common,
      ...subject,
      command: 'perf',
      commands: ['./build perf --release master'],
      files: ['perf-throughput.svg'],
      results: [
        result('scif', 'throughput', 1_512_345, 'msg/s'),
        result('tcp', 'throughput', 801_234, 'msg/s'),
        result('scif', 'latency', 12.34, 'us'),
      ],
    },
    verify: {
      ...common,
      command: 'verify',
      commands: ['./build verify --every-commit --release master'],
      releases: [{ release: '4.3.2', status: 'unsupported', reason: 'it is too old' }],
      cells: [
        cell('autotools', true),
        cell('autotools', false),
        cell('cmake', true),
        cell('cmake', false),
      ],
    },
    prove: {
      ...common,
      ...subject,
      command: 'bundle --prove',
      commands: ['./build bundle --prove --release master'],
      files: ['prove/distcheck.log'],
      proofs: ['clang-format', 'docs', 'cxx98', 'distcheck'].map((name) => ({
        ...{ name, passed: true, detail: `${name} did well`, command: `try ${name}` },
        date: common.date,
      })),
    },
  }
}

export type GoodReports = ReturnType<typeof goodReports>

/** Writes reports, and what belongs to them, into a folder. */
export async function writeReports(dir: string, reports: Partial<GoodReports>): Promise<void> {
  const put = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
  for (const [name, report] of Object.entries(reports)) {
    await put(`${name}.json`, JSON.stringify(report))
    for (const file of report.files) await put(file, `<!-- ${name} was run in ${dir} -->\n`)
  }
}

/** Facts with which every gate is open. */
export function openFacts(reports: Partial<GoodReports> = goodReports()): BundleFacts {
  const zero = { added: 0, removed: 0 }
  const commit = (slug: string) => ({
    ...{ id: 'c'.repeat(40), tree: 'd'.repeat(40), slug, patchId: 'e'.repeat(40) },
    subject: `Problem: no ${slug}`,
    message: `Problem: no ${slug}\n\nSolution: add it.\n`,
  })
  return {
    ...{ name: 'scif', version: 1, release: 'master', zmqVersion: '4.3.6', changeId: 'scif-1' },
    base: { commit: 'f'.repeat(40), tree: baseTree, date: '2026-01-20', imported: false },
    head: { commit: 'c'.repeat(40), tree: 'd'.repeat(40) },
    ...{ branch: 'scif', author: { name: 'Ada Example', email: 'ada@example.org' } },
    ...{ signOff: false, seriesHash: hash, commits: [commit('address'), commit('glue')] },
    glue: { src: { added: 100, removed: 5 }, build: zero, tests: zero, doc: zero, other: zero },
    newLines: 1000,
    added: [
      { path: 'src/scif_address.cpp', text: `${licence}int scif_address;\n` },
      { path: 'tests/test_pair_scif.cpp', text: `${licence}int main () {}\n` },
      { path: 'doc/zmq_scif.adoc', text: 'zmq_scif(7)\n' },
    ],
    edited: Object.entries(edits).map(([path, text]) => ({ path, text })),
    paths: points.flatMap(({ paths }) => paths.map((path) => path.replace('*', 'x'))),
    addedLines: [{ path: 'src/scif_address.cpp', text: '    return 0;' }],
    authorsFile: authors.replace('Bob', 'Ada Example\nBob'),
    notExported: [],
    tip: { commit: 'f'.repeat(40) },
    evidence: { ...reports, problems: {}, files: new Map() } as unknown as Evidence,
    ...{ project: 'https://example.org/scif', changes: undefined, rangeDiff: undefined },
    ...{ now: today, evidenceDays: 14 },
  }
}

const licence = '/* SPDX-License-Identifier: MPL-2.0 */\n\n'

export const authors = `Corporate Contributors
======================

Copyright (c) Example Corporation

Individual Contributors
=======================

Aaron First
Bob Second
Carol Third

Credits
=======

Zed Last
`

/** What the small series does to the build systems, so that they say the same. */
const edits: Record<string, string> = {
  'Makefile.am': 'src/scif_address.cpp \\\ntests/test_pair_scif.cpp\n',
  'CMakeLists.txt': [
    'option(WITH_SCIF "Build with SCIF" OFF)',
    'set(ZMQ_HAVE_SCIF 1)',
    'set(pkg_config_libs_private " -lscif")',
    'scif_address.cpp)\n',
  ].join('\n'),
  'configure.ac': [
    'AC_ARG_WITH([scif], [], [], [])',
    'PKGCFG_LIBS_PRIVATE="$PKGCFG_LIBS_PRIVATE $scif_LIBS"',
    'AC_DEFINE(ZMQ_HAVE_SCIF, 1, [Have SCIF transport])\n',
  ].join('\n'),
  'builds/cmake/platform.hpp.in': '#cmakedefine ZMQ_HAVE_SCIF\n',
  'tests/CMakeLists.txt': 'list(APPEND tests test_pair_scif)\n',
  'doc/Makefile.am': 'MAN7 = zmq_scif.7\n',
}

/** A small upstream with history, and a series of two commits whose tree opens every gate on it. */
export async function bundleLab(lab: Lab): Promise<FetchedSource> {
  const upstream = (path: string, text: string) => lab.write(`upstream/${path}`, text)
  const added = points.flatMap(({ paths }) => paths).filter((path) => /scif|linger/.test(path))
  const files = [...new Set([...added, 'doc/zmq_scif.adoc'])].map((path) =>
    path.replace('.*', '.cpp').replace('*', 'pair'),
  )
  const sources = ['socket_base', 'session_base', 'address', 'zmq'].map((name) => `src/${name}.cpp`)
  for (const path of sources) await upstream(path, numbered('line', 20))
  for (const path of Object.keys(edits)) await upstream(path, numbered('line', 20))
  await upstream('unittests/CMakeLists.txt', numbered('line', 20))
  await upstream('AUTHORS', authors)
  for (const path of files) await lab.write(`project/libzmq-ext/transport/${path}`, licence)
  const names = (pattern: RegExp, map: (path: string) => string): string =>
    files
      .filter((path) => pattern.test(path))
      .map(map)
      .join(' ')
  const base = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
  const stem = (path: string): string => base(path).replace('.cpp', '')
  const more: Record<string, string> = {
    'Makefile.am': names(/./, (path) => path),
    'CMakeLists.txt': names(/^src/, base),
    'tests/CMakeLists.txt': names(/^tests/, stem),
    'unittests/CMakeLists.txt': names(/^unittests/, stem),
  }
  const patch = Object.entries({ ...edits, 'unittests/CMakeLists.txt': '' }).map(([path, text]) =>
    addLines(path, [...text.split('\n'), more[path] ?? ''].filter(Boolean)),
  )
  await lab.write('project/patches/build.patch', patch.join(''))
  await lab.write('project/patches/glue.patch', addLine('src/zmq.cpp', 'line', 10))
  await lab.write('project/patches/series.yaml', manifest(files, 1))
  const source = await lab.release('a master', 'master', '4.3.6')
  await lab.git(['checkout', '--quiet', '-B', 'master'], 'upstream')
  return { ...source, gitDir: join(lab.upstream, '.git') }
}

/** The manifest of the small series, at a version. */
function manifest(files: readonly string[], version: number): string {
  return `schemaVersion: 1
name: scif
version: ${version}
supports: ">=4.3.3"
author: { name: The series, email: series@example.invalid }
date: "2026-01-01T00:00:00Z"
entries:
  - slug: build
    message: |
      Problem: nothing builds scif

      Solution: build it.
    patch: build.patch
    files: [${files.join(', ')}]
  - slug: glue
    message: |
      Problem: sockets do not know scif

      Solution: tell them.
    patch: glue.patch
`
}

/** A patch that adds lines behind line 10 of numbered ones. */
function addLines(path: string, lines: readonly string[]): string {
  return addLine(path, 'line', 10, lines.join('\n+')).replace(',7 @@', `,${6 + lines.length} @@`)
}

/** Makes the bundle of a lab that has been applied, with every gate open unless told otherwise. */
export async function makeLabBundle(
  lab: Lab,
  more: Partial<MakeOptions> & { reports?: string } = {},
): Promise<MadeBundle> {
  const { reports = join(lab.dir, 'reports'), ...options } = more
  const tip = (await lab.git(['rev-parse', 'master'], 'upstream')).trim()
  return makeBundle({
    series: await loadSeries(lab.patches, lab.transport),
    ...{ workDir: lab.workDir, release: 'master', dir: join(lab.dir, 'bundle') },
    author: { name: 'Ada Example', email: 'ada@example.org' },
    ...{ signOff: false, addAuthor: true, tip: { commit: tip }, withoutHistory: false },
    evidence: await readEvidence(reports, [[lab.dir, 'out']]),
    project: 'https://example.org/scif',
    ...{ changes: undefined, previousDir: undefined, waivers: new Map() },
    ...{ now: today, evidenceDays: 14 },
    context: { env: lab.env, signal: new AbortController().signal },
    ...options,
  })
}
