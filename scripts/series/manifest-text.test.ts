// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addFile,
  addList,
  addPatch,
  cutManifest,
  insertItem,
  joinManifest,
  removeAt,
  replaceValue,
  setMessage,
} from './manifest-text.ts'

const written = `# Head.
schemaVersion: 1
entries: # a note

    # About a.
    # Two lines.
    - message: |-
          Problem: a

          Solution: b
      slug: a
      patch: [x.patch, 'y.patch']   # why

    # Between.

    - slug: b
      files:
      - src/b.cpp # first
      # About c.
      - { from: c, releases: ">=4" }
      message: "Problem: q\\n\\nSolution: r"

# Tail.
author: { name: n, email: e }
`

test('cut and joined it is the same to the byte, whatever its shape', () => {
  const cut = cutManifest(written)
  assert.is(joinManifest(cut), written)
  assert.equal(
    cut.entries.map((entry) => [entry.slug, entry.before, entry.text.split('\n', 1)[0]]),
    [
      ['a', '', '    # About a.'],
      ['b', '\n    # Between.\n\n', '    - slug: b'],
    ],
  )
  assert.is(cut.tail, '\n# Tail.\nauthor: { name: n, email: e }\n')
  for (const text of ['entries:\n- slug: a\n  message: x', 'entries:\n- slug: a\n- slug: b\n']) {
    assert.is(joinManifest(cutManifest(text)), text)
  }
})

test('edits keep what they are not about', () => {
  const [a = '', b = ''] = cutManifest(written).entries.map((entry) => entry.text)
  assert.match(
    setMessage(a, 'Problem: new\n\nSolution: newer\n'),
    '    - message: |\n        Problem: new\n\n        Solution: newer\n      slug: a\n',
  )
  assert.match(setMessage(b, 'Problem: z\n'), '      message: |\n        Problem: z\n')
  assert.match(
    addFile(b, 'src/d.cpp'),
    '      - { from: c, releases: ">=4" }\n      - src/d.cpp\n      message',
  )
  assert.match(addFile(a, 'src/d.cpp'), "'y.patch']   # why\n      files:\n        - src/d.cpp\n")
  assert.match(addPatch(b, 'b.patch'), 'Solution: r"\n      patch: b.patch\n')
  assert.match(removeAt(b, [0, 'files', 0]), '      files:\n      # About c.\n      - { from: c')
  assert.match(
    removeAt(removeAt(b, [0, 'files', 0]), [0, 'files', 0]),
    '    - slug: b\n      message',
  )
  assert.match(removeAt(a, [0, 'patch', 0]), "      patch:\n        - 'y.patch'   # why\n")
  assert.not.match(removeAt(removeAt(a, [0, 'patch', 0]), [0, 'patch', 0]), 'patch')
})

test('items of flow and of block', () => {
  const flow =
    '- slug: a\n  variants: [{ releases: "<4", patch: p }, { releases: ">=4" }]\n  z: 1\n'
  assert.is(
    removeAt(flow, [0, 'variants', 0, 'patch']),
    '- slug: a\n  variants: [{ releases: "<4" }, { releases: ">=4" }]\n  z: 1\n',
  )
  assert.is(removeAt('- { slug: a, patch: p }\n', [0, 'slug']), '- { patch: p }\n')
  assert.is(
    insertItem(flow, [0, 'variants'], 0, '{ releases: new }'),
    '- slug: a\n  variants:\n    - { releases: "<4", patch: p }\n    - { releases: new }\n    - { releases: ">=4" }\n  z: 1\n',
  )
  assert.is(
    replaceValue(flow, [0, 'variants', 0, 'releases'], '"<3"'),
    flow.replace('"<4"', '"<3"'),
  )
  assert.is(
    addList('- slug: a\n  patch: p # c\n  z: 1\n', 'patch', 'variants', ['x', 'y']),
    '- slug: a\n  patch: p # c\n  variants:\n    - x\n    - y\n  z: 1\n',
  )
  assert.is(
    addList('- slug: a\n  patch: p\n  z: 1\n', 'patch', 'variants', ['x'], true),
    '- slug: a\n  variants:\n    - x\n  z: 1\n',
  )
})

test.run()
