// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryAt } from '../series/repository.ts'
import { addLine, inLab, type Lab, standardManifest } from '../series/testing.ts'
import { header, labRelease, labSeries } from './testing.ts'
import { judgeVariants, type Trial, tryVariants } from './variants.ts'

/** hook has a patch for 4.3.4 and one for 4.3.5; what they are is up to the test. */
async function withVariants(lab: Lab, older: string, newer: string): Promise<void> {
  await lab.write('project/patches/hook.patch', newer)
  await lab.write('project/patches/hook-4.3.4.patch', older)
  const variants =
    'variants:\n      - { releases: "<4.3.5", patch: hook-4.3.4.patch }\n      - { releases: ">=4.3.5", patch: hook.patch }'
  const manifest = standardManifest.replace('patch: hook.patch', variants)
  await lab.write('project/patches/series.yaml', manifest)
}

async function trialsOf(lab: Lab, version: string): Promise<Trial[]> {
  await lab.write('upstream/include/zmq.h', header(version))
  const source = await lab.release(version, version, version)
  const work = await lab.apply(source, { discard: true })
  const repo = repositoryAt(lab.workDir, lab.env)
  return tryVariants(repo, await labSeries(lab), work)
}

const socket = 'src/socket_base.cpp'

test('variants that fit only their own releases are needed', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.4')
    await withVariants(lab, addLine(socket, 'socket line', 10), addLine(socket, 'new line', 10))
    const older = await trialsOf(lab, '4.3.4')
    assert.equal(
      older.map(({ slug, releases, other, outcome }) => [slug, releases, other, outcome]),
      [['hook', '<4.3.5', '>=4.3.5', 'misfit']],
    )
    const text = (await lab.read(`upstream/${socket}`)).replaceAll('socket line', 'new line')
    await lab.write(`upstream/${socket}`, text)
    const trials = [...older, ...(await trialsOf(lab, '4.3.5'))]
    const verdicts = judgeVariants(await labSeries(lab), trials, ['4.3.5', '4.3.4'])
    assert.equal(
      verdicts.map(({ releases, verdict, because }) => [releases, verdict, because]),
      [
        ['<4.3.5', 'needed', 'on 4.3.4 the variant for >=4.3.5 does not apply'],
        ['>=4.3.5', 'needed', 'on 4.3.5 the variant for <4.3.5 does not apply'],
      ],
    )
  }))

test('one whose work another does is not needed, once all of its releases were looked at', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.4')
    const patch = addLine(socket, 'socket line', 10)
    await withVariants(lab, patch, patch.replace('@@ -8,6 +8,7 @@', '@@ -7,6 +7,7 @@'))
    const trials = await trialsOf(lab, '4.3.4')
    assert.equal(
      trials.map(({ outcome }) => outcome),
      ['same'],
    )
    const series = await labSeries(lab)
    const judged = (known: string[]) => judgeVariants(series, trials, known)
    assert.equal(
      judged(['4.3.5', '4.3.4', '4.3.3']).map(({ verdict, because }) => [verdict, because]),
      [
        ['unproven', 'not looked at: 4.3.3'],
        ['unproven', 'not looked at: 4.3.5'],
      ],
    )
    const [first] = judged(['4.3.4'])
    assert.is(first?.verdict, 'unneeded')
    assert.is(first?.because, 'the variant for >=4.3.5 makes the same of 4.3.4')
  }))

test('one that applies, but to another effect, keeps the other needed', () =>
  inLab(async (lab) => {
    await labRelease(lab, '4.3.4')
    await withVariants(lab, addLine(socket, 'socket line', 10), addLine(socket, 'socket line', 20))
    const trials = await trialsOf(lab, '4.3.4')
    const [first] = judgeVariants(await labSeries(lab), trials, ['4.3.4'])
    assert.is(first?.verdict, 'needed')
    assert.is(first?.because, 'on 4.3.4 the variant for >=4.3.5 makes something else')
  }))

test.run()
