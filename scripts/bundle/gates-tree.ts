// SPDX-License-Identifier: MPL-2.0
import { open, shut } from './gates-series.ts'
import type { BundleFacts, Finding, Gate } from './types.ts'

/** What stands in the files. */
export const treeGates: readonly Gate[] = [
  { name: 'spdx', title: 'New sources carry the licence', look: lookAtLicence },
  { name: 'leftovers', title: 'No leftovers', look: lookForLeftovers },
  { name: 'parity', title: 'Autotools, CMake and libzmq.pc say the same', look: lookAtParity },
]

function lookAtLicence({ added }: BundleFacts): Finding {
  const sources = added.filter(({ path }) => /\.(cpp|hpp|c|h)$/.test(path))
  const without = sources.filter(
    ({ text }) => !/^\/\* SPDX-License-Identifier: MPL-2\.0 \*\/\n/.test(text),
  )
  if (without.length > 0)
    return shut(
      `No SPDX line of MPL-2.0 comes first in ${without.map(({ path }) => path).join(', ')}.`,
      'Begin the file with: /* SPDX-License-Identifier: MPL-2.0 */',
    )
  return open(`All ${sources.length} new sources begin with the SPDX line of MPL-2.0.`)
}

const leftovers: readonly [RegExp, RegExp][] = [
  [/\b(TODO|FIXME|XXX|HACK|EDITME)\b/, /./],
  [/^\s*#\s*if\s+0\b/, /\.(cpp|hpp|c|h)$/],
  // What a library prints is nearly always what somebody debugged with.
  [/\b(f?printf|puts|perror)\s*\(|\bstd::(cout|cerr)\b/, /^src\//],
  [/[ \t]+$/, /\.(cpp|hpp|c|h|am|ac)$/],
  [/^(<{7}|={7}|>{7})( |$)/, /\.(cpp|hpp|c|h|am|ac|txt)$/],
]

function lookForLeftovers({ addedLines }: BundleFacts): Finding {
  const found = addedLines.filter(({ path, text }) =>
    leftovers.some(([pattern, where]) => where.test(path) && pattern.test(text)),
  )
  const [first] = found
  if (first)
    return shut(
      `${found.length === 1 ? 'A line that is added looks' : `${found.length} lines that are added look`} like a leftover, in ${first.path}: "${first.text.trim()}".`,
      'Take it out in the work tree, commit, ./build export.',
    )
  return open('No added line has a mark of unfinished work, debug output or trailing blanks.')
}

function lookAtParity(facts: BundleFacts): Finding {
  const missing = lacking(facts)
  if (missing.length > 0)
    return shut(
      `The build systems differ: ${missing.join('; ')}.`,
      'Add it in the work tree, commit, ./build export.',
    )
  return open('Both build systems know every new source and test, the constant, and the library.')
}

/** What one of the build systems does not have, as sentences without an end. */
export function lacking({ added, edited }: Pick<BundleFacts, 'added' | 'edited'>): string[] {
  const has = (file: string, words: RegExp | string): boolean => {
    const text = edited.find(({ path }) => path === file)?.text ?? ''
    return typeof words === 'string' ? hasWord(text, words) : words.test(text)
  }
  const wanted: [string, RegExp | string, string][] = [
    ['configure.ac', /AC_DEFINE\(\[?ZMQ_HAVE_SCIF\b/, 'the constant ZMQ_HAVE_SCIF'],
    ['builds/cmake/platform.hpp.in', /#cmakedefine ZMQ_HAVE_SCIF\b/, 'the constant ZMQ_HAVE_SCIF'],
    ['configure.ac', /AC_ARG_WITH\(\[scif\]/, 'the option --with-scif'],
    ['CMakeLists.txt', /option\(WITH_SCIF\b/, 'the option WITH_SCIF'],
    ['CMakeLists.txt', /set\(ZMQ_HAVE_SCIF\b/, 'what sets ZMQ_HAVE_SCIF'],
    ['configure.ac', /PKGCFG_LIBS_PRIVATE=.*scif/, 'libscif for libzmq.pc'],
    ['CMakeLists.txt', /pkg_config_libs_private.*-lscif/, 'libscif for libzmq.pc'],
  ]
  for (const { path } of added) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const stem = name.replace(/\.\w+$/, '')
    if (path.startsWith('src/')) {
      wanted.push(['Makefile.am', path, path], ['CMakeLists.txt', name, path])
    } else if (/^(unit)?tests\/.*\.cpp$/.test(path)) {
      const list = `${path.slice(0, path.indexOf('/'))}/CMakeLists.txt`
      wanted.push(['Makefile.am', path, path], [list, stem, path])
    } else if (/^doc\/\w+\.(adoc|txt)$/.test(path)) {
      wanted.push(['doc/Makefile.am', `${stem}.7`, path])
    }
  }
  return wanted
    .filter(([file, words]) => !has(file, words))
    .map(([file, , what]) => `${file} lacks ${what}`)
}

function hasWord(text: string, word: string): boolean {
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(^|[\\s"(])${escaped}($|[\\s")\\\\])`, 'm').test(text)
}
