// SPDX-License-Identifier: MPL-2.0
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  convertWorkflowTemplate,
  NoOperationTraceWriter,
  parseWorkflow,
} from '@actions/workflow-parser'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { YAML } from 'zx'
import { globalOptions } from '../commands/options.ts'
import { parseLine } from '../commands/parse.ts'
import { commands, mainJob } from '../commands/registry.ts'
import { type Env, type RunResult, run } from '../system/run.ts'
import { put } from '../toolchain/testing.ts'
import { otherPackages } from '../verify/others.ts'

const root = new URL('../..', import.meta.url).pathname
const folder = join(root, '.github', 'workflows')
const files = readdirSync(folder).sort()

interface Step {
  uses?: string
  run?: string
  'timeout-minutes'?: number
  with?: Record<string, string | boolean>
}
interface Job {
  permissions?: Record<string, string>
  'timeout-minutes'?: number
  steps: Step[]
}
interface Workflow {
  on: Record<string, unknown>
  permissions?: Record<string, string>
  jobs: Record<string, Job>
}

const textOf = (file: string) => readFileSync(join(folder, file), 'utf8')
const workflows = files.map((file) => ({ file, value: YAML.parse(textOf(file)) as Workflow }))
const jobs = workflows.flatMap(({ file, value }) =>
  Object.entries(value.jobs).map(([name, job]) => ({ name: `${file} ${name}`, value, job })),
)
const steps = jobs.flatMap(({ name, job }) => job.steps.map((step) => ({ name, step })))

/** The mistakes that GitHub would tell. */
async function mistakesIn(content: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name: 'x.yml', content }, new NoOperationTraceWriter())
  if (value) await convertWorkflowTemplate(context, value)
  return context.errors.getErrors().map((error) => error.message)
}

test("GitHub's own parser finds no mistake in the workflows", async () => {
  assert.equal(files, ['ci.yml', 'nightly.yml'])
  for (const file of files) assert.equal([file, await mistakesIn(textOf(file))], [file, []])
})

test('and it would: a wrong key, an unknown context, a wrong event', async () => {
  const text = textOf('nightly.yml')
  const wrong = [
    text.replace('timeout-minutes', 'timeout-minuets'),
    text.replace('github.run_id', 'gitub.run_id'),
    text.replace('workflow_dispatch', 'workflow_dispatched'),
    text.replace('issues: write', 'issues: writes'),
  ]
  for (const each of wrong) assert.is((await mistakesIn(each)).length > 0, true)
})

test('every action is pinned by its commit, with the version behind it', () => {
  const used = files.flatMap((file) => [...textOf(file).matchAll(/uses: (.*)$/gm)])
  assert.ok(used.length >= 6)
  for (const [, what = ''] of used)
    assert.match(what, /^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('rights are the least: read only, but for the one job that keeps the issue', () => {
  for (const { name, value, job } of jobs) {
    assert.ok(value.permissions, `${name}: no permissions`)
    const rights = { ...value.permissions, ...job.permissions }
    const writing = Object.entries(rights).filter(([, right]) => right !== 'read')
    const allowed = name === 'nightly.yml issue' ? [['issues', 'write']] : []
    assert.equal([name, writing], [name, allowed])
    assert.ok((job['timeout-minutes'] ?? 0) > 0, `${name}: no timeout`)
  }
  for (const { name, step } of steps)
    if (step.uses?.startsWith('actions/checkout@'))
      assert.is(step.with?.['persist-credentials'], false, name)
})

test('the workflows run on push, on pull requests and every night', () => {
  const on = Object.assign({}, ...workflows.map(({ value }) => value.on))
  for (const event of ['push', 'pull_request', 'schedule']) assert.ok(event in on, event)
})

test('caches are keyed by the pins', () => {
  const caches = steps.filter(({ step }) => step.uses?.startsWith('actions/cache@'))
  assert.ok(caches.length >= 3)
  for (const { step } of caches)
    for (const key of ['key', 'restore-keys'])
      assert.match(String(step.with?.[key]), "hashFiles('scripts/upstream/releases.ts')")
})

test('nothing of an expression gets into a shell: values come by the environment', () => {
  for (const { name, step } of steps) assert.not.match(step.run ?? '', /\$\{\{/, name)
})

/** The commands of all steps, with what the workflow puts into variables. */
const lines = steps
  .flatMap(({ step }) => (step.run ?? '').split('\n').filter(Boolean))
  .map((line) => line.replace(/^ci\/tell\.sh /, ''))

test('each step is a command to type: ./build and ./test take what they are given', async () => {
  const words = (line: string) => line.replaceAll('"$RELEASE"', '4.3.4').split(' ')
  const own = lines.filter((line) => /^\.\/(build|test)\b/.test(line)).map(words)
  assert.ok(own.length >= 4)
  for (const [program = '', ...args] of own) {
    if (program === './test') {
      const env = { ...process.env, NO_COLOR: '1' }
      const listed = await run([join(root, 'test'), ...args, '--list'], { cwd: root, env })
      assert.is(listed.exitCode, 0, listed.stderr)
      assert.match(listed.stdout, /^toolkit$/m)
      continue
    }
    const { command, values } = parseLine(args, globalOptions, commands, mainJob)
    assert.ok(['apply', 'export', 'verify'].includes(command ?? ''), command)
    assert.is(values.yes, true)
    const env = { ...process.env, NO_COLOR: '1' }
    const planned = await run([join(root, 'build'), ...args, '--dry-run'], { cwd: root, env })
    assert.is(planned.exitCode, 0, planned.stderr)
  }
  const others = lines.filter((line) => !/^\.\/(build|test)\b/.test(line))
  assert.equal(others.sort(), [
    ...['ci/packages.sh', 'ci/packages.sh', 'ci/packages.sh'],
    'ci/report-issue.sh "$OUTCOME" out/nightly/reports "$RUN"',
    'gh run download "$GITHUB_RUN_ID" --name nightly --dir out/nightly',
  ])
})

/** Runs a script of ci/ with programs of the test's own in front of PATH; they log how they were called. */
async function withFakes(
  fakes: Record<string, string>,
  work: (dir: string, runScript: (...argv: string[]) => Promise<RunResult>) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ci-'))
  try {
    for (const [name, text] of Object.entries(fakes)) {
      const log = `printf '%s' '${name}' >> ${dir}/calls; printf ' <%s>' "$@" >> ${dir}/calls; echo >> ${dir}/calls`
      put(join(dir, 'bin', name), `#!/bin/sh\n${log}\n${text}\n`, 0o755)
    }
    const env: Env = { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, TMPDIR: dir }
    await work(dir, (script, ...args) => {
      return run([join(root, 'ci', script), ...args], { cwd: dir, env, timeout: 20_000 })
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const callsIn = (dir: string) => readFileSync(join(dir, 'calls'), 'utf8')

test('ci/packages.sh asks for what the cell with everything can use', () =>
  withFakes({ 'apt-get': '', sudo: 'exec "$@"' }, async (dir, script) => {
    const done = await script('packages.sh')
    assert.is(done.exitCode, 0, done.stderr)
    const calls = callsIn(dir)
    assert.match(calls, 'apt-get <-q> <update>\n')
    for (const name of [...otherPackages, 'ccache']) assert.match(calls, `<${name}>`)
  }))

/** A gh with the open issues of a repository, the body of an issue kept in a file. */
const gh = (number: string) =>
  `case $2 in list) printf '%s' '${number}' ;; edit|create) for f; do :; done; cp "$f" "$TMPDIR/body" ;; esac`

function reportsIn(dir: string): string {
  mkdirSync(join(dir, 'reports', 'verify', 'repaired-master'), { recursive: true })
  put(join(dir, 'reports', 'verify', 'summary.md'), '## verify: failed\n')
  put(join(dir, 'reports', 'verify-bisect.md'), '## bisect: the series stops applying\n')
  return join(dir, 'reports')
}

test('ci/report-issue.sh opens an issue, with the report, the culprit and the repair', () =>
  withFakes({ gh: gh('') }, async (dir, script) => {
    const done = await script('report-issue.sh', 'failure', reportsIn(dir), 'https://x.invalid/7')
    assert.is(done.exitCode, 0, done.stderr)
    assert.match(callsIn(dir), 'gh <issue> <create> <--title> <The series and the newest libzmq>')
    const body = readFileSync(join(dir, 'body'), 'utf8')
    for (const part of ['verify: failed', 'stops applying', 'three-way', 'https://x.invalid/7'])
      assert.match(body, part)
    assert.equal(
      readdirSync(dir).filter((name) => name.startsWith('tmp.')),
      [],
    )
  }))

test('however long the report, the run and the repair are in the issue; so is a cancelled run', () =>
  withFakes({ gh: gh('') }, async (dir, script) => {
    const reports = reportsIn(dir)
    put(join(reports, 'verify', 'summary.md'), 'all of it\n'.repeat(20_000))
    const done = await script('report-issue.sh', 'cancelled', reports, 'https://x.invalid/9')
    assert.is(done.exitCode, 0, done.stderr)
    const body = readFileSync(join(dir, 'body'), 'utf8')
    assert.ok(body.length <= 60_000)
    for (const part of ['cancelled', 'stops applying', 'three-way', 'https://x.invalid/9'])
      assert.match(body, part)
  }))

test('ci/tell.sh ends as its command does, and tells GitHub the exit code and the error', () =>
  withFakes({ broken: 'echo out; echo "no route" >&2; exit 4', fine: 'exit 0' }, async (dir) => {
    const tell = (name: string, more: Env = {}) => {
      const env: Env = { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, TMPDIR: dir, ...more }
      return run([join(root, 'ci', 'tell.sh'), name, 'a b'], { cwd: dir, env, timeout: 20_000 })
    }
    const github = { GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary') }
    const broken = await tell('broken', github)
    assert.equal([broken.exitCode, broken.stdout], [4, 'out\nno route\n'])
    assert.is(readFileSync(github.GITHUB_OUTPUT, 'utf8'), 'code=4\n')
    assert.match(
      readFileSync(github.GITHUB_STEP_SUMMARY, 'utf8'),
      /ended with 4:[^~]*~~~\nout\nno route/,
    )
    assert.match(callsIn(dir), 'broken <a b>')
    assert.is((await tell('fine')).exitCode, 0)
    assert.is((await tell('fine', github)).exitCode, 0)
    assert.is(readFileSync(github.GITHUB_OUTPUT, 'utf8'), 'code=4\ncode=0\n')
  }))

test('a step of the night that takes too long ends before its job does', () => {
  const night = jobs.find(({ name }) => name === 'nightly.yml upstream')?.job
  const limits = night?.steps.map((step) => step['timeout-minutes'] ?? 0) ?? []
  const sum = limits.reduce((all, one) => all + one, 0)
  assert.is(limits.filter((one) => one > 0).length, 3)
  assert.ok(sum < (night?.['timeout-minutes'] ?? 0), `${sum} minutes`)
})

test('the next night the same issue is updated', () =>
  withFakes({ gh: gh('12') }, async (dir, script) => {
    const done = await script(
      'report-issue.sh',
      'failure',
      join(dir, 'none'),
      'https://x.invalid/8',
    )
    assert.is(done.exitCode, 0, done.stderr)
    assert.match(callsIn(dir), 'gh <issue> <edit> <12>')
    assert.not.match(callsIn(dir), '<create>')
    assert.match(readFileSync(join(dir, 'body'), 'utf8'), 'ended before there was a report')
  }))

test('when all is well it is closed, and where there is none nothing is done', async () => {
  await withFakes({ gh: gh('12') }, async (dir, script) => {
    assert.is((await script('report-issue.sh', 'success', dir)).exitCode, 0)
    assert.match(callsIn(dir), 'gh <issue> <close> <12>')
  })
  await withFakes({ gh: gh('') }, async (dir, script) => {
    assert.is((await script('report-issue.sh', 'success', dir)).exitCode, 0)
    assert.not.match(callsIn(dir), /<(create|edit|close)>/)
  })
})

test.run()
