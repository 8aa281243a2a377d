// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sourcesFromDeb822, sourcesFromList } from './apt-sources.ts'

test('one-line sources become deb-src with their options, each once', () => {
  const list = `# deb http://example.org/off stable main
deb http://example.org/debian stable main contrib # the base
  deb-src http://example.org/debian stable main contrib
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg]  https://example.org/x  y  z

deb cdrom:[Debian 12]/ bookworm main
debian http://example.org/no stable main
`
  assert.is(
    sourcesFromList(list),
    `deb-src http://example.org/debian stable main contrib
deb-src [arch=amd64 signed-by=/usr/share/keyrings/x.gpg]  https://example.org/x  y  z
`,
  )
  assert.is(sourcesFromList('# nothing\n'), '')
})

test('deb822 sources keep all but their type', () => {
  const text = `# The base
Types: deb
# by mirror
URIs: http://example.org/debian
Suites: stable stable-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

types: deb deb-src
URIs: http://example.org/more
Suites: ./

Types: deb
URIs: http://example.org/off
Suites: stable
Enabled: no

Types: deb
URIs: cdrom:[disc]/
Suites: stable
`
  assert.is(
    sourcesFromDeb822(text),
    `Types: deb-src
URIs: http://example.org/debian
Suites: stable stable-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb-src
URIs: http://example.org/more
Suites: ./
`,
  )
  assert.is(sourcesFromDeb822('# nothing\n\n'), '')
})

test.run()
