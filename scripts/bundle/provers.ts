// SPDX-License-Identifier: MPL-2.0
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { proveDistcheck } from './distcheck.ts'
import { proveFormat } from './format.ts'
import {
  chain,
  checkOut,
  type Found,
  findProgram,
  type Prover,
  type ProverOptions,
  withCcache,
  withScif,
} from './prover.ts'

/** The quick ones first. */
export const provers: readonly Prover[] = [
  { name: 'clang-format', run: proveFormat },
  { name: 'docs', run: proveDocs },
  { name: 'cxx98', run: proveCxx98 },
  { name: 'distcheck', run: proveDistcheck },
]

/** The manual pages, by the tools that this release wants for them. */
async function proveDocs(options: ProverOptions): Promise<Found> {
  const source = await checkOut(options, 'docs')
  const adoc = existsSync(join(source, 'doc', 'zmq_scif.adoc'))
  const tool = await findProgram(adoc ? ['asciidoctor'] : ['asciidoc'], options)
  const command = './configure --with-docs && make -C doc'
  if (!tool) {
    const name = adoc ? 'asciidoctor' : 'asciidoc, with xmlto,'
    return { passed: false, command, detail: `${name} is not installed` }
  }
  const done = await chain(
    [
      ['./autogen.sh'],
      ['./configure', '--with-docs', '--disable-perf', '--disable-curve'],
      ['make', '-C', 'doc', `-j${options.jobs}`],
    ],
    source,
    options,
  )
  const page = join(source, 'doc', 'zmq_scif.7')
  if (done.failed) return { passed: false, command, detail: done.failed }
  if (!existsSync(page)) return { passed: false, command, detail: 'zmq_scif.7 was not made' }
  await rm(source, { recursive: true, force: true })
  return {
    passed: true,
    command,
    detail: `zmq_scif.7 and the others, by ${tool.name} ${tool.version}`,
  }
}

/** Files of the transport that a compiler warns of. */
export function warnedOf(output: string): string[] {
  const pattern = /^(?:\.\/|\.\.\/)*([\w/]*scif[\w/]*\.[ch]pp):\d+:\d+: (?:warning|error):/gm
  return [...new Set([...output.matchAll(pattern)].map((match) => match[1] ?? ''))]
}

/**
 * Upstream's lane for C++98, which it runs with clang: the library and all test programs, and no
 * warning of a source that the series adds.
 */
async function proveCxx98(given: ProverOptions): Promise<Found> {
  const options = withScif(given)
  const compiler = await findProgram(['clang++', 'g++', 'c++'], options)
  const command = 'configure --with-scif --enable-force-CXX98-compat && make check TESTS='
  if (!compiler) return { passed: false, command, detail: 'there is no C++ compiler' }
  const source = await checkOut(options, 'cxx98')
  const done = await chain(
    [
      ['./autogen.sh'],
      [
        './configure',
        `--with-scif=${options.scif.prefix}`,
        '--enable-force-CXX98-compat',
        // Compilers differ in what they warn of in upstream's own files.
        '--disable-Werror',
        '--without-docs',
        `CXX=${await withCcache(options, compiler.name)}`,
      ],
      ['make', `-j${options.jobs}`],
      ['make', `-j${options.jobs}`, 'check', 'TESTS='],
    ],
    source,
    options,
  )
  if (done.failed) return { passed: false, command, detail: done.failed }
  const warned = warnedOf(done.output)
  if (warned.length > 0)
    return { passed: false, command, detail: `${compiler.name} warns of ${warned.join(', ')}` }
  await rm(source, { recursive: true, force: true })
  return {
    passed: true,
    command,
    detail: `the library and all test programs, by ${compiler.name} ${compiler.version}`,
  }
}
