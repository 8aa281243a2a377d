// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refs } from '../series/repository.ts'
import { inLab, type Lab } from '../series/testing.ts'
import { readEvidence } from './evidence.ts'
import { type ProveOptions, prove } from './prove.ts'
import { warnedOf } from './provers.ts'
import { bundleLab } from './testing.ts'

/** Programs of this machine that the stand-ins below need; nothing else is on the PATH. */
const tools = [
  'sh',
  'git',
  'bash',
  'cat',
  'mkdir',
  'touch',
  'grep',
  'dirname',
  'pwd',
  'echo',
  'tar',
]

/** Puts a shell script on the lab's PATH. */
async function program(lab: Lab, name: string, body: string): Promise<void> {
  const path = join(lab.dir, 'bin', name)
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
}

/** A lab whose libzmq has an autogen.sh, and a PATH of few programs. */
async function proving(lab: Lab): Promise<ProveOptions> {
  await lab.write('upstream/autogen.sh', '#!/bin/sh\necho generated > configure.log\n')
  await lab.write('upstream/configure', '#!/bin/sh\necho "configured $*"\n')
  await chmod(join(lab.dir, 'upstream', 'autogen.sh'), 0o755)
  await chmod(join(lab.dir, 'upstream', 'configure'), 0o755)
  const source = await bundleLab(lab)
  const { seriesHash } = await lab.apply(source)
  await mkdir(join(lab.dir, 'bin'))
  for (const tool of tools) {
    const dir = (process.env.PATH ?? '').split(':').find((each) => existsSync(join(each, tool)))
    if (dir) await symlink(join(dir, tool), join(lab.dir, 'bin', tool))
  }
  const id = async (ref: string): Promise<string> => (await lab.git(['rev-parse', ref])).trim()
  return {
    gitDir: join(lab.workDir, '.git'),
    ...{ base: await id(refs.base), head: await id('HEAD') },
    ...{ release: 'master', tree: source.tree, seriesHash, edited: false, compiler: 'c++ 12' },
    scif: { kind: 'soft', prefix: join(lab.dir, 'prefix') },
    ...{ dir: join(lab.dir, 'out'), reports: join(lab.dir, 'reports') },
    places: [[lab.dir, 'here']],
    jobs: 1,
    env: { PATH: join(lab.dir, 'bin'), HOME: join(lab.dir, 'home') },
    signal: new AbortController().signal,
    now: () => new Date('2026-01-24T10:00:00Z'),
    ...{ progress: () => {}, line: () => {} },
  }
}

const version = (text: string): string => `if [ "$1" = --version ]; then echo "${text}"; exit; fi`
const format = (places: string): string =>
  `${version('clang-format version 18.1.8')}\ncat > /dev/null; echo "${places}"`
/** A make that says what Automake says, and makes the page. */
const make = `case "$*" in
*distcheck*) echo "# PASS:  41"; echo "# SKIP:  2" ;;
*doc*) touch doc/zmq_scif.7 ;;
esac
echo "make $* in $PWD"`

test('what is missing on the machine is said, and no proof', () =>
  inLab(async (lab) => {
    const options = await proving(lab)
    await program(lab, 'make', 'echo "no rule"; exit 2')
    const { proofs } = await prove(options)
    assert.equal(
      proofs.map(({ name, passed, detail }) => `${name} ${passed}: ${detail}`),
      [
        'clang-format false: clang-format is not installed',
        'docs false: asciidoctor is not installed',
        'cxx98 false: there is no C++ compiler',
        'distcheck false: make distcheck ended with 2',
      ],
    )
  }))

test('what passes is remembered for this very series, and its logs name no folder', () =>
  inLab(async (lab) => {
    const options = await proving(lab)
    await program(lab, 'make', make)
    await program(lab, 'clang-format-18', format(''))
    await program(lab, 'asciidoctor', version('Asciidoctor 2.0.18'))
    await program(lab, 'clang++', version('clang version 14.0.6'))
    const { proofs } = await prove(options)
    assert.equal(
      proofs.map(({ name, passed, detail }) => `${name} ${passed}: ${detail}`),
      [
        'clang-format true: 13 sources are formatted, by clang-format-18 18.1.8',
        'docs true: zmq_scif.7 and the others, by asciidoctor 2.0.18',
        'cxx98 true: the library and all test programs, by clang++ 14.0.6',
        'distcheck true: 41 test programs passed, 2 were skipped',
      ],
    )
    const evidence = await readEvidence(options.reports, [])
    assert.equal(evidence.problems, {})
    assert.equal(evidence.prove?.proofs, proofs)
    const log = await lab.read('reports/prove/cxx98.log')
    assert.match(log, /configured --with-scif=here\/prefix --enable-force-CXX98-compat/)
    assert.not.ok(log.includes(lab.dir))
    // With no tool left, what was found before still holds for this series, and for no other.
    await program(lab, 'make', 'exit 2')
    const later = () => new Date('2026-01-29T10:00:00Z')
    const again = await prove({ ...options, now: later })
    assert.ok(again.proofs.every((proof) => proof.passed))
    assert.is(again.date, '2026-01-24T10:00:00.000Z', 'as old as what it found then')
    const other = await prove({ ...options, seriesHash: '0'.repeat(64) })
    assert.equal(
      other.proofs.filter((proof) => proof.passed).map((proof) => proof.name),
      ['clang-format'],
    )
    const edited = await prove({ ...options, edited: true })
    assert.not.ok(edited.proofs.find((proof) => proof.name === 'distcheck')?.passed)
  }))

test('tests that fail without the series, too, do not close the gate; its own do', () =>
  inLab(async (lab) => {
    const options = await proving(lab)
    const says = (tests: string): string => `case "$*" in
*XFAIL_TESTS*) echo "# PASS:  40"; echo "# SKIP:  2"; echo "# XFAIL: 1" ;;
*distcheck*) for t in ${tests}; do echo "FAIL: $t"; done; exit 2 ;;
*TESTS=tests/test_pair_vsock) echo "FAIL: tests/test_pair_vsock"; exit 2 ;;
*TESTS=*) exit 2 ;;
esac`
    await program(lab, 'make', says('tests/test_pair_vsock'))
    const other = (await prove(options)).proofs.find((proof) => proof.name === 'distcheck')
    assert.is(
      other?.detail,
      '40 test programs passed, 2 were skipped; without the series, too, this machine fails tests/test_pair_vsock',
    )
    assert.is(other?.passed, true)
    await program(lab, 'make', says('tests/test_pair_vsock tests/test_pair_scif'))
    const own = (await prove({ ...options, seriesHash: '0'.repeat(64) })).proofs.at(-1)
    assert.is(own?.passed, false)
    assert.is(own?.detail, 'only with the series this machine fails tests/test_pair_scif')
  }))

test('warnings of the transport’s own sources count, upstream’s do not', () => {
  const output = [
    'src/proxy.cpp:508:26: warning: suggest braces',
    'src/scif_ring.cpp:12:3: warning: unused variable',
    '../src/scif_ring.cpp:14:3: warning: unused variable',
    'tests/test_pair_scif.cpp:9:1: note: expanded from here',
  ].join('\n')
  assert.equal(warnedOf(output), ['src/scif_ring.cpp'])
  assert.equal(warnedOf('src/proxy.cpp:508:26: warning: suggest braces'), [])
})

test('a source that clang-format would change is named', () =>
  inLab(async (lab) => {
    const options = await proving(lab)
    await program(lab, 'make', make)
    await program(lab, 'clang-format', format('<replacement offset=1>'))
    const [first] = (await prove(options)).proofs
    assert.is(first?.passed, false)
    // Upstream's own file has as many places before and after.
    assert.match(
      first?.detail ?? '',
      /^src\/scif_address\.cpp, .* would be changed by clang-format/,
    )
    assert.not.match(first?.detail ?? '', /src\/zmq\.cpp/)
  }))

test.run()
