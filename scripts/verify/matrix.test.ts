// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AppliedTree, Series } from '../series/types.ts'
import { type MatrixOptions, planCells, runMatrix } from './matrix.ts'
import type { Memory } from './memory.ts'
import type { Prepared } from './prepare.ts'
import { type CellResult, cellId } from './types.ts'

const series = { entries: [] } as unknown as Series

function optionsOf(memory: Memory, more: Partial<MatrixOptions> = {}): MatrixOptions {
  return {
    ...{ series, memory, everyCommit: false, jobs: 2, logs: '/nowhere', env: {} },
    compilers: { cc: 'cc', cxx: 'c++', ccache: undefined, version: 'c++ 12' },
    libscif: { choice: { kind: 'none' }, key: 'soft a' },
    ...{ signal: new AbortController().signal, now: () => new Date(0) },
    othersOf: async () => ({ flags: ['--enable-ws'], capabilities: [], names: [], missing: [] }),
    ...{ progress: () => {}, ended: () => {} },
    ...more,
  }
}

const prepared = (release: string, tree: string): Prepared => ({
  result: {
    ...{ release, version: '4.3.4', tree: 'upstream', seriesHash: 'series' },
    ...{ status: 'passed', checks: [], variants: [] },
  },
  work: { tree } as AppliedTree,
  trials: [],
})

/** Knows everything, and writes down what it is asked. */
function memoryOf(asked: Record<string, string>[]): Memory {
  return {
    recall: <T>(inputs: Readonly<Record<string, string>>) => {
      asked.push({ ...inputs })
      return { value: { status: 'passed', id: inputs.release } as T, date: '2026-01-01' }
    },
    remember: () => assert.unreachable('nothing was built'),
  }
}

test('what is remembered is not built, and each comes in its place', async () => {
  const ended: CellResult[] = []
  const plans = planCells(['autotools', 'cmake'], [true, false], true)
  assert.is(plans.length, 5)
  const options = optionsOf(memoryOf([]), { ended: (result) => ended.push(result) })
  const both = [prepared('4.3.5', 'a'), prepared('4.3.4', 'b')]
  const results = await runMatrix(both, () => plans, options)
  assert.is(results.length, 10)
  assert.ok(results.every(({ remembered }) => remembered === '2026-01-01'))
  assert.equal(
    results.map(({ id }) => id),
    [...Array(5).fill('4.3.5'), ...Array(5).fill('4.3.4')],
  )
  assert.is(ended.length, 10)
})

test('a result is that of the trees, the series, the compiler and libscif', async () => {
  const [plan] = planCells(['cmake'], [true], false)
  const askedOf = async (tree: string, more: Partial<MatrixOptions> = {}) => {
    const asked: Record<string, string>[] = []
    await runMatrix([prepared('4.3.4', tree)], () => (plan ? [plan] : []), {
      ...optionsOf(memoryOf(asked)),
      ...more,
    })
    return JSON.stringify(asked)
  }
  const same = await askedOf('a')
  assert.is(await askedOf('a'), same)
  const others: Partial<MatrixOptions>[] = [
    { compilers: { cc: 'cc', cxx: 'c++', ccache: undefined, version: 'c++ 13' } },
    { libscif: { choice: { kind: 'none' }, key: 'soft b' } },
  ]
  for (const more of others) assert.is.not(await askedOf('a', more), same)
  assert.is.not(await askedOf('b'), same)
})

test('a build with everything is also that of what the machine offers; no other one is', async () => {
  const plans = planCells(['autotools'], [true], true)
  const askedWith = async (flags: string[]) => {
    const asked: Record<string, string>[] = []
    const othersOf = async () => ({ flags, capabilities: [], names: [], missing: [] })
    const options = optionsOf(memoryOf(asked), { everyCommit: true, othersOf })
    await runMatrix([prepared('4.3.4', 'a')], () => plans, options)
    return asked
  }
  const [plain, most] = await askedWith(['--enable-ws'])
  const more = await askedWith(['--enable-ws', '--with-norm'])
  assert.equal(more[0], plain)
  assert.not.equal(more[1], most)
})

test('a build that looked at every commit will do where that was not asked for', async () => {
  const [plan] = planCells(['cmake'], [true], false)
  for (const everyCommit of [true, false]) {
    const asked: Record<string, string>[] = []
    await runMatrix([prepared('4.3.4', 'a')], () => (plan ? [plan] : []), {
      ...optionsOf(memoryOf(asked), { everyCommit }),
    })
    assert.is(asked[0]?.['every commit'], 'true')
  }
})

test('the cells: without Autotools there is none with everything', () => {
  const names = (plans: ReturnType<typeof planCells>) => plans.map((plan) => cellId('4.3.4', plan))
  assert.equal(names(planCells(['cmake'], [true, false], true)), [
    '4.3.4-cmake-scif',
    '4.3.4-cmake-noscif',
  ])
})

test.run()
