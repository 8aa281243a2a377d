// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExitCode } from '../ui/errors.ts'
import { mirrorDir } from './mirror.ts'
import { inLab, type Lab, refusing, userError } from './testing.ts'

/** Commits a change to zmq.cpp on the current branch; returns the commit id. */
async function commit(lab: Lab, text: string): Promise<string> {
  await writeFile(join(lab.upstream, 'src', 'zmq.cpp'), text)
  await lab.git(['commit', '--quiet', '--all', '-m', text.trim()])
  return lab.git(['rev-parse', 'HEAD'])
}

test('a pinned release by git is verified and brings its history', () =>
  inLab(async (lab) => {
    const source = await lab.fetch({ release: 'v4.3.4' })
    const pin = lab.known.find((one) => one.name === '4.3.4')
    assert.equal(
      [source.release, source.version, source.tree, source.commit, source.route, source.cached],
      ['4.3.4', '4.3.4', pin?.tree, pin?.commit, 'git', false],
    )
    assert.is(source.gitDir, mirrorDir(lab.cache, lab.upstream))
    const log = await lab.git(['log', '--format=%s', source.commit ?? ''], source.gitDir)
    assert.is(log, 'libzmq 4.3.4\nlibzmq 4.3.2')
    assert.is((await lab.fetch({ release: pin?.commit })).release, '4.3.4')

    // The same tree out of the cache knows the mirror too, whatever route is asked for.
    await refusing(async (base) => {
      const again = await lab.fetch({ release: '4.3.4', source: { kind: 'auto' }, github: base })
      assert.equal(again, { ...source, cached: true })
    })
  }))

test('without a release git delivers the newest pinned one, not the head', () =>
  inLab(async (lab) => assert.is((await lab.fetch({})).release, '4.3.5')))

test('the mirror is reused: nothing is fetched for a tag or commit that it has', () =>
  inLab(async (lab) => {
    assert.not.ok((await lab.fetch({ release: '4.3.4' })).cached)
    await rm(lab.upstream, { recursive: true })
    assert.ok((await lab.fetch({ release: '4.3.4' })).cached)
    assert.is((await lab.fetch({ release: '4.3.5' })).release, '4.3.5')
    await rm(join(lab.cache.dir, 'git'), { recursive: true })
    // Without repository and mirror there is still the tree in the cache.
    const source = await lab.fetch({ release: '4.3.4' })
    assert.equal([source.cached, source.gitDir], [true, undefined])
    assert.match(lab.lines.at(-1) ?? '', /4\.3\.4: git passed over: there is no /)
  }))

test('a branch is brought up to date each time; a rewritten one is followed', () =>
  inLab(async (lab) => {
    const first = await lab.fetch({ release: 'master' })
    assert.equal([first.release, first.version, first.cached], ['master', '4.3.6', false])
    const moved = await commit(lab, '// moved\n')
    const second = await lab.fetch({ release: 'master' })
    assert.is(second.commit, moved)
    assert.is(await readFile(join(second.dir, 'src/zmq.cpp'), 'utf8'), '// moved\n')
    await lab.git(['reset', '--quiet', '--hard', 'v4.3.5'])
    const rewritten = await commit(lab, '// rewritten\n')
    assert.is((await lab.fetch({ release: 'master' })).commit, rewritten)
    // A branch x cannot stand beside one named x/y: what is gone upstream goes here too.
    await lab.git(['branch', 'x'])
    assert.is((await lab.fetch({ release: 'x' })).commit, rewritten)
    await lab.git(['branch', '--move', 'x', 'x/y'])
    const slashed = await lab.fetch({ release: 'x/y' })
    assert.equal([slashed.commit, slashed.release], [rewritten, 'x-y'])
    await lab.git(['branch', '-D', 'x/y'])
    assert.match((await userError(lab.fetch({ release: 'x/y' }))).message, 'has no "x/y"')
  }))

test('every kind of ref is found', () =>
  inLab(async (lab) => {
    const master = await lab.git(['rev-parse', 'master'])
    const tagged = await lab.git(['rev-parse', 'v4.3.5^{commit}'])
    await lab.git(['tag', 'v4.3.7', 'master'])
    await lab.git(['update-ref', 'refs/remotes/origin/topic', 'master'])
    await lab.git(['checkout', '--quiet', '--detach'])
    const hidden = await commit(lab, '// of a pull request\n')
    await lab.git(['update-ref', 'refs/pull/1/head', hidden])
    await lab.git(['checkout', '--quiet', 'master'])
    const cases: [ref: string, id: string, release: string][] = [
      ['HEAD', master, 'HEAD'],
      ['4.3.7', master, '4.3.7'],
      ['v4.3.7', master, '4.3.7'],
      ['origin/topic', master, 'origin-topic'],
      ['refs/heads/master', master, 'refs-heads-master'],
      ['refs/pull/1/head', hidden, 'refs-pull-1-head'],
      [master.slice(0, 10), master, master.slice(0, 10)],
      ['master~1', tagged, 'master-1'],
      [hidden, hidden, hidden],
    ]
    for (const [ref, id, release] of cases) {
      const source = await lab.fetch({ release: ref })
      assert.equal([source.commit, source.release], [id, release], ref)
    }
  }))

test('a commit that no branch has is fetched by its id', () =>
  inLab(async (lab) => {
    await lab.fetch({ release: 'master' })
    await lab.git(['checkout', '--quiet', '--detach'])
    const hidden = await commit(lab, '// unnamed\n')
    await lab.git(['checkout', '--quiet', 'master'])
    await lab.git(['config', 'uploadpack.allowAnySHA1InWant', 'true'])
    assert.is((await lab.fetch({ release: hidden })).commit, hidden)
  }))

test('a shallow clone, as CI makes it, will do', () =>
  inLab(async (lab) => {
    const shallow = join(lab.dir, 'shallow')
    await lab.git(['clone', '--quiet', '--depth=1', `file://${lab.upstream}`, shallow])
    const source = await lab.fetch({ release: 'master', source: { kind: 'git', url: shallow } })
    assert.is(source.commit, await lab.git(['rev-parse', 'master']))
  }))

test('offline the mirror is used as it is; a repository on this disk is no network', () =>
  inLab(async (lab) => {
    const url = `file://${lab.upstream}`
    const source = { kind: 'git', url } as const
    const error = await userError(lab.offline({ release: 'master', source }))
    assert.is(error.exitCode, ExitCode.source)
    assert.match(error.message, /the mirror of .* is not there/)
    assert.match(error.hint, `git fetch ${url}`)
    const first = await lab.fetch({ release: 'master', source })
    await commit(lab, '// moved\n')
    assert.equal(await lab.offline({ release: 'master', source }), { ...first, cached: true })
    assert.match((await userError(lab.offline({ release: 'other', source }))).message, /has no/)
    assert.is.not((await lab.offline({ release: 'master' })).commit, first.commit)
    assert.is((await lab.offline({ release: '4.3.4', source })).route, 'git')
  }))

test('a repository that lacks the commit, is too old, no libzmq or not there says so', () =>
  inLab(async (lab) => {
    const { known } = lab
    const [newest] = known
    const other = newest && { ...newest, commit: '1'.repeat(40) }
    const lacking = await userError(lab.fetch({ release: '4.3.5', known: other ? [other] : [] }))
    assert.equal([lacking.exitCode, lacking.message], [4, 'libzmq 4.3.5 could not be had.'])
    assert.match(lacking.details ?? '', /git: .* has no "1{40}"/)
    const old = await userError(lab.fetch({ release: 'master~3' }))
    assert.is(old.exitCode, ExitCode.usage)
    assert.match(old.message, /^libzmq 4\.3\.2 is not supported, because/)
    await rm(join(lab.upstream, 'include'), { recursive: true })
    await commit(lab, '// something else\n')
    assert.match((await userError(lab.fetch({ release: 'master' }))).message, /is not libzmq/)
    const source = { kind: 'git', url: join(lab.dir, 'nothing') } as const
    const missing = await userError(lab.fetch({ release: 'master', source }))
    assert.equal([missing.exitCode, /there is no/.test(missing.message)], [4, true])
    assert.not.ok(existsSync(mirrorDir(lab.cache, source.url)))
  }))

test('a tree that is not the one of the pin is refused, though the commit is there', () =>
  inLab(async (lab) => {
    const known = lab.known.map((one) => ({ ...one, tree: '2'.repeat(40) }))
    const error = await userError(lab.fetch({ release: '4.3.5', known }))
    assert.is(error.exitCode, ExitCode.source)
    assert.is(error.details, `expected tree ${'2'.repeat(40)}\nactual   tree ${lab.known[0]?.tree}`)
    assert.not.ok(existsSync(join(lab.cache.dir, 'trees')))
  }))

test('two runs at once share one mirror', () =>
  inLab(async (lab) => {
    const both = await Promise.all([
      lab.fetch({ release: 'master' }),
      lab.fetch({ release: 'master' }),
      lab.fetch({ release: '4.3.4' }),
    ])
    assert.equal(
      both.map((one) => one.version),
      ['4.3.6', '4.3.6', '4.3.4'],
    )
    assert.is((await readdir(join(lab.cache.dir, 'git'))).length, 1)
  }))

test('a mirror that a killed git has left locked or broken is made anew', () =>
  inLab(async (lab) => {
    const { gitDir = '' } = await lab.fetch({ release: 'master' })
    const moved = await commit(lab, '// moved\n')
    await writeFile(join(gitDir, 'packed-refs.lock'), '')
    await writeFile(join(gitDir, 'refs', 'heads', 'master.lock'), '')
    assert.is((await lab.fetch({ release: 'master' })).commit, moved)
    assert.not.ok(existsSync(join(gitDir, 'packed-refs.lock')))
    await rm(join(gitDir, 'HEAD'))
    assert.is((await lab.fetch({ release: 'master' })).commit, moved)
    await rm(join(gitDir, 'objects'), { recursive: true })
    await mkdir(join(gitDir, 'objects'))
    assert.is((await lab.fetch({ release: '4.3.4' })).release, '4.3.4')
  }))

test("what the user's repository would run is not run", () =>
  inLab(async (lab) => {
    const hook = join(lab.upstream, '.git', 'hooks')
    await mkdir(hook, { recursive: true })
    const mark = join(lab.dir, 'ran')
    for (const name of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      await writeFile(join(hook, name), `#!/bin/sh\ntouch "${mark}"\n`)
      await chmod(join(hook, name), 0o755)
    }
    await lab.fetch({ release: 'master' })
    assert.not.ok(existsSync(mark))
  }))

test('a server that is not there is passed over soon, and its password is not printed', () =>
  inLab((lab) =>
    refusing(async (base) => {
      const url = `${base.replace('http://', 'http://user:secret@')}/libzmq.git`
      for (const release of ['master', '4.3.5']) {
        const error = await userError(lab.fetch({ release, source: { kind: 'git', url } }))
        assert.is(error.exitCode, ExitCode.source)
        const all = [error.message, error.details, error.hint, ...lab.lines].join('\n')
        assert.match(all, /could not be reached/)
        assert.not.match(all, /secret/)
      }
    }),
  ))

test('a ref without a pin is looked up in upstream itself, and never in Debian', () =>
  inLab((lab) =>
    refusing(async (base) => {
      for (const kind of ['auto', 'github'] as const) {
        const request = { release: 'master', source: { kind }, github: base }
        assert.match((await userError(lab.fetch(request))).hint, 'git:<url or path>')
      }
      assert.match(lab.lines[0] ?? '', /"master" has no pin/)
      const source = { kind: 'debian' } as const
      const error = await userError(lab.fetch({ release: 'master', source }))
      assert.is(error.exitCode, ExitCode.usage)
    }),
  ))

test.run()
