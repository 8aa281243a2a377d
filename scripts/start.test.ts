// SPDX-License-Identifier: MPL-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { put } from './toolchain/testing.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-start-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))
const repository = dirname(dirname(fileURLToPath(import.meta.url)))

/** npm that "installs" what the lock file asks for, unless told otherwise by a file. */
const fakeNpm = `#!/bin/sh
echo called >> "$COUNT"
[ -e "$PLAN" ] && . "$PLAN"
mkdir -p node_modules/tsx
cat > node_modules/tsx/package.json <<END
{ "name": "tsx", "version": "$(sed -n 's/.*"version": "\\(.*\\)".*/\\1/p' package-lock.json | tail -1)",
  "type": "module", "exports": { "./esm/api": "./api.mjs" } }
END
echo 'export function register() {}' > node_modules/tsx/api.mjs
grep -v other-platform package-lock.json > node_modules/.package-lock.json
`

interface Repo {
  root: string
  env: Record<string, string>
  calls(): number
  plan(script: string): void
  lock(version: string): void
}

/** A repository with ./build, start.mjs and a program, in a path with a blank, and a fake npm. */
function repo(options: { npm?: boolean } = {}): Repo {
  const dir = mkdtempSync(join(scratch, 'r-'))
  const root = join(dir, 'the repo')
  const count = join(dir, 'count')
  const plan = join(dir, 'plan')
  for (const file of ['build', 'scripts/start.mjs', 'scripts/toolchain/find-node.sh'])
    cpSync(join(repository, file), join(root, file))
  writeFileSync(
    join(root, 'build'),
    readFileSync(join(root, 'build'), 'utf8').replaceAll('main.ts', 'main.mjs'),
  )
  put(join(root, 'scripts', 'main.mjs'), "console.log('runs', ...process.argv.slice(2))\n")
  put(join(root, '.npmrc'))
  put(join(root, 'package.json'), '{}')
  // start.mjs takes the npm beside the node that runs it.
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  symlinkSync('../node/bin/node', join(bin, 'node'))
  mkdirSync(join(dir, 'node', 'bin'), { recursive: true })
  cpSync(nodeCopy(), join(dir, 'node', 'bin', 'node'), { mode: 2 })
  if (options.npm !== false) put(join(dir, 'node', 'bin', 'npm'), fakeNpm, 0o755)
  const made: Repo = {
    root,
    env: { PATH: `${bin}:/usr/bin:/bin`, HOME: dir, COUNT: count, PLAN: plan },
    calls: () =>
      existsSync(count) ? readFileSync(count, 'utf8').split('\n').filter(Boolean).length : 0,
    plan: (script) => put(plan, script),
    lock: (version) =>
      put(
        join(root, 'package-lock.json'),
        JSON.stringify(
          {
            packages: {
              '': {},
              'node_modules/other-platform': { optional: true },
              'node_modules/tsx': { version },
            },
          },
          null,
          1,
        ).replace(/\{\s*"optional": true\s*\}/, '{ "optional": true }'),
      ),
  }
  made.lock('1.0.0')
  return made
}

function nodeCopy(): string {
  return realpathSync(process.execPath)
}

function start(at: Repo, ...args: string[]): ChildProcess {
  return spawn(join(at.root, 'build'), args, { cwd: '/', env: at.env })
}

async function finish(
  child: ChildProcess,
): Promise<{ code: number | null; out: string; err: string }> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(limit)
  return { code, out, err }
}

const staging = (at: Repo) =>
  existsSync(join(at.root, 'out')) ? readdirSync(join(at.root, 'out')) : []

test('the first run installs the packages, the next finds them, a changed lock file installs anew', async () => {
  const at = repo()
  const first = await finish(start(at, 'a b', '--json'))
  assert.equal([first.code, first.out], [0, 'runs a b --json\n'], first.err)
  assert.is(first.err, 'Installing the npm packages ...\n')
  const second = await finish(start(at))
  assert.equal([second.code, second.out, second.err], [0, 'runs\n', ''])
  assert.is(at.calls(), 1)
  at.lock('1.0.1')
  assert.is((await finish(start(at))).code, 0)
  assert.is(at.calls(), 2)
  const installed = readFileSync(join(at.root, 'node_modules', 'tsx', 'package.json'), 'utf8')
  assert.match(installed, '1.0.1')
  assert.equal(staging(at), [])
})

test('./build works through a symbolic link, from anywhere', async () => {
  const at = repo()
  const link = join(dirname(at.root), 'a link')
  symlinkSync('the repo/build', link)
  const { code, out } = await finish(spawn(link, ['x'], { cwd: '/', env: at.env }))
  assert.equal([code, out], [0, 'runs x\n'])
})

test('no network: exit code 4, npm’s last lines, and nothing half installed', async () => {
  const at = repo()
  at.plan('echo npm error code ENOTFOUND >&2; mkdir node_modules; exit 1')
  const { code, err } = await finish(start(at))
  assert.is(code, 4)
  assert.match(
    err,
    /ENOTFOUND\nerror: The npm packages could not be downloaded\.\n {2}Run this again/,
  )
  assert.not.ok(existsSync(join(at.root, 'node_modules')))
  assert.equal(staging(at), [])
})

test('npm fails for another reason, or is not there: exit code 3 and what to type', async () => {
  const at = repo()
  at.plan('echo npm error code EUSAGE >&2; exit 1')
  const failed = await finish(start(at))
  assert.is(failed.code, 3)
  assert.match(failed.err, /npm ci failed with exit code 1.*\n.*cd '.*the repo' && npm ci/)
  const without = repo({ npm: false })
  without.env.PATH = `${without.env.PATH?.split(':')[0]}:${binWithout()}`
  const missing = await finish(start(without))
  assert.is(missing.code, 3)
  assert.match(missing.err, /npm is needed.*\n.*apt-get install npm/)
})

/** The tools of the shell part, without an npm. */
function binWithout(): string {
  const dir = mkdtempSync(join(scratch, 'bin-'))
  for (const name of ['sh', 'dirname', 'readlink']) {
    const found = ['/usr/bin', '/bin'].map((at) => join(at, name)).find(existsSync)
    if (found) symlinkSync(found, join(dir, name))
  }
  return dir
}

test('two at once spoil nothing', async () => {
  const at = repo()
  at.plan('sleep 0.3')
  const both = await Promise.all([finish(start(at)), finish(start(at))])
  for (const { code, out, err } of both) assert.equal([code, out], [0, 'runs\n'], err)
  assert.equal(staging(at), [])
})

test('an interrupt ends npm and leaves nothing behind', async () => {
  const at = repo()
  at.plan('trap "exit 1" TERM; touch "$COUNT.begun"; sleep 30 & wait')
  const child = start(at)
  const done = finish(child)
  for (let i = 0; i < 1000 && !existsSync(`${at.env.COUNT}.begun`); i++) await sleep(20)
  child.kill('SIGTERM')
  assert.is((await done).code, 130)
  assert.not.ok(existsSync(join(at.root, 'node_modules')))
  assert.equal(staging(at), [])
})

test('no Node.js, or only an old one: exit code 3 and where to get one', async () => {
  const at = repo()
  const bin = binWithout()
  at.env = { PATH: bin, HOME: '/nonexistent' }
  put(join(bin, 'node'), '#!/bin/sh\necho 18.19.0\n', 0o755)
  const old = await finish(start(at))
  // A Node.js in one of the usual places outside of PATH is as good.
  if (old.code === 0) return
  assert.is(old.code, 3)
  assert.match(old.err, /Node\.js 20\.17 or newer is needed.*18\.19\.0/)
})

test.run()
