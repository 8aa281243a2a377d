// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from '../system/run.ts'
import { ExitCode } from '../ui/errors.ts'
import { unpack } from './archive.ts'
import { header, inLab, type Lab, userError } from './testing.ts'

const dir = (path: string) => ({ source: { kind: 'dir', path } as const })

async function unpacked(lab: Lab, tag: string): Promise<string> {
  return unpack(await lab.archive(tag), join(lab.dir, `unpacked-${tag}`), { env: lab.env })
}

/** Every path below a folder with its time and size. */
async function listing(path: string): Promise<string[]> {
  const names = (await readdir(path, { recursive: true })).sort()
  const stats = await Promise.all(['.', ...names].map((name) => stat(join(path, name))))
  return ['.', ...names].map((name, i) => `${name} ${stats[i]?.mtimeMs} ${stats[i]?.size}`)
}

test('a tarball, a tree and a checkout of a release are that release', () =>
  inLab(async (lab) => {
    await lab.git(['checkout', '--quiet', 'v4.3.4'])
    const paths = [await lab.archive('v4.3.4'), await unpacked(lab, 'v4.3.4'), lab.upstream]
    for (const path of paths) {
      for (const release of ['4.3.4', undefined]) {
        const source = await lab.fetch({ ...dir(path), release })
        assert.equal(
          [source.release, source.version, source.tree, source.route],
          ['4.3.4', '4.3.4', lab.known[1]?.tree, 'dir'],
        )
        assert.ok(source.dir.startsWith(lab.cache.dir))
        assert.is(source.commit, lab.known[1]?.commit)
      }
    }
  }))

test('nothing is written into a folder of the user', () =>
  inLab(async (lab) => {
    const path = await unpacked(lab, 'v4.3.5')
    for (const each of [path, lab.upstream]) {
      const before = await listing(each)
      await lab.fetch(dir(each))
      assert.equal(await listing(each), before)
    }
  }))

test('with a release the files must be that release', () =>
  inLab(async (lab) => {
    const path = await unpacked(lab, 'v4.3.5')
    await writeFile(join(path, 'ignored.o'), 'an archive has no such file')
    for (const release of ['4.3.5', '4.3.4']) {
      const error = await userError(lab.fetch({ ...dir(path), release }))
      assert.is(error.exitCode, ExitCode.source)
      assert.match(error.details ?? '', /expected tree [0-9a-f]{40}\nactual {3}tree [0-9a-f]{40}/)
    }
    assert.not.ok(existsSync(join(lab.cache.dir, 'trees')))
  }))

test('without a release any libzmq will do, named after its tree', () =>
  inLab(async (lab) => {
    const path = await unpacked(lab, 'v4.3.5')
    await appendFile(join(path, 'src', 'zmq.cpp'), '// mine\n')
    const source = await lab.fetch(dir(path))
    assert.is(source.release, `4.3.5-${source.tree.slice(0, 10)}`)
    assert.equal([source.commit, source.gitDir], [undefined, undefined])
    assert.match(lab.lines[0] ?? '', `is no release: libzmq 4.3.5, tree ${source.tree}`)
    assert.is(await readFile(join(source.dir, 'src/zmq.cpp'), 'utf8'), '// 4.3.5\n// mine\n')
    await appendFile(join(path, 'src', 'zmq.cpp'), '// more\n')
    assert.is.not((await lab.fetch(dir(path))).tree, source.tree)
  }))

test('of a checkout count the files as they are now that git would commit', () =>
  inLab(async (lab) => {
    await lab.git(['checkout', '--quiet', 'v4.3.5'])
    const path = lab.upstream
    await writeFile(join(path, 'src', 'zmq.o'), 'built')
    assert.is((await lab.fetch(dir(path))).release, '4.3.5')
    await writeFile(join(path, 'src', 'new file.cpp'), 'new\n')
    await appendFile(join(path, 'ignored.txt'), 'edited\n')
    await rm(join(path, 'doc'), { recursive: true })
    const { dir: made } = await lab.fetch(dir(path))
    assert.equal((await readdir(join(made, 'src'))).sort(), ['new file.cpp', 'zmq.cpp'])
    assert.match(await readFile(join(made, 'ignored.txt'), 'utf8'), /edited/)
    assert.not.ok(existsSync(join(made, 'doc')))
    assert.not.ok(existsSync(join(made, '.git')))
  }))

test('what is no libzmq, too old or not there is refused', () =>
  inLab(async (lab) => {
    const old = join(lab.dir, 'old')
    await mkdir(join(old, 'include'), { recursive: true })
    await writeFile(join(old, 'include', 'zmq.h'), header('4.2.5'))
    const empty = join(lab.dir, 'empty')
    await mkdir(empty)
    const text = join(lab.dir, 'text')
    await writeFile(text, 'no archive')
    const cases: [path: string, exitCode: number, message: RegExp][] = [
      [old, ExitCode.usage, /^libzmq 4\.2\.5 is not supported, because/],
      [empty, ExitCode.source, /no include\/zmq\.h/],
      [text, ExitCode.source, /could not be unpacked/],
      [join(lab.dir, 'nothing'), ExitCode.source, /^There is no /],
    ]
    for (const [path, exitCode, message] of cases) {
      const error = await userError(lab.fetch(dir(path)))
      assert.is(error.exitCode, exitCode)
      assert.match(error.message, message)
    }
    const error = await userError(lab.fetch({ ...dir(lab.upstream), release: 'master' }))
    assert.is(error.exitCode, ExitCode.usage)
    assert.match(error.hint, `--source git:${lab.upstream}`)
  }))

test('an archive that leads out of its folder writes nothing there', () =>
  inLab(async (lab) => {
    const evil = join(lab.dir, 'evil')
    await mkdir(join(evil, 'include'), { recursive: true })
    await writeFile(join(evil, 'include', 'zmq.h'), header('4.3.5'))
    await writeFile(join(lab.dir, 'outside'), 'outside\n')
    const tarball = join(lab.dir, 'evil.tar')
    const tar = ['tar', '-P', '-cf', tarball, '-C', evil, 'include', '../outside']
    assert.is((await run(tar, { cwd: lab.dir, env: lab.env })).exitCode, 0)
    await rm(join(lab.dir, 'outside'))
    await lab.fetch(dir(tarball)).catch(() => {})
    const found = (await readdir(lab.dir, { recursive: true })).filter((p) => p.endsWith('outside'))
    assert.ok(found.every((path) => path.startsWith(join('out folder', 'cache', 'trees'))))
  }))

test.run()
