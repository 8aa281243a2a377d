// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExitCode } from '../ui/errors.ts'
import { folderName, headerVersion, parseRelease, releases, requireSupported } from './releases.ts'
import { formatSource, parseSource, withoutSecret } from './source.ts'
import { userError } from './testing.ts'

test('the pins are whole, and newest first', () => {
  assert.equal(
    releases.map((one) => one.name),
    ['4.3.5', '4.3.4', '4.3.3'],
  )
  for (const { name, tag, commit, tree } of releases) {
    assert.is(tag, `v${name}`)
    assert.match(commit, /^[0-9a-f]{40}$/)
    assert.match(tree, /^[0-9a-f]{40}$/)
  }
})

test('a release is known by name, tag and commit', () => {
  for (const release of releases) {
    for (const text of [release.name, release.tag, release.commit, release.commit.toUpperCase()])
      assert.equal(parseRelease(text), { kind: 'pinned', release })
  }
})

test('anything else that git can read is a ref', () => {
  for (const ref of ['master', 'feature/x', 'v4.3.6', '4.4.0', 'refs/pull/1/head', 'master~3'])
    assert.equal(parseRelease(ref), { kind: 'ref', ref })
})

test('a release that is too old is refused with the reason', async () => {
  for (const text of ['4.3.2', 'v4.3.2', '4.2.5', '2.0.0']) {
    const error = await userError(() => parseRelease(text))
    assert.is(error.exitCode, ExitCode.usage)
    assert.match(
      error.message,
      `libzmq ${text.replace('v', '')} is not supported, because the engine`,
    )
    assert.match(error.hint, '4.3.5, 4.3.4, 4.3.3')
  }
  requireSupported('4.3.3')
  requireSupported('5.0.0')
})

test('what is neither release nor ref is refused', async () => {
  for (const text of ['', '-x', '--upload-pack=x', 'a..b', 'a b', 'x/', 'HEAD@{1}', 'a:b', '../x'])
    assert.is((await userError(() => parseRelease(text))).exitCode, ExitCode.usage, text)
})

test('ZMQ_VERSION is read as the header defines it', () => {
  const lines = ['MAJOR 4', 'MINOR 3', 'PATCH 6'].map((each) => `#define ZMQ_VERSION_${each}`)
  assert.is(headerVersion(`/*  x */\n${lines.join('\n')}\n#define ZMQ_VERSION 1\n`), '4.3.6')
  assert.is(headerVersion(lines.slice(0, 2).join('\n')), undefined)
  assert.is(headerVersion('#define ZMQ_VERSION_MAJOR x'), undefined)
})

test('a ref names a folder', () => {
  assert.is(folderName('feature/x'), 'feature-x')
  assert.is(folderName('master~3'), 'master-3')
})

test('sources are read as they are typed', () => {
  for (const kind of ['auto', 'github', 'debian'] as const)
    assert.equal(parseSource(kind), { kind })
  const git = (text: string) => parseSource(`git:${text}`, '/here')
  for (const url of ['https://example.org/libzmq.git', 'ssh://host/x', 'git@host:x.git', 'host:x'])
    assert.equal(git(url), { kind: 'git', url })
  assert.equal(git('../libzmq'), { kind: 'git', url: '/libzmq' })
  assert.equal(git('./a:b'), { kind: 'git', url: '/here/a:b' })
  assert.equal(parseSource('dir:x y', '/here'), { kind: 'dir', path: '/here/x y' })
  assert.equal(parseSource('dir:/abs', '/here'), { kind: 'dir', path: '/abs' })
})

test('a source that cannot be read says what it lacks', async () => {
  const cases: [text: string, message: string][] = [
    ['svn', '"svn" is no source of libzmq.'],
    ['', '"" is no source of libzmq.'],
    ['git', '"git" lacks the URL or path of a repository behind "git:".'],
    ['git:', '"git:" lacks the URL or path of a repository behind "git:".'],
    [
      'git:--upload-pack=x',
      '"git:--upload-pack=x" lacks the URL or path of a repository behind "git:".',
    ],
    ['dir:', '"dir:" lacks a path behind "dir:".'],
  ]
  for (const [text, message] of cases) {
    const error = await userError(() => parseSource(text))
    assert.equal([error.exitCode, error.message], [ExitCode.usage, message])
    assert.match(error.hint, 'dir:<folder or tarball>')
  }
})

test('a source is shown without the secret in it', () => {
  assert.is(withoutSecret('https://me:secret@host/x'), 'https://host/x')
  assert.is(withoutSecret('git@host:x.git'), 'git@host:x.git')
  assert.is(formatSource({ kind: 'git', url: 'https://token@host/x' }), 'git:https://host/x')
  assert.is(formatSource({ kind: 'dir', path: '/x' }), 'dir:/x')
  assert.is(formatSource({ kind: 'auto' }), 'auto')
})

test.run()
