// SPDX-License-Identifier: MPL-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExitCode } from '../ui/errors.ts'
import { sha256OfFile } from './archive.ts'
import type { FetchRequest } from './fetch.ts'
import { inLab, type Lab, programs, refusing, userError } from './testing.ts'

const debian = { kind: 'debian' } as const

interface FakeArchive {
  /** Versions of the source package, as apt-cache showsrc lists them. */
  versions: string[]
  /** What apt-get source brings. */
  tag: string
  /** What apt-get update does instead of nothing. */
  update?: string
}

/** A machine with an apt of the test's own; `calls` is every command line that it got. */
async function withApt(
  lab: Lab,
  archive: FakeArchive,
): Promise<{ more: Pick<FetchRequest, 'context'>; calls: () => Promise<string> }> {
  const etc = join(lab.dir, 'etc apt')
  await mkdir(join(etc, 'sources.list.d'), { recursive: true })
  await writeFile(join(etc, 'sources.list'), 'deb http://example.invalid/debian stable main\n')
  const stanza = 'Types: deb\nURIs: http://example.invalid/more\nSuites: stable\nComponents: main\n'
  await writeFile(join(etc, 'sources.list.d', 'more.sources'), stanza)
  await writeFile(
    join(etc, 'sources.list.d', 'off.list.save'),
    'deb http://example.invalid/x y z\n',
  )
  const orig = await lab.archive(archive.tag, 'orig.tar.gz')
  const log = join(lab.dir, 'calls')
  const shown = archive.versions.map((each) => `Package: zeromq3\\nVersion: ${each}\\n`).join('\\n')
  const bin = await programs(join(lab.dir, 'bin'), {
    'apt-config': `echo "LIST='${etc}/sources.list'"; echo "PARTS='${etc}/sources.list.d/'"\n`,
    'apt-cache': `printf '%s\\n' "apt-cache $*" >>'${log}'; printf '${shown}'\n`,
    'apt-get': `printf '%s\\n' "apt-get $*" >>'${log}'
case "$*" in
*update*) cat "$(dirname "$2")"/parts/* "$2" >'${log}.root'; ${archive.update ?? 'exit 0'} ;;
*source*) cp '${orig}' 'zeromq3_${archive.tag.slice(1)}.orig.tar.gz' ;;
esac\n`,
  })
  const env = { ...lab.env, PATH: `${bin}:${lab.env.PATH}` }
  const context = { root: lab.dir, out: lab.dir, env, jobs: 1, offline: false }
  return {
    more: { context: { ...context, signal: lab.cache.signal, now: lab.cache.now } },
    calls: () => readFile(log, 'utf8'),
  }
}

test("the orig tarball alone comes, by the machine's own sources, in a root of its own", () =>
  inLab(async (lab) => {
    const { more, calls } = await withApt(lab, { versions: ['4.3.4-6'], tag: 'v4.3.4' })
    const source = await lab.fetch({ ...more, source: debian, release: '4.3.4' })
    assert.equal(
      [source.release, source.route, source.tree],
      ['4.3.4', 'debian', lab.known[1]?.tree],
    )
    const conf = /apt-get -c (.*\/apt\.conf) -qq update/.exec(await calls())?.[1] ?? ''
    assert.ok(conf.startsWith(join(lab.cache.dir, 'tmp')))
    assert.match(await calls(), / -qq source --download-only --tar-only zeromq3=4\.3\.4-6\n/)
    const root = await readFile(join(lab.dir, 'calls.root'), 'utf8')
    assert.match(root, 'deb-src http://example.invalid/debian stable main\n')
    assert.match(root, 'Types: deb-src\nURIs: http://example.invalid/more\n')
    assert.not.match(root, 'http://example.invalid/x')
    for (const name of ['Dir::State::lists', 'Dir::Cache', 'Dir::Etc::sourceparts'])
      assert.match(root, new RegExp(`^${name} "${join(lab.cache.dir, 'tmp')}/.*/";$`, 'm'))
    assert.match(root, /^#clear APT::Update::Post-Invoke-Success;$/m)
    const provenance = JSON.parse(await readFile(`${source.dir}.json`, 'utf8'))
    assert.is(provenance.from, 'Debian source package zeromq3 4.3.4-6')
  }))

test('auto goes from GitHub to Debian, and from the newest release to the one that is there', () =>
  inLab(async (lab) => {
    const { more, calls } = await withApt(lab, {
      versions: ['4.3.4-6', '1:4.3.4-6+deb12u1', '4.3.5+dfsg-1'],
      tag: 'v4.3.4',
    })
    await refusing(async (github) => {
      const source = await lab.fetch({ ...more, source: { kind: 'auto' }, github })
      assert.equal([source.release, source.route], ['4.3.4', 'debian'])
      assert.equal(
        source.passedOver.map(({ route, release }) => `${route} ${release}`),
        ['github 4.3.5', 'debian 4.3.5', 'github 4.3.4'],
      )
      assert.match(
        lab.lines.join('\n'),
        /^4\.3\.5: github passed over: .*\n4\.3\.5: debian passed over: .*4\.3\.4-6.*\n4\.3\.5: not to be had here; taking 4\.3\.4 by debian$/,
      )
      assert.is((await calls()).match(/ update\n/g)?.length, 1)
    })
  }))

test('an orig tarball with another sha256, or with another tree, is refused', () =>
  inLab(async (lab) => {
    const { more } = await withApt(lab, { versions: ['4.3.5-1'], tag: 'v4.3.4' })
    const tree = await userError(lab.fetch({ ...more, source: debian, release: '4.3.5' }))
    assert.is(tree.exitCode, ExitCode.source)
    assert.match(tree.details ?? '', `expected tree ${lab.known[0]?.tree}`)
    const sha256 = await sha256OfFile(join(lab.dir, 'orig.tar.gz'))
    const debianSha256 = '3'.repeat(64)
    const known = lab.known.map((one) => ({ ...one, debianSha256 }))
    const error = await userError(lab.fetch({ ...more, source: debian, release: '4.3.5', known }))
    assert.is(error.exitCode, ExitCode.source)
    assert.is(error.details, `expected sha256 ${debianSha256}\nactual   sha256 ${sha256}`)
  }))

test('archives that are down, or have no libzmq, are passed over with what apt said', () =>
  inLab(async (lab) => {
    const update = "echo 'W: x' >&2; echo 'E: Could not resolve example.invalid' >&2; exit 100"
    const down = await withApt(lab, { versions: [], tag: 'v4.3.4', update })
    const error = await userError(lab.fetch({ ...down.more, source: debian }))
    assert.is(error.exitCode, ExitCode.source)
    assert.match(error.details ?? '', 'did not help (E: Could not resolve example.invalid)')
    assert.is(lab.lines.length, 1)
    const bare = await withApt(lab, { versions: [], tag: 'v4.3.4' })
    const none = await userError(lab.fetch({ ...bare.more, source: debian }))
    assert.match(none.details ?? '', 'no source package zeromq3')
    // One archive of a third party that is down does not matter.
    const partly = await withApt(lab, { versions: ['4.3.4-6'], tag: 'v4.3.4', update })
    assert.is((await lab.fetch({ ...partly.more, source: debian })).release, '4.3.4')
  }))

test('a machine without apt, or without archives, is passed over', () =>
  inLab(async (lab) => {
    const { more } = await withApt(lab, { versions: [], tag: 'v4.3.4' })
    const bin = join(lab.dir, 'bin')
    await programs(bin, { 'apt-config': 'exit 127\n' })
    const without = await userError(lab.fetch({ ...more, source: debian }))
    assert.match(without.details ?? '', 'this machine has no apt-get')
    await programs(bin, { 'apt-config': `echo "LIST='/nowhere'"; echo "PARTS='/nowhere/'"\n` })
    const empty = await userError(lab.fetch({ ...more, source: debian }))
    assert.match(empty.details ?? '', "this machine's apt configuration names no archive")
  }))

test.run()
