// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { docsOf, docsReport, quoteFigures, quotingDocuments } from '../bench/docs.ts'
import { readReport } from '../bench/report.ts'
import { commands } from '../commands/registry.ts'
import { loadSeries } from '../series/manifest.ts'
import { parsePatch } from '../series/patch-text.ts'
import { resolveSeries } from '../series/resolve.ts'
import { blocksOf, brokenLinks, missingPaths, readMarkdown, tableRows } from './markdown.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const docs = join(root, 'docs')
const files = readMarkdown(root)
/** Newer than all releases with variants of their own: what upstream will get. */
const newest = '4.3.99'

test('links lead somewhere, and so do anchors', () => {
  assert.ok(files.length >= 12, `${files.length} documents`)
  assert.equal(brokenLinks(root, files), [])
})

test('a link and an anchor that lead nowhere are seen', () => {
  const text = '# One\n## Two `x`!\n[a](#two-x) [b](#three) [c](none.md) [d](README.md#nowhere)\n'
  assert.equal(brokenLinks(root, [{ path: 'docs.md', text }]), [
    'docs.md: #three: there is no such heading',
    'docs.md: there is no none.md',
    'docs.md: README.md#nowhere: there is no such heading',
  ])
  assert.equal(
    brokenLinks(root, [{ path: 'README.md', text: '[e](https://x y) [f](../up.md) [g](file:x)' }]),
    [
      'README.md: ../up.md leads out of the repository',
      'README.md: file:x: only https links and paths',
    ],
  )
})

test('paths that documents name are there', () => {
  assert.equal(
    files.flatMap((file) => missingPaths(root, file)),
    [],
  )
})

test('commands in README and docs stand in blocks that are executed', () => {
  const command =
    /^(?: {4}|\t)(?:\$ )?(?:\.\/build|\.\/test|cmake|ctest|git|qemu-\w+|LD_LIBRARY_PATH=\S+ \.) ?.*/gm
  const shown = files
    .filter(({ path }) => path === 'README.md' || path.startsWith('docs/'))
    .filter(({ path }) => path !== 'docs/results.md')
  assert.equal(
    shown.flatMap(({ path, text }) =>
      [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(command)].map(
        ([line]) => `${path}:${line}`,
      ),
    ),
    [],
  )
  for (const block of shown.flatMap(blocksOf))
    assert.match(
      block.info,
      /^(?:sh(?: needs=(?:card|fairmq|cross))?|c|cpp|json|yaml|text)$/,
      `${block.path}:${block.line}`,
    )
})

test('the list of glue places in the guide is that of the series', async () => {
  const guide = readFileSync(join(docs, 'extending-zeromq.md'), 'utf8')
  const series = await loadSeries(join(root, 'patches'), join(root, 'libzmq-ext', 'transport'))
  const entries = resolveSeries(series, newest)
  const code = (cell = '') => cell.replaceAll('`', '')
  const listed = tableRows(guide, ['file', 'commit']).map(
    ([file, slug]) => `${code(file)} ${code(slug)}`,
  )
  const made = entries.flatMap(({ slug, patches }) =>
    patches.flatMap((patch) => parsePatch(patch.bytes).files.map((file) => `${file.path} ${slug}`)),
  )
  const missing = (from: readonly string[], others: readonly string[]) =>
    from.filter((each) => !others.includes(each))
  assert.equal(missing(made, listed), [], 'in the series, not in the guide')
  assert.equal(missing(listed, made), [], 'in the guide, not in the series')
  assert.is(listed.length, new Set(listed).size, 'a place is listed twice')

  const modules = [...guide.matchAll(/`(src\/(?:scif_\w+|msg_pool)\.[ch]pp)`/g)].map(
    ([, file]) => file,
  )
  const added = entries
    .flatMap((entry) => entry.files.map(({ to }) => to))
    .filter((to) => to.startsWith('src/'))
  assert.equal([...new Set(modules)].sort(), added.sort(), 'files of the modules')
})

test('the README tells of every command', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const listed = tableRows(readme, ['command', 'does']).map(([command = '']) => command)
  for (const { name } of commands)
    assert.ok(listed.includes(`\`./build ${name}\``), `README.md does not list ${name}`)
})

test('every figure in the docs comes from the report in the tree', async () => {
  const report = readReport(join(docs, docsReport))
  assert.match(report.seriesHash, /^[0-9a-f]{64}$/)
  assert.not.ok(report.edited, 'figures of an edited work tree')
  for (const [name, text] of await docsOf(report))
    assert.is(
      readFileSync(join(docs, name), 'utf8'),
      text,
      `docs/${name}: ./build perf --render docs/data/perf.json --write-docs`,
    )
  for (const name of quotingDocuments) {
    const text = readFileSync(join(root, name), 'utf8')
    assert.is(text, quoteFigures(text, report), name)
  }
  const charts = new Set((await docsOf(report)).keys())
  for (const name of existsSync(join(docs, 'images')) ? readdirSync(join(docs, 'images')) : [])
    assert.ok(charts.has(join('images', name)), `docs/images/${name} is of no report`)
})

test.run()
