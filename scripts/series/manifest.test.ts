// SPDX-License-Identifier: MPL-2.0
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadSeries } from './manifest.ts'
import { resolveSeries, seriesHash } from './resolve.ts'
import { addLine, failureOf, inLab, type Lab, standardManifest, standardSeries } from './testing.ts'
import { testVersions } from './versions.ts'

const manifest = 'project/patches/series.yaml'

/** The mistakes of a series whose manifest was edited, a line each. */
async function mistakes(lab: Lab, edit: (yaml: string) => string): Promise<string[]> {
  await lab.write(manifest, edit(standardManifest))
  const error = await failureOf(loadSeries(lab.patches, lab.transport))
  assert.is(error.exitCode, 2, error.message)
  return (error.details ?? '').split('\n')
}

test('a good series loads, with its bytes', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const series = await loadSeries(lab.patches, lab.transport)
    assert.is(series.name, 'scif')
    assert.equal(
      series.entries.map(({ slug }) => slug),
      ['hook', 'build'],
    )
    const [entry] = series.entries
    assert.is(entry?.message, 'Problem: sockets do not know scif\n\nSolution: tell them.\n')
    assert.is(entry?.patches[0]?.label, 'patches/hook.patch')
    assert.is(entry?.files[0]?.input.label, 'libzmq-ext/transport/src/scif_address.cpp')
    assert.is(entry?.files[0]?.input.bytes.toString(), 'address\n')
  }))

test('mistakes in the values are all told, each with its line', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const told = await mistakes(lab, (yaml) =>
      yaml
        .replace('schemaVersion: 1', 'schemaVersion: 2')
        .replace('version: 1', 'version: one')
        .replace('">=4.3.3"', 'newish')
        .replace(', email: ada@example.invalid', '')
        .replace('"2026-01-01T00:00:00Z"', '2026-01-01')
        .replace('slug: hook', 'slug: The Hook')
        .replace('Problem: sockets do', 'sockets do')
        .replace('patch: hook.patch', 'patches: hook.patch')
        .replace('- tests/test_scif.cpp', '- { from: ../../../etc/passwd, release: "<4" }'),
    )
    assert.equal(told, [
      'patches/series.yaml:1:16: schemaVersion: this toolkit reads schemaVersion 1.',
      'patches/series.yaml:3:10: version: expected a whole number.',
      'patches/series.yaml:4:11: supports: "newish" is no range of versions, such as ">=4.3.3 <4.3.6".',
      'patches/series.yaml:5:9: the key "email" is missing.',
      'patches/series.yaml:6:7: date: expected a date such as "2026-01-01T00:00:00Z".',
      'patches/series.yaml:9:11: slug: "The Hook" is no slug: lower-case words and digits joined by "-".',
      'patches/series.yaml:10:14: message: a commit message begins "Problem: …" and has, after an empty line, "Solution: …".',
      'patches/series.yaml:14:5: "patches" is no key that is known here.',
      'patches/series.yaml:24:17: from: "../../../etc/passwd" is no plain relative path.',
      'patches/series.yaml:24:38: "release" is no key that is known here.',
    ])
  }))

test('mistakes of the YAML itself, and a missing manifest', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    assert.equal(await mistakes(lab, (yaml) => `${yaml}name: twice\n`), [
      'patches/series.yaml:25:1: Map keys must be unique.',
    ])
    const [first] = await mistakes(lab, () => 'entries: [\n')
    assert.match(first ?? '', /^patches\/series\.yaml:\d+:\d+: /)
    const [none] = await mistakes(lab, () => '')
    assert.match(none ?? '', /^patches\/series\.yaml:1:1: /)
    await mkdir(join(lab.dir, 'empty'))
    const error = await failureOf(loadSeries(join(lab.dir, 'empty'), lab.transport))
    assert.is(error.exitCode, 2)
    assert.match(error.message, 'empty/series.yaml cannot be read')
  }))

test('files: missing, unused, added twice', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    await lab.write('project/patches/stray.patch', 'x\n')
    await lab.write('project/patches/README.md', 'about\n')
    await lab.write('project/libzmq-ext/transport/src/stray.cpp', 'x\n')
    await lab.write('project/libzmq-ext/transport/.clang-format', 'x\n')
    const told = await mistakes(lab, (yaml) =>
      yaml
        .replace('patch: build.patch', 'patch: [build.patch, absent.patch, hook.patch]')
        .replace('- tests/test_scif.cpp', '- tests/test_scif.cpp\n      - src/scif_address.cpp')
        .replace('slug: build', 'slug: hook'),
    )
    assert.equal(told, [
      'patches/series.yaml:7:1: no entry uses patches/stray.patch; list it under "patch" of one, or delete it.',
      'patches/series.yaml:7:1: no entry adds libzmq-ext/transport/src/stray.cpp; list it under "files" of one, or delete it.',
      'patches/series.yaml:17:5: patches/hook.patch is used by "hook" already; a patch is of one entry.',
      'patches/series.yaml:17:11: the slug "hook" is there twice.',
      'patches/series.yaml:22:26: there is no file "absent.patch" in patches.',
      'patches/series.yaml:25:9: src/scif_address.cpp is added already by "hook".',
    ])
  }))

test('patches: only plain edits of text, and each file in one patch of a commit', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const created =
      'diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+n\n'
    const renamed = 'diff --git a/o b/p\nsimilarity index 100%\nrename from o\nrename to p\n'
    const binary = 'diff --git a/q b/q\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIc${Z\n\n'
    await lab.write(
      'project/patches/build.patch',
      `From: me\n\n${created}${renamed}${binary}${addLine('src/scif_address.cpp', 'x', 5)}`,
    )
    const hook = addLine('src/socket_base.cpp', 'socket line', 10)
    await lab.write('project/patches/hook.patch', hook.replace('-8,6', '-8,7').trimEnd())
    await lab.write('project/patches/more.patch', hook)
    const told = await mistakes(lab, (yaml) =>
      yaml.replace('patch: hook.patch', 'patch:\n      - hook.patch\n      - more.patch'),
    )
    assert.equal(told, [
      'patches/series.yaml:9:5: patches/hook.patch and patches/more.patch both touch src/socket_base.cpp in "hook"; one patch of a commit must.',
      'patches/build.patch:1:1: the text before the first "diff --git" (line 3) does not belong here: the message stands in series.yaml.',
      'patches/build.patch:3:1: the patch of n creates a file; new files stand in libzmq-ext/transport and under "files".',
      'patches/build.patch:9:1: the patch of p renames or copies a file; that hides what it changes.',
      'patches/build.patch:13:1: the patch of q has binary parts; only text can be reviewed.',
      'patches/build.patch:19:1: it edits src/scif_address.cpp, which the series adds; edit libzmq-ext/transport/src/scif_address.cpp itself.',
      'patches/hook.patch:4:1: the hunk says -7 +7 lines but has -6 +7.',
      'patches/hook.patch:11:1: the last line has no newline.',
    ])
  }))

test('variants: exactly one for each supported release', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    await lab.write('project/patches/old.patch', addLine('src/zmq.cpp', 'zmq line', 9))
    await lab.write('project/patches/new.patch', addLine('src/zmq.cpp', 'zmq line', 8))
    const variants = (old: string, young: string) => (yaml: string) =>
      yaml.replace(
        'patch: hook.patch\n',
        `patch:
      - hook.patch
      - { patch: old.patch, releases: "${old}" }
      - { patch: new.patch, releases: "${young}" }
`,
      )
    assert.equal(await mistakes(lab, variants('<4.3.4', '>4.3.5')), [
      'patches/series.yaml:15:7: no variant of "hook" is for 4.3.4, which lies between "<4.3.4", ">4.3.5".',
    ])
    assert.equal(await mistakes(lab, variants('<=4.3.5', '>=4.3.5')), [
      'patches/series.yaml:15:7: the variants "<=4.3.5" and ">=4.3.5" of "hook" are both for 4.3.5.',
    ])
    await lab.write(manifest, variants('<4.3.6', '>=4.3.6')(standardManifest))
    const series = await loadSeries(lab.patches, lab.transport)
    const taken = (version: string): unknown => {
      const [entry] = resolveSeries(series, version)
      return [entry?.variant, entry?.patches.map((patch) => patch.label)]
    }
    assert.equal(taken('4.3.3'), ['<4.3.6', ['patches/hook.patch', 'patches/old.patch']])
    assert.equal(taken('4.3.6'), ['>=4.3.6', ['patches/hook.patch', 'patches/new.patch']])
    assert.is(seriesHash(series, '4.3.3'), seriesHash(series, '4.3.5'))
    assert.is.not(seriesHash(series, '4.3.5'), seriesHash(series, '4.3.6'))
  }))

test('an entry that comes to nothing for a release is left out there', () =>
  inLab(async (lab) => {
    await standardSeries(lab)
    const yaml = standardManifest.replace(
      'patch: build.patch\n    files:\n      - tests/test_scif.cpp',
      `variants:
      - { releases: "<4.3.6", patch: build.patch }
      - { releases: ">=4.3.6" }
    files:
      - { from: tests/test_scif.cpp, to: tests/test_pair_scif.cpp, releases: "<4.3.6" }`,
    )
    await lab.write(manifest, yaml)
    const series = await loadSeries(lab.patches, lab.transport)
    const slugs = (version: string) => resolveSeries(series, version).map(({ slug }) => slug)
    assert.equal(slugs('4.3.6'), ['hook'])
    assert.equal(slugs('4.3.5'), ['hook', 'build'])
    assert.is(resolveSeries(series, '4.3.5')[1]?.files[0]?.to, 'tests/test_pair_scif.cpp')
    const error = await failureOf(Promise.resolve().then(() => slugs('4.3.2')))
    assert.is(error.exitCode, 2)
  }))

test('the versions that stand for all others', () => {
  assert.equal(testVersions(['>=4.3.3']), ['0.0.0', '4.3.3', '4.3.4'])
  assert.equal(testVersions(['<4.3.6', '~4.4', '*']), [
    '0.0.0',
    '4.3.6',
    '4.3.7',
    '4.4.0',
    '4.4.1',
    '4.5.0',
    '4.5.1',
  ])
})

test.run()
