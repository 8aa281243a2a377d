// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uniqueName } from '../system/identity.ts'
import { run } from '../system/run.ts'
import { ExitCode } from '../ui/errors.ts'
import { patience } from './download.ts'
import { inLab, type Lab, refusing, serving, userError } from './testing.ts'

const github = { kind: 'github' } as const

/** A GitHub that has the archives of these tags, and counts what it is asked. */
async function hub(
  lab: Lab,
  archives: Record<string, string>,
  work: (base: string, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = []
  const bytes = new Map<string, Buffer>()
  for (const [tag, content] of Object.entries(archives)) {
    const file = await lab.archive(content, `${content}.tar.gz`)
    bytes.set(`/zeromq/libzmq/archive/refs/tags/${tag}.tar.gz`, await readFile(file))
  }
  const answer: RequestListener = (request, response) => {
    asked.push(request.url ?? '')
    const body = bytes.get(request.url ?? '')
    response.writeHead(body ? 200 : 404).end(body)
  }
  await serving(answer, (base) => work(base, asked))
}

test('a release by GitHub is the tree of its pin, byte for byte', () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.4': 'v4.3.4' }, async (base, asked) => {
      const request = { release: '4.3.4', source: github, github: base }
      const source = await lab.fetch(request)
      const pin = lab.known.find((one) => one.name === '4.3.4')
      assert.is(source.tree, pin?.tree)
      assert.is(source.commit, pin?.commit)
      assert.equal(
        [source.release, source.version, source.route, source.cached],
        ['4.3.4', '4.3.4', 'github', false],
      )
      assert.is(source.gitDir, undefined)
      assert.is(await readFile(join(source.dir, 'builds/dos.bat'), 'utf8'), 'echo\r\n')
      assert.ok(existsSync(join(source.dir, 'ignored.txt')))
      assert.ok(((await stat(join(source.dir, 'autogen.sh'))).mode & 0o100) !== 0)
      const provenance = JSON.parse(await readFile(`${source.dir}.json`, 'utf8'))
      assert.is(provenance.route, 'github')
      assert.match(provenance.sha256, /^[0-9a-f]{64}$/)

      const again = await lab.fetch(request)
      assert.equal(again, { ...source, cached: true })
      assert.is(asked.length, 1)
    }),
  ))

test('an archive that is not what the pin says is refused with both ids', () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.5': 'v4.3.4', 'v4.3.4': 'v4.3.4' }, async (base) => {
      for (const release of ['4.3.5', undefined]) {
        const error = await userError(lab.fetch({ release, source: github, github: base }))
        assert.is(error.exitCode, ExitCode.source)
        const [newest, older] = lab.known
        assert.is(error.details, `expected tree ${newest?.tree}\nactual   tree ${older?.tree}`)
        assert.not.ok(existsSync(join(lab.cache.dir, 'trees')))
      }
    }),
  ))

test('what is in an archive beside the tree never gets into the cache', () =>
  inLab(async (lab) => {
    const plain = await lab.archive('v4.3.5', 'plain.tar')
    const extra = join(lab.dir, 'libzmq-4.3.5')
    await mkdir(join(extra, '.git', 'hooks'), { recursive: true })
    await writeFile(join(extra, '.git', 'hooks', 'post-checkout'), '#!/bin/sh\n')
    await mkdir(join(extra, 'empty'))
    const tar = ['tar', '-rf', plain, '-C', lab.dir, 'libzmq-4.3.5']
    assert.is((await run(tar, { cwd: lab.dir, env: lab.env })).exitCode, 0)
    const body = await readFile(plain)
    const answer: RequestListener = (_request, response) => response.end(body)
    await serving(answer, async (base) => {
      const source = await lab.fetch({ release: '4.3.5', source: github, github: base })
      assert.equal((await readdir(source.dir)).sort(), [
        '.gitignore',
        ...['autogen.sh', 'builds', 'doc', 'ignored.txt', 'include', 'src'],
      ])
    })
  }))

test('a download that breaks off, an archive cut short and a page that is none deliver nothing', () =>
  inLab(async (lab) => {
    const body = await readFile(await lab.archive('v4.3.5'))
    const half = body.subarray(0, body.length / 2)
    const answers: [RequestListener, RegExp][] = [
      [
        (_request, response) => {
          response.writeHead(200, { 'content-length': body.length })
          response.write(half, () => response.destroy())
        },
        /did not come whole/,
      ],
      [(_request, response) => response.end(half), /could not be unpacked/],
      [(_request, response) => response.end('<html>log in</html>'), /could not be unpacked/],
      [(_request, response) => response.writeHead(503).end(), /answered 503/],
      [(_request, response) => response.writeHead(200).write(half), /nothing came for 1 s/],
      [() => {}, /nothing came for 1 s/],
    ]
    for (const [answer, reason] of answers) {
      const stall = reason.source.includes('1 s') ? 1_000 : patience.stall
      await serving(answer, async (base) => {
        const request = { release: '4.3.5', source: github, github: base }
        const work = lab.fetch({ ...request, patience: { ...patience, stall } })
        const error = await userError(work)
        assert.is(error.exitCode, ExitCode.source)
        assert.match(error.details ?? '', reason)
        assert.not.ok(existsSync(join(lab.cache.dir, 'trees')))
      })
    }
  }))

test('without a release the newest that can be had is taken, and that is said', () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.4': 'v4.3.4' }, async (base, asked) => {
      const request = { source: github, github: base }
      const source = await lab.fetch(request)
      assert.is(source.release, '4.3.4')
      assert.match(lab.lines[0] ?? '', /^4\.3\.5: github passed over: http.* answered 404$/)
      assert.is(lab.lines[1], '4.3.5: not to be had here; taking 4.3.4 by github')
      assert.equal(
        source.passedOver.map(({ route, release }) => [route, release]),
        [['github', '4.3.5']],
      )
      assert.is(asked.length, 2)

      // Within the hour the network is not asked again, unless the release is asked for by name.
      assert.is((await lab.fetch(request)).release, '4.3.4')
      assert.match(lab.lines[2] ?? '', /answered 404; asked just now$/)
      assert.is(asked.length, 2)
      await userError(lab.fetch({ ...request, release: '4.3.5' }))
      assert.is(asked.length, 3)
      const later = () => new Date(Date.now() + 61 * 60_000)
      const context = { root: lab.dir, out: lab.dir, env: lab.env, jobs: 1, offline: false }
      const aged = { ...context, signal: lab.cache.signal, now: later }
      assert.is((await lab.fetch({ ...request, context: aged })).release, '4.3.4')
      assert.is(asked.length, 4)
    }),
  ))

test('a GitHub that cannot be reached is asked once and passed over for all releases', () =>
  inLab((lab) =>
    refusing(async (base) => {
      const error = await userError(lab.fetch({ source: github, github: base }))
      assert.is(error.exitCode, ExitCode.source)
      assert.is(error.message, 'libzmq 4.3.5, 4.3.4 could not be had.')
      assert.is(lab.lines.length, 1)
      assert.match(lab.lines[0] ?? '', /^4\.3\.5: github passed over: 127\.0\.0\.1 could not be/)
    }),
  ))

test('a proxy, which only git uses, is mentioned', () =>
  inLab((lab) =>
    refusing(async (base) => {
      const env = { ...lab.env, https_proxy: 'http://proxy.invalid:1' }
      const context = { root: lab.dir, out: lab.dir, env, jobs: 1, offline: false }
      const full = { ...context, signal: lab.cache.signal, now: lab.cache.now }
      const error = await userError(lab.fetch({ source: github, github: base, context: full }))
      assert.match(error.details ?? '', /https_proxy is used by the git route only/)
    }),
  ))

test('offline takes what is cached, and says what is missing and how it would come', () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.4': 'v4.3.4' }, async (base, asked) => {
      const request = { source: github, github: base }
      const error = await userError(lab.offline(request))
      assert.is(error.exitCode, ExitCode.source)
      assert.match(error.details ?? '', `missing: ${join(lab.cache.dir, 'trees')}`)
      assert.match(error.hint, `download ${base}/zeromq/libzmq/archive/refs/tags/v4.3.5.tar.gz`)
      assert.is(asked.length, 0)
      await lab.fetch({ ...request, release: '4.3.4' })
      const source = await lab.offline(request)
      assert.equal([source.release, source.route, source.cached], ['4.3.4', 'github', true])
      assert.is(asked.length, 1)
    }),
  ))

test('a cached tree that somebody changed is put aside and fetched again', () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.5': 'v4.3.5' }, async (base) => {
      const request = { release: '4.3.5', source: github, github: base }
      const { dir } = await lab.fetch(request)
      const edits = [
        () => appendFile(join(dir, 'src/zmq.cpp'), 'int edit;\n'),
        () => writeFile(join(dir, 'ignored.o'), 'new'),
        () => mkdir(join(dir, '.git')),
      ]
      for (const edit of edits) {
        await edit()
        const again = await lab.fetch(request)
        assert.not.ok(again.cached)
        assert.is(await readFile(join(dir, 'src/zmq.cpp'), 'utf8'), '// 4.3.5\n')
        assert.not.ok(existsSync(join(dir, 'ignored.o')))
      }
      const trees = await readdir(join(lab.cache.dir, 'trees'))
      assert.is(trees.filter((name) => name.includes('.changed-')).length, 3)
      await appendFile(join(dir, 'src/zmq.cpp'), 'int edit;\n')
      assert.is((await userError(lab.offline(request))).exitCode, ExitCode.source)
    }),
  ))

test("a user's git configuration and attributes change nothing", () =>
  inLab((lab) =>
    hub(lab, { 'v4.3.5': 'v4.3.5' }, async (base) => {
      const config = join(lab.dir, 'odd.gitconfig')
      await writeFile(
        config,
        '[core]\n\tautocrlf = true\n\tfileMode = false\n\tsafecrlf = true\n[init]\n\tdefaultObjectFormat = sha256\n',
      )
      await mkdir(join(lab.dir, 'home', '.config', 'git'), { recursive: true })
      const own = join(lab.dir, 'home', '.config', 'git')
      await writeFile(join(own, 'attributes'), '* text eol=crlf ident\n')
      await writeFile(join(own, 'ignore'), '*.cpp\n')
      await writeFile(join(lab.dir, 'home', '.gitconfig'), await readFile(config))
      const env = {
        ...lab.env,
        ...{ GIT_CONFIG_GLOBAL: config, GIT_DIR: lab.dir, GIT_INDEX_FILE: '/nowhere' },
        ...{ GIT_WORK_TREE: '/', GIT_DEFAULT_HASH: 'sha256', TAR_OPTIONS: '--exclude=*.h' },
      }
      const context = { root: lab.dir, out: lab.dir, env, jobs: 1, offline: false }
      const full = { ...context, signal: lab.cache.signal, now: lab.cache.now }
      const request = { release: '4.3.5', context: full, github: base }
      const source = await lab.fetch({ ...request, source: github })
      assert.is(source.tree, lab.known[0]?.tree)
      assert.ok((await lab.fetch({ ...request, source: github })).cached)
      assert.is((await lab.fetch(request)).tree, lab.known[0]?.tree)
    }),
  ))

test('attributes in the tree itself change nothing either', () =>
  inLab(async (lab) => {
    const attributes = '* text eol=crlf ident export-subst\nsrc/* export-ignore filter=lfs\n'
    await writeFile(join(lab.upstream, '.gitattributes'), attributes)
    await writeFile(join(lab.upstream, 'src', 'id.cpp'), '// $Id$ $Format:%H$\n')
    await lab.git(['-c', 'core.autocrlf=false', 'add', '--all', '--force', '.'])
    await lab.git(['commit', '--quiet', '-m', 'attributes'])
    const source = await lab.fetch({ release: 'master' })
    assert.is(await readFile(join(source.dir, 'src', 'id.cpp'), 'utf8'), '// $Id$ $Format:%H$\n')
    assert.is(source.tree, await lab.git(['rev-parse', 'master^{tree}']))
  }))

test('what a killed run has left is removed, what a live one is at work on stays', () =>
  inLab(async (lab) => {
    const tmp = join(lab.cache.dir, 'tmp')
    const [place, , start] = uniqueName().split('.')
    const gone = join(tmp, [place, 999_999_999, start, 'aaaa'].join('.'))
    const foreign = join(tmp, `elsewhere-1.1.1.bbbb`)
    const old = join(tmp, 'elsewhere-1.1.1.cccc')
    const alive = join(tmp, uniqueName())
    for (const dir of [gone, foreign, old, alive]) await mkdir(join(dir, 'x'), { recursive: true })
    const yesterday = new Date(Date.now() - 25 * 60 * 60_000)
    await utimes(old, yesterday, yesterday)
    await lab.fetch({ release: '4.3.5' })
    assert.equal([gone, foreign, old, alive].map(existsSync), [false, true, false, true])
    await rm(alive, { recursive: true })
    await rm(foreign, { recursive: true })
  }))

test('an output folder that cannot be written to is a sentence, not a stack', () =>
  inLab(async (lab) => {
    const file = join(lab.dir, 'a file')
    await writeFile(file, '')
    // Not even root can make a folder in sysfs; where there is none, it cannot be made either.
    for (const out of [file, '/sys']) {
      const error = await userError(lab.fetch({ cacheDir: join(out, 'cache') }))
      assert.is(error.exitCode, ExitCode.missing)
      assert.is(error.message, `${join(out, 'cache')} cannot be written to.`)
      assert.match(error.hint, '--out')
    }
  }))

test.run()
