// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { git } from '../system/git.ts'
import { run, runOrFail } from '../system/run.ts'
import { jsonOf, must, testedRelease } from './build-script.ts'
import { Checks } from './checks.ts'
import type { Stage, StageContext } from './stage.ts'

/** What is sent upstream, made of the series as it is. */
export const bundleStages: readonly Stage[] = [
  {
    id: 'bundle',
    title: './build bundle: the series passes its gates, and arrives as it was sent',
    floor: 6,
    minutes: 10,
    after: ['build'],
    run: makeBundles,
  },
]

const author = { name: 'Ada Example', email: 'ada@example.org' }

/** Gates that need reports; those of the tested release are not of the master made here. */
const waived = ['evidence', 'every-commit', 'tests', 'clang-format', 'cxx98', 'distcheck', 'docs']

interface Document {
  written: { dir: string } | null
  head: { commit: string; tree: string }
  gates: { name: string; ok: boolean; sentence: string; waived?: string }[]
}

async function makeBundles(context: StageContext) {
  const { root, env, signal, logFile, progress } = context
  const checks = new Checks(context)
  const out = join(context.out, 'bundle-test')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const upstream = join(out, 'upstream')
  const options = { cwd: tmpdir(), env, signal, logFile, onLine: progress }
  const bundle = (...more: string[]) => {
    // Offline, or upstream itself would be asked for its master.
    const common = ['--out', out, '--json', '--offline']
    const who = ['--author', `${author.name} <${author.email}>`, '--add-author']
    const where = ['--project', 'https://example.org/scif']
    const why = ['--waive', waived.map((name) => `${name}=not of this test`).join(';')]
    return [join(root, 'build'), 'bundle', ...who, ...where, ...why, ...common, ...more]
  }
  const call = (args: readonly string[], cwd = out) => git(args, { ...options, cwd, author })
  let source = ''
  await checks.that('from an archive it says what it can’t give, and stops', async () => {
    const fetch = ['fetch', '--release', testedRelease, '--out', context.out, '--json']
    const found = await runOrFail([join(root, 'build'), ...fetch], { ...options, what: 'fetch' })
    source = jsonOf<{ dir: string }>(found.stdout).dir
    const done = await run(bundle('--release', testedRelease, '--source', `dir:${source}`), options)
    must(done.exitCode === 1, `exit ${done.exitCode}`)
    must(/came without history/.test(done.stderr), done.stderr)
    must(/--without-history/.test(done.stderr), done.stderr)
  })
  let made: Document | undefined
  await checks.that('on a master with history all gates open that need no report', async () => {
    await call(['init', '--quiet', '--initial-branch=master', upstream])
    await call([`--work-tree=${source}`, 'add', '--force', '--all', '.'], upstream)
    await call(['commit', '--quiet', '-m', 'master'], upstream)
    const done = await run(bundle('--source', `git:${upstream}`), options)
    made = jsonOf<Document>(done.stdout)
    const shut = made.gates.filter((gate) => !gate.ok && !waived.includes(gate.name))
    must(done.exitCode === 0, shut.map((gate) => gate.sentence).join(' ') || done.stderr)
  })
  const dir = (): string => made?.written?.dir ?? join(out, 'none')
  await checks.that('the checksums hold', async () => {
    const argv = ['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS']
    await runOrFail(argv, { ...options, cwd: dir(), what: 'sha256sum' })
  })
  await checks.that('git am of the patches gives the tree', async () => {
    const patches = readdirSync(join(dir(), 'patches')).sort()
    must(patches.length > 10, `${patches.length} patches`)
    const clone = await cloneAs('am')
    await call(['am', '--quiet', ...patches.map((name) => join(dir(), 'patches', name))], clone)
    must((await call(['rev-parse', 'HEAD^{tree}'], clone)).trim() === made?.head.tree, 'it differs')
  })
  await checks.that('the git bundle gives the commit', async () => {
    const clone = await cloneAs('fetched')
    await call(['bundle', 'verify', '--quiet', join(dir(), 'scif.bundle')], clone)
    await call(['fetch', '--quiet', join(dir(), 'scif.bundle'), 'scif:scif'], clone)
    must((await call(['rev-parse', 'scif'], clone)).trim() === made?.head.commit, 'it differs')
  })
  await checks.that('made again it is the same', async () => {
    const done = await run(bundle('--source', `git:${upstream}`), options)
    must(jsonOf<{ unchanged: boolean }>(done.stdout).unchanged, done.stdout)
  })
  return checks.counts()

  async function cloneAs(name: string): Promise<string> {
    const clone = join(out, name)
    await call(['clone', '--quiet', upstream, clone])
    return clone
  }
}
