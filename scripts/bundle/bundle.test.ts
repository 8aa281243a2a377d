// SPDX-License-Identifier: MPL-2.0
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failureOf, inLab, type Lab } from '../series/testing.ts'
import { git } from '../system/git.ts'
import { run } from '../system/run.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { findAuthor } from './author.ts'
import { bundleLab, goodReports, makeLabBundle, writeReports } from './testing.ts'

const file = (lab: Lab, path: string): Promise<string> => lab.read(join('bundle', path))

/** A lab with the series applied, and reports that are of it. */
async function prepared(lab: Lab): Promise<FetchedSource> {
  const source = await bundleLab(lab)
  await applyIt(lab, source)
  return source
}

async function applyIt(lab: Lab, source: FetchedSource): Promise<void> {
  const { seriesHash } = await lab.apply(source)
  await writeReports(join(lab.dir, 'reports'), goodReports(seriesHash, source.tree))
}

/** Runs git as a stranger in a clone of upstream; fails the test when git fails. */
async function cloneOf(lab: Lab, name: string) {
  const dir = join(lab.dir, name)
  await git(['clone', '--quiet', lab.upstream, dir], {
    cwd: lab.dir,
    env: lab.env,
    timeout: 30_000,
  })
  return { dir, git: (...args: string[]): Promise<string> => lab.git(args, name) }
}

const patchesOf = async (lab: Lab, version = 1): Promise<string[]> => {
  const dir = join(lab.dir, 'bundle', `v${version}`, 'patches')
  return (await readdir(dir)).sort().map((name) => join(dir, name))
}

test('git am of the patches and a fetch from the git bundle give the identical tree', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { facts, written } = await makeLabBundle(lab)
    assert.ok(written)
    assert.is(facts.commits.length, 3)
    const am = await cloneOf(lab, 'am')
    await am.git('am', '--quiet', ...(await patchesOf(lab)))
    const fetched = await cloneOf(lab, 'fetched')
    await fetched.git('bundle', 'verify', '--quiet', join(written.dir, 'scif.bundle'))
    await fetched.git('fetch', '--quiet', join(written.dir, 'scif.bundle'), 'scif:scif')
    assert.is((await am.git('rev-parse', 'HEAD^{tree}')).trim(), facts.head.tree)
    assert.is((await fetched.git('rev-parse', 'scif^{tree}')).trim(), facts.head.tree)
    assert.is((await fetched.git('rev-parse', 'scif')).trim(), facts.head.commit)
    assert.is((await fetched.git('merge-base', 'scif', 'master')).trim(), facts.base.commit)
    const log = await fetched.git('log', '--format=%an <%ae>%n%B', 'master..scif')
    assert.not.match(log, /Series-Entry|series@example/)
    assert.match(log, /Ada Example <ada@example\.org>/)
    // The commits that git am makes say the same, too.
    assert.is(
      await am.git('log', '--format=%B', 'origin/master..'),
      await fetched.git('log', '--format=%B', 'master..scif'),
    )
  }))

test('AUTHORS gets the author where the alphabet has him, and only when asked', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { facts } = await makeLabBundle(lab)
    assert.match(facts.authorsFile ?? '', /Aaron First\nAda Example\nBob Second/)
    assert.is(facts.commits.at(-1)?.subject, 'Problem: AUTHORS does not list Ada Example')
    const without = await makeLabBundle(lab, { addAuthor: false })
    assert.is(without.written, undefined)
    assert.equal(
      without.gates.filter((gate) => !gate.ok).map((gate) => gate.name),
      ['authors'],
    )
    const known = { name: 'Carol Third', email: 'carol@example.org' }
    assert.is((await makeLabBundle(lab, { author: known })).facts.commits.length, 2)
  }))

test('the sign-off is the author’s, on each commit', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { facts } = await makeLabBundle(lab, { signOff: true })
    for (const { message } of facts.commits)
      assert.match(message, /\n\nSigned-off-by: Ada Example <ada@example\.org>\n$/)
  }))

test('two folders, users, configurations and days give the same bytes', async () => {
  const sums: string[] = []
  const odd = [
    '[user]\n name = Eve Other\n email = eve@example.org\n',
    '[core]\n autocrlf = true\n abbrev = 9\n quotePath = true\n[i18n]\n commitEncoding = ISO-8859-1\n',
    '[diff]\n noprefix = true\n mnemonicPrefix = true\n algorithm = patience\n context = 9\n renames = copies\n',
    '[format]\n signature = x\n signOff = true\n thread = deep\n attach = x\n numbered = false\n suffix = .eml\n subjectPrefix = Y\n useAutoBase = true\n notes = *\n',
    '[pack]\n threads = 4\n window = 50\n depth = 5\n compression = 1\n[core]\n compression = 1\n[color]\n ui = always\n[commit]\n gpgSign = true\n[log]\n showSignature = true\n',
  ].join('')
  for (const user of ['plain', 'odd']) {
    await inLab(async (lab) => {
      const strange = user === 'odd'
      if (strange) await writeFile(join(lab.dir, 'home', '.gitconfig'), odd)
      await prepared(lab)
      if (strange) {
        // What the user sets in the work tree itself, and objects that lie there otherwise.
        const config = join(lab.workDir, '.git', 'config')
        await writeFile(config, (await readFile(config, 'utf8')) + odd)
        await lab.git(
          ['-c', 'pack.window=1', '-c', 'commit.gpgSign=false', 'repack', '-adq'],
          'work/libzmq-4.3.5',
        )
      }
      const before = process.umask(strange ? 0o077 : 0o022)
      try {
        const env = strange
          ? {
              ...lab.env,
              LC_ALL: 'de_DE.UTF-8',
              TZ: 'Asia/Tokyo',
              GIT_AUTHOR_NAME: 'Nobody',
              EMAIL: 'x@y',
            }
          : lab.env
        const now = new Date(strange ? '2026-01-29T23:00:00Z' : '2026-01-24T10:00:00Z')
        const context = { env, signal: new AbortController().signal }
        const { written } = await makeLabBundle(lab, { context, now })
        assert.ok(written)
        sums.push(await file(lab, 'v1/SHA256SUMS'))
      } finally {
        process.umask(before)
      }
    })
  }
  assert.is(sums[0], sums[1])
  assert.match(sums[0] ?? '', / {2}scif\.bundle\n/)
})

test('made again it is the same, and its checksums hold', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const first = await makeLabBundle(lab)
    const second = await makeLabBundle(lab)
    assert.is(first.unchanged, false)
    assert.is(second.unchanged, true)
    assert.is(second.written?.sha256, first.written?.sha256)
    const sums = await run(['sha256sum', '--check', '--strict', 'SHA256SUMS'], {
      ...{ cwd: join(lab.dir, 'bundle', 'v1'), env: lab.env, timeout: 20_000 },
    })
    assert.is(sums.exitCode, 0, sums.stdout)
    assert.equal(
      (await readdir(join(lab.dir, 'bundle'))).sort(),
      ['v1'],
      'nothing else is left beside it',
    )
  }))

test('a closed gate leaves what was there, and a waiver is shown wherever it counts', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { written } = await makeLabBundle(lab)
    const old = await makeLabBundle(lab, { project: undefined })
    assert.is(old.written, undefined)
    assert.is(JSON.parse(await file(lab, 'v1/bundle.json')).gates.find(isProject).waived, undefined)
    const waivers = new Map([['project', 'it is not public yet']])
    const waived = await makeLabBundle(lab, { project: undefined, waivers })
    assert.is.not(waived.written?.sha256, written?.sha256)
    for (const name of [
      'PULL_REQUEST.md',
      'cover-letter.txt',
      'bundle.json',
      'evidence/gates.json',
    ])
      assert.match(await file(lab, `v1/${name}`), /it is not public yet/, name)
  }))

const isProject = (gate: { name: string }): boolean => gate.name === 'project'

test('the cover letter names base, change and patches so that tools find them', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { facts } = await makeLabBundle(lab)
    const cover = await file(lab, 'v1/cover-letter.txt')
    assert.match(cover, /^Subject: \[PATCH 0\/3\] Add the transport scif:\/\//m)
    assert.match(cover, new RegExp(`^base-commit: ${facts.base.commit}$`, 'm'))
    assert.match(cover, new RegExp(`^change-id: ${facts.changeId}$`, 'm'))
    for (const commit of facts.commits) assert.match(cover, `patch-id: ${commit.patchId} `)
    const [first = ''] = await patchesOf(lab)
    assert.match(
      await readFile(first, 'utf8'),
      /^Subject: \[PATCH 1\/3\] Problem: nothing builds scif$/m,
    )
    assert.ok(cover.split('\n').every((line) => line.length <= 120))
  }))

test('from version 2 on it says what changed, and shows it', () =>
  inLab(async (lab) => {
    const source = await prepared(lab)
    const first = await makeLabBundle(lab)
    const manifest = await lab.read('project/patches/series.yaml')
    await lab.write('project/patches/series.yaml', manifest.replace('version: 1', 'version: 2'))
    const glue = await lab.read('project/patches/glue.patch')
    await lab.write('project/patches/glue.patch', glue.replace('+scif here', '+scif is here'))
    await applyIt(lab, source)
    const silent = await makeLabBundle(lab)
    assert.equal(
      silent.gates.filter((gate) => !gate.ok).map((gate) => gate.name),
      ['changes'],
    )
    const { facts, written } = await makeLabBundle(lab, { changes: 'The hook says it better.\n' })
    assert.ok(written?.dir.endsWith('v2'))
    assert.is(facts.changeId, first.facts.changeId)
    assert.is(facts.commits[0]?.patchId, first.facts.commits[0]?.patchId)
    const cover = await file(lab, 'v2/cover-letter.txt')
    assert.match(cover, /^Subject: \[PATCH v2 0\/3\]/m)
    assert.match(cover, /The hook says it better\./)
    assert.match(cover, /1: {2}\w+ = 1: {2}\w+ Problem: nothing builds scif/)
    assert.match(cover, /2: {2}\w+ ! 2: {2}\w+ Problem: sockets do not know scif/)
    assert.match(cover, /-\+scif here\n.*\+\+scif is here/)
    assert.match(await file(lab, 'v2/PULL_REQUEST.md'), /## Changes since version 1\n\nThe hook/)
    await rm(join(lab.dir, 'bundle', 'v1'), { recursive: true })
    const gone = await makeLabBundle(lab, { changes: 'Better.' })
    assert.match(gone.gates.find((gate) => !gate.ok)?.sentence ?? '', /version 1 is not at hand/)
    const wrong = { previousDir: join(lab.dir, 'bundle', 'v2'), changes: 'Better.' }
    assert.match((await failureOf(makeLabBundle(lab, wrong))).message, /is the bundle of version 2/)
  }))

test('without history it says what it can’t give, and gives the rest only on request', () =>
  inLab(async (lab) => {
    const { gitDir: _, ...archive } = await bundleLab(lab)
    await applyIt(lab, archive)
    const error = await failureOf(makeLabBundle(lab))
    assert.is(error.exitCode, 1)
    assert.match(error.message, /came without history.*base commit.*nor a git bundle/)
    assert.match(error.hint ?? '', /--source git:.*\n.*--without-history/)
    const { facts, gates, written } = await makeLabBundle(lab, { withoutHistory: true })
    assert.equal(
      gates.filter((gate) => !gate.ok).map(({ name, waived }) => [name, waived]),
      [['base', 'asked for without history']],
    )
    assert.not.ok(written?.files.some((name) => name.endsWith('.bundle')))
    const cover = await file(lab, 'v1/cover-letter.txt')
    assert.not.match(cover, /base-commit/)
    assert.match(cover, `base-tree: ${archive.tree} (libzmq master)`)
    const am = await cloneOf(lab, 'am')
    await am.git('am', '--quiet', ...(await patchesOf(lab)))
    assert.is((await am.git('rev-parse', 'HEAD^{tree}')).trim(), facts.head.tree)
  }))

test('a work tree with edits closes the gate of the export', () =>
  inLab(async (lab) => {
    await prepared(lab)
    await writeFile(join(lab.workDir, 'src', 'zmq.cpp'), 'edited\n')
    const { gates, written } = await makeLabBundle(lab)
    assert.is(written, undefined)
    assert.match(gates.find((gate) => !gate.ok)?.sentence ?? '', /edits that are not committed/)
  }))

test('what is in evidence/ is what was found, without the folders of this machine', () =>
  inLab(async (lab) => {
    await prepared(lab)
    const { written } = await makeLabBundle(lab)
    for (const name of [
      'check.json',
      'check.xml',
      'perf.json',
      'perf-throughput.svg',
      'verify.json',
      'prove.json',
      'prove/distcheck.log',
      'series.json',
      'gates.json',
      'README.md',
    ])
      assert.ok(written?.files.includes(`evidence/${name}`), name)
    assert.match(await file(lab, 'v1/evidence/check.xml'), 'check was run in out/reports')
    const readme = await file(lab, 'v1/evidence/README.md')
    assert.match(readme, '- machine: Example 9000, 2 cores, 8.0 GiB, Linux 6.1')
    assert.match(readme, '- command: `./build perf --release master`')
    for (const name of written?.files ?? [])
      assert.not.ok((await readFile(join(written?.dir ?? '', name))).includes(lab.dir), name)
  }))

test('a report whose file is missing, or that is none, is no evidence', () =>
  inLab(async (lab) => {
    await prepared(lab)
    await rm(join(lab.dir, 'reports', 'check.xml'))
    const missing = await makeLabBundle(lab)
    assert.match(missing.gates.find((gate) => !gate.ok)?.sentence ?? '', /check\.xml .* is missing/)
    await writeFile(join(lab.dir, 'reports', 'perf.json'), '{"schemaVersion":1')
    await mkdir(join(lab.dir, 'other'))
    const { evidence } = (await makeLabBundle(lab)).facts
    assert.is(evidence.perf, undefined)
    assert.ok(evidence.problems.perf)
  }))

test('the author is who git says here, or who is named; never made up', () =>
  inLab(async (lab) => {
    const options = { cwd: lab.dir, env: lab.env, signal: new AbortController().signal }
    assert.match(
      (await failureOf(findAuthor(undefined, options))).message,
      /does not know who you are/,
    )
    const config = '[user]\n name = Ada Example\n email = ada@example.org\n'
    await writeFile(join(lab.dir, 'home', '.gitconfig'), config)
    const ada = { name: 'Ada Example', email: 'ada@example.org' }
    assert.equal(await findAuthor(undefined, options), ada)
    const named = await findAuthor('Bob B. Second <bob@example.org>', options)
    assert.equal(named, { name: 'Bob B. Second', email: 'bob@example.org' })
    for (const wrong of ['Bob', '<bob@example.org>', 'Bob <bob>'])
      assert.is((await failureOf(findAuthor(wrong, options))).exitCode, 2, wrong)
  }))

test.run()
