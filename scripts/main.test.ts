// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { commands } from './commands/registry.ts'
import { run } from './system/run.ts'

const scratch = mkdtempSync(join(tmpdir(), 'zmq-scif-main-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs the real ./build from a foreign folder. */
async function build(...args: string[]) {
  const env = { ...process.env, FORCE_COLOR: undefined }
  const result = await run([join(root, 'build'), ...args], { cwd: scratch, env, timeout: 120_000 })
  return { code: result.exitCode, out: result.stdout, err: result.stderr }
}

test('wrong usage: exit code 2, a sentence and what to type on standard error only', async () => {
  assert.equal(await build('complie'), {
    code: 2,
    out: '',
    err: 'error: There is no command "complie".\n  Did you mean ./build compile?\n',
  })
})

test('--json: an error is one document on standard output, too', async () => {
  const { code, out } = await build('--json', '--jobs', 'many')
  assert.is(code, 2)
  const { error } = JSON.parse(out)
  assert.is(error.exitCode, 2)
  assert.match(error.message, /--jobs "many"/)
  assert.match(error.hint, /--jobs 4/)
})

test('--version and --help; the help of every command has its examples', async () => {
  assert.match((await build('--version')).out, /^zeromq-scif \d+\.\d+\.\d+\n$/)
  const { code, out } = await build('--help')
  assert.is(code, 0)
  for (const { name, summary } of commands) assert.match(out, `${name}`, summary)
  for (const option of ['--release', '--dry-run', '--json']) assert.match(out, option)
  for (const { name, examples } of commands.slice(0, 3)) {
    const help = await build(name, '--help')
    assert.is(help.code, 0)
    for (const example of examples) assert.match(help.out, example)
  }
})

test('doctor --json is one document that says what is there', async () => {
  const { code, out, err } = await build('doctor', '--json')
  const document = JSON.parse(out)
  const missing = document.tools.filter(
    (tool: { found: string | null; required: boolean }) => tool.required && !tool.found,
  )
  assert.is(code, missing.length === 0 ? 0 : 3)
  assert.is(err, '')
  assert.is(document.schemaVersion, 1)
  assert.ok(document.libscif.reason)
})

test('--dry-run prints the plan of the main job and writes nothing', async () => {
  const out = join(scratch, 'never made')
  const people = await build(
    '--dry-run',
    '--out',
    out,
    '--release',
    '4.3.4',
    '--build-system',
    'cmake',
  )
  assert.is(people.code, 0, people.err)
  assert.match(people.out, /1\. System packages\n/)
  assert.match(people.out, `'-DCMAKE_INSTALL_PREFIX=${out}/prefix'`)
  assert.match(people.out, 'remote_thr')
  const json = await build('--dry-run', '--json', '--out', out, '--no-scif')
  const document = JSON.parse(json.out)
  assert.ok(document.dryRun)
  assert.equal(
    document.steps.map((step: { id: string }) => step.id),
    ['system', 'fetch', 'apply', 'compile-softscif', 'compile-libzmq'],
  )
  assert.not.ok(existsSync(out))
})

test('a libscif prefix without a libscif: exit code 3, before anything is done', async () => {
  const { code, err } = await build('--scif', 'nowhere', '--out', join(scratch, 'o'))
  assert.is(code, 3)
  assert.match(err, /There is no libscif below .*nowhere: it has no include\/scif\.h/)
  assert.not.ok(existsSync(join(scratch, 'o')))
})

test('what to type next has the options that were given', async () => {
  const out = join(scratch, 'other')
  const none = await build('status', '--out', out, '--source', 'debian')
  assert.match(none.out, `Next:\n  ./build apply --source debian --out ${out}\n`)
  const { err } = await build('export', '--out', out, '--release', '4.3.4')
  assert.match(err, `./build apply --out ${out} --release 4.3.4`)
})

test('clean on nothing removes nothing', async () => {
  const { code, out } = await build('clean', '--out', join(scratch, 'none'))
  assert.equal([code, out], [0, 'There was nothing to remove.\n'])
  assert.is((await build('clean', 'everything')).code, 2)
})

test.run()
