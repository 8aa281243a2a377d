// SPDX-License-Identifier: MPL-2.0
import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inLab, type Lab, standardSeries } from './testing.ts'

/** A git configuration that changes about everything that can be changed. */
async function oddGit(lab: Lab): Promise<void> {
  const hooks = join(lab.dir, 'home', 'hooks')
  for (const name of ['pre-commit', 'commit-msg', 'post-checkout', 'reference-transaction']) {
    await lab.write(`home/hooks/${name}`, `#!/bin/sh\ntouch ${lab.dir}/hooked\nexit 1\n`)
    await chmod(join(hooks, name), 0o755)
  }
  await lab.write(
    'home/.gitconfig',
    `[user]
	name = Somebody Else
	email = else@example.invalid
	signingKey = none
[core]
	hooksPath = ${hooks}
	autocrlf = true
	eol = crlf
	safecrlf = true
	fileMode = false
	whitespace = tab-in-indent
	attributesFile = ${lab.dir}/home/attributes
	excludesFile = ${lab.dir}/home/excludes
	abbrev = 4
	quotePath = true
[commit]
	gpgSign = true
	cleanup = scissors
[diff]
	noprefix = true
	mnemonicPrefix = true
	context = 0
	algorithm = patience
	renames = copies
	external = false
	suppressBlankEmpty = true
	interHunkContext = 9
	indentHeuristic = false
	orderFile = ${lab.dir}/home/excludes
[apply]
	whitespace = fix
	ignoreWhitespace = change
[i18n]
	commitEncoding = ISO-8859-1
	logOutputEncoding = ISO-8859-1
[color]
	ui = always
[init]
	defaultBranch = odd
	templateDir = ${lab.dir}/home
[status]
	showUntrackedFiles = all
	short = true
[format]
	signature = me
	subjectPrefix = odd
`,
  )
  await lab.write('home/attributes', '* text eol=crlf ident\n*.cpp diff=cpp filter=odd\n')
  await lab.write('home/.config/git/attributes', '* text eol=crlf\n')
  await lab.write('home/excludes', 'src/*\n')
  await lab.write('home/.config/git/ignore', 'src/*\n')
}

const oddVariables = {
  LC_ALL: 'de_DE.UTF-8',
  LANGUAGE: 'de',
  TZ: 'Asia/Kolkata',
  GIT_DIR: '/nowhere',
  GIT_WORK_TREE: '/nowhere',
  GIT_INDEX_FILE: '/nowhere/index',
  GIT_AUTHOR_NAME: 'Nobody',
  GIT_COMMITTER_DATE: '1999-01-01T00:00:00Z',
  GIT_EDITOR: 'false',
  GIT_EXTERNAL_DIFF: 'false',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.autocrlf',
  GIT_CONFIG_VALUE_0: 'true',
  XDG_CONFIG_HOME: '/nowhere',
}

test('the same commits and files, however git is configured', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    const plain = await lab.apply(source)
    await oddGit(lab)
    const signal = new AbortController().signal
    const context = { env: { ...lab.env, ...oddVariables }, signal }
    const workDir = join(lab.dir, 'work', 'odd')
    const odd = await lab.apply(source, { context, workDir })
    assert.is(odd.head, plain.head)
    assert.is(await lab.read('work/odd/src/scif_address.cpp'), 'address\n')
    assert.is((await lab.apply(source, { context, workDir })).action, 'unchanged')
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better\n')
    assert.is((await lab.apply(source, { context, workDir })).action, 'reapplied')
    assert.is(await lab.read('work/odd/src/scif_address.cpp'), 'better\n')
    await failsToRead(lab, 'hooked')
  }))

test('the same with that configuration in the work tree itself, and in its hooks', () =>
  inLab(async (lab) => {
    const source = await standardSeries(lab)
    await lab.apply(source)
    await oddGit(lab)
    const config = await lab.read('work/libzmq-4.3.5/.git/config')
    await lab.write('work/libzmq-4.3.5/.git/config', config + (await lab.read('home/.gitconfig')))
    await lab.write('project/libzmq-ext/transport/src/scif_address.cpp', 'better\n')
    const again = await lab.apply(source)
    assert.is(again.action, 'reapplied')
    assert.is((await lab.apply(source)).action, 'unchanged')
    assert.is(await lab.read('work/libzmq-4.3.5/src/scif_address.cpp'), 'better\n')
    const fresh = await lab.apply(source, { workDir: join(lab.dir, 'work', 'fresh') })
    assert.is(again.head, fresh.head)
    await failsToRead(lab, 'hooked')
  }))

test('an export gives the same bytes, however git is configured', () =>
  inLab(async (lab) => {
    const bytes = async (odd: boolean): Promise<Record<string, string>> => {
      const source = await standardSeries(lab)
      await lab.apply(source)
      const text = await lab.read('work/libzmq-4.3.5/src/socket_base.cpp')
      const edited = text.replace('scif here\n', 'scif\n\nhere\n').replace('line 25\n', 'LINE\n')
      await lab.write('work/libzmq-4.3.5/src/socket_base.cpp', edited)
      await lab.git(['commit', '-q', '-a', '--fixup=HEAD^'])
      const config = await lab.read('work/libzmq-4.3.5/.git/config')
      if (odd) {
        await oddGit(lab)
        const more = await lab.read('home/.gitconfig')
        await lab.write('work/libzmq-4.3.5/.git/config', config + more)
      }
      const env = odd ? { ...lab.env, ...oddVariables } : lab.env
      await lab.export({ context: { env, signal: new AbortController().signal } })
      await rm(lab.workDir, { recursive: true })
      return lab.project()
    }
    const plain = await bytes(false)
    assert.match(plain['patches/hook.patch'] ?? '', '+scif\n+\n+here\n')
    assert.equal(await bytes(true), plain)
    await failsToRead(lab, 'hooked')
  }))

/** A hook that ran has left this file. */
async function failsToRead(lab: Lab, path: string): Promise<void> {
  const found = await lab.read(path).then(
    () => true,
    () => false,
  )
  assert.is(found, false, `${path} is there: a hook of the user ran`)
}

test.run()
