// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../ui/errors.ts'
import type { Command } from './command.ts'
import { globalOptions, readGlobalOptions } from './options.ts'
import { parseFlag, parseLine } from './parse.ts'

const command = (name: string, more: Partial<Command> = {}): Command => ({
  name,
  summary: name,
  examples: [],
  plan: async () => ({ steps: [], report: async () => ({ exitCode: 0, data: {}, text: '' }) }),
  ...more,
})
const mainJob = command('build', { options: [{ flag: '--no-scif', describe: 'without scif' }] })
const commands = [
  command('doctor'),
  command('perf', { options: [{ flag: '--rounds <n>', describe: 'rounds' }] }),
  command('show', { usage: '[slug]' }),
]
const parse = (...argv: string[]) => parseLine(argv, globalOptions, commands, mainJob)
const read = (...argv: string[]) =>
  readGlobalOptions(parse(...argv).values, { cwd: '/here', root: '/repo', processors: 4 })

function fails(run: () => unknown, message: RegExp, hint: RegExp): void {
  try {
    run()
  } catch (error) {
    assert.instance(error, UserError)
    assert.match((error as UserError).message, message)
    assert.match((error as UserError).hint, hint)
    assert.is((error as UserError).exitCode, 2)
    return
  }
  assert.unreachable('no error')
}

test('options stand before and behind the command, with = and without', () => {
  const expected = { release: '4.3.4', json: true, rounds: '3' }
  assert.equal(parse('--release', '4.3.4', '--json', 'perf', '--rounds=3').values, expected)
  assert.equal(parse('perf', '--rounds', '3', '--release=4.3.4', '--json').values, expected)
})

test('a switch before the command does not swallow it', () => {
  assert.is(parse('--json', 'doctor').command, 'doctor')
  assert.is(parse('--offline').command, undefined)
})

test('short forms, alone and together', () => {
  assert.equal(parse('-j', '4', '-qy', 'doctor').values, { jobs: '4', quiet: true, yes: true })
  assert.equal(parse('-j2', 'doctor').values, { jobs: '2' })
  assert.ok(parse('perf', '-h').help)
  assert.ok(parse('--version').version)
})

test('a release with a trailing zero stays what was typed', () => {
  assert.is(read('--release', '4.30').options.release, '4.30')
})

test('unknown words get the nearest known one', () => {
  fails(() => parse('doctr'), /no command "doctr"/, /\.\/build doctor\?/)
  fails(() => parse('--jsno'), /no option --jsno/, /Did you mean --json\?/)
  fails(() => parse('--rel=4.3.5'), /no option --rel/, /--release/)
  fails(() => parse('zzzzzz'), /no command/, /--help/)
})

test('an option of another command is refused by name', () => {
  fails(() => parse('doctor', '--rounds', '3'), /--rounds is not an option of "doctor"/, /--help/)
  fails(() => parse('--rounds', '3'), /not an option of the main job/, /--help/)
  assert.equal(parse('--no-scif').values, { 'no-scif': true })
})

test('a missing value and a value too many', () => {
  fails(() => parse('--out'), /--out needs a value/, /--out <dir>/)
  fails(() => parse('--out', '--json'), /--out needs a value/, /--out <dir>/)
  fails(() => parse('--out='), /--out needs a value/, /--out <dir>/)
  fails(() => parse('--json=yes'), /--json takes no value/, /alone/)
})

test('arguments only where a command takes them', () => {
  fails(() => parse('doctor', 'x'), /takes no arguments/, /doctor --help/)
  assert.equal(parse('show', 'a', '--', '--b').args, ['a', '--b'])
})

test('sources', () => {
  const source = (text: string) => read('--source', text).options.source
  assert.equal(source('github'), { kind: 'github' })
  assert.equal(source('git:../libzmq'), { kind: 'git', url: '/libzmq' })
  assert.equal(source('git:https://h/x.git'), { kind: 'git', url: 'https://h/x.git' })
  assert.equal(source('git:me@h:x.git'), { kind: 'git', url: 'me@h:x.git' })
  assert.equal(source('dir:tree'), { kind: 'dir', path: '/here/tree' })
  fails(() => source('svn'), /not a route/, /dir:/)
  fails(() => source('dir:'), /not a route/, /dir:/)
})

test('the other values', () => {
  assert.equal(read().context, { out: '/repo/out', jobs: 4, offline: false })
  assert.is(read('--out', 'o').context.out, '/here/o')
  assert.is(read('--release', 'v4.3.5').options.release, '4.3.5')
  assert.equal(read('--scif', 'pfx').options.scif, { kind: 'prefix', path: '/here/pfx' })
  fails(() => read('--jobs', '0'), /--jobs "0"/, /--jobs 4/)
  fails(() => read('--jobs', 'x'), /--jobs "x"/, /--jobs 4/)
  fails(() => read('--build-system', 'meson'), /not known/, /autotools or cmake/)
  fails(() => read('--release', '../x'), /neither a release nor a git ref/, /4\.3\.5/)
  fails(() => read('--release', 'a..b'), /neither/, /4\.3\.5/)
  fails(() => read('--quiet', '--verbose'), /exclude/, /one of them/)
})

test('every flag of the table can be parsed', () => {
  for (const option of globalOptions) assert.ok(parseFlag(option).name)
  assert.throws(() => parseFlag({ flag: '--Bad', describe: '' }))
})

test.run()
