// SPDX-License-Identifier: MPL-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchRequest } from './fetch.ts'
import { mirrorDir } from './mirror.ts'
import { inLab, type Lab, serving } from './testing.ts'
import type { FetchedSource } from './types.ts'

const program = fileURLToPath(new URL('testing-child.ts', import.meta.url))
const loader = import.meta.resolve('tsx')
const github = { kind: 'github' } as const

/** Starts a fetch in a process of its own. */
function start(lab: Lab, more: Partial<FetchRequest>): ChildProcess {
  const request = { cacheDir: lab.cache.dir, known: lab.known, source: github, ...more }
  const argv = ['--import', loader, program, JSON.stringify(request)]
  return spawn(process.execPath, argv, { cwd: lab.dir, env: lab.env as NodeJS.ProcessEnv })
}

async function result(child: ChildProcess): Promise<FetchedSource> {
  const ended = once(child, 'close')
  const output = [child.stdout, child.stderr].map((stream) => (stream ? text(stream) : ''))
  const [stdout, stderr] = await Promise.all(output)
  const [exitCode] = await ended
  assert.is(exitCode, 0, stderr)
  return JSON.parse(stdout ?? '')
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A server and the moment at which it has been asked and has said all that it will ever say. */
function hanging(part: Buffer | undefined): { answer: RequestListener; reached: Promise<void> } {
  let reach = () => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const answer: RequestListener = (_request, response) => {
    if (part) response.writeHead(200).write(part, () => reach())
    else reach()
  }
  return { answer, reached }
}

test('three processes at once make one tree', () =>
  inLab(async (lab) => {
    const body = await readFile(await lab.archive('v4.3.5'))
    const answer: RequestListener = (_request, response) => response.end(body)
    await serving(answer, async (base) => {
      const children = [1, 2, 3].map(() => start(lab, { release: '4.3.5', github: base }))
      const sources = await Promise.all(children.map(result))
      for (const source of sources) {
        assert.is(source.tree, lab.known[0]?.tree)
        assert.is(source.dir, sources[0]?.dir)
      }
      const trees = await readdir(join(lab.cache.dir, 'trees'))
      assert.equal(trees.sort(), [lab.known[0]?.tree, `${lab.known[0]?.tree}.json`])
    })
  }))

test('a run that is killed in the middle of a download leaves nothing that confuses the next', () =>
  inLab(async (lab) => {
    const body = await readFile(await lab.archive('v4.3.5'))
    const { answer, reached } = hanging(body.subarray(0, 200))
    const tmp = join(lab.cache.dir, 'tmp')
    await serving(answer, async (base) => {
      const child = start(lab, { release: '4.3.5', github: base })
      await reached
      await kill(child)
    })
    assert.ok((await readdir(tmp)).length > 0)
    assert.not.ok(existsSync(join(lab.cache.dir, 'trees')))
    const good: RequestListener = (_request, response) => response.end(body)
    await serving(good, async (base) => {
      const source = await lab.fetch({ release: '4.3.5', source: github, github: base })
      assert.is(source.tree, lab.known[0]?.tree)
    })
    assert.equal(await readdir(tmp), [])
  }))

test('a run that is killed in the middle of git fetch gives its lock to the next', () =>
  inLab(async (lab) => {
    const bare = join(lab.dir, 'served.git')
    await lab.git(['clone', '--quiet', '--bare', lab.upstream, bare])
    await lab.git(['update-server-info'], bare)
    const { answer: hang, reached } = hanging(undefined)
    let answer = hang
    await serving(
      (request, response) => answer(request, response),
      async (base) => {
        const source = { kind: 'git', url: `${base}/libzmq.git` } as const
        const child = start(lab, { release: '4.3.5', source })
        await reached
        await kill(child)
        const lock = `${mirrorDir(lab.cache, source.url)}.lock`
        assert.ok(existsSync(lock))
        // Git's plain protocol: the files of the repository as they are.
        answer = (request, response) => {
          const path = new URL(request.url ?? '', base).pathname.replace('/libzmq.git', bare)
          readFile(path).then(
            (body) => response.end(body),
            () => response.writeHead(404).end(),
          )
        }
        const next = await lab.fetch({ release: '4.3.5', source })
        assert.equal([next.tree, next.route], [lab.known[0]?.tree, 'git'])
        assert.not.ok(existsSync(lock))
      },
    )
  }))

test('an interrupt ends a download and a git fetch at once, with nothing left', () =>
  inLab(async (lab) => {
    for (const kind of ['github', 'git'] as const) {
      const { answer, reached } = hanging(undefined)
      await serving(answer, async (base) => {
        const abort = new AbortController()
        const context = { root: lab.dir, out: lab.dir, env: lab.env, jobs: 1, offline: false }
        const url = `${base}/libzmq.git`
        const work = lab.fetch({
          release: '4.3.5',
          source: kind === 'git' ? { kind, url } : { kind },
          github: base,
          patience: { connect: 5_000, stall: 60_000 },
          context: { ...context, signal: abort.signal, now: lab.cache.now },
        })
        const ended = work.then(
          () => 'done',
          (error) => (error as Error).message,
        )
        await reached
        const since = Date.now()
        abort.abort(new Error('interrupted'))
        assert.is(await ended, 'interrupted')
        assert.ok(Date.now() - since < 5_000)
        assert.equal(await readdir(join(lab.cache.dir, 'tmp')), [])
      })
    }
  }))

test.run()
