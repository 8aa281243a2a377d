// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { loadSeries } from '../series/manifest.ts'
import { type Lab, numbered, standardSeries } from '../series/testing.ts'
import type { Series } from '../series/types.ts'
import { gitTry } from '../system/git.ts'
import type { FetchedSource } from '../upstream/types.ts'

export function header(version: string): string {
  const parts = version.split('.')
  return ['MAJOR', 'MINOR', 'PATCH']
    .map((name, at) => `#define ZMQ_VERSION_${name} ${parts[at]}\n`)
    .join('')
}

/** For tests: the lab's small libzmq as one that can be told from its header, with its series. */
export async function labRelease(lab: Lab, version = '4.3.5'): Promise<FetchedSource> {
  await lab.write('upstream/include/zmq.h', header(version))
  await standardSeries(lab)
  return tipOf(lab, version)
}

export function labSeries(lab: Lab): Promise<Series> {
  return loadSeries(lab.patches, lab.transport)
}

/** What a commit of upstream's future does to files: new contents, or null for one that goes. */
export type Change = Readonly<Record<string, string | null>>

/** For tests: `count` more commits of upstream, all harmless but those that are given, from 1. */
export async function grow(
  lab: Lab,
  count: number,
  changes: Readonly<Record<number, Change>>,
): Promise<void> {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
  const commits = Array.from({ length: count }, (_, at) => {
    const number = at + 1
    const change: Change = { NEWS: numbered('news', number), ...changes[number] }
    const files = Object.entries(change).map(([path, text]) =>
      text === null ? `D ${path}\n` : `M 644 inline ${path}\n${data(text)}`,
    )
    const when = `Grace Example <grace@example.invalid> ${1_800_000_000 + number * 86_400} +0000`
    const from = at === 0 ? 'from refs/heads/main^0\n' : ''
    return `commit refs/heads/main\ncommitter ${when}\n${data(`change ${number}\n`)}${from}${files.join('')}\n`
  })
  const result = await gitTry(['fast-import', '--quiet'], {
    ...{ cwd: lab.upstream, env: lab.env, timeout: 60_000, input: commits.join('') },
  })
  if (result.exitCode !== 0) throw new Error(result.stderr)
  await lab.git(['reset', '--quiet', '--hard', 'main'], 'upstream')
}

/** For tests: the newest commit of the lab's upstream, as the git route delivers it. */
export async function tipOf(lab: Lab, version: string, name = version): Promise<FetchedSource> {
  const rev = async (what: string) => (await lab.git(['rev-parse', what], 'upstream')).trim()
  return {
    ...{ release: name, version, tree: await rev('HEAD^{tree}'), commit: await rev('HEAD') },
    ...{ route: 'git', cached: false, dir: lab.upstream, passedOver: [] },
    gitDir: join(lab.upstream, '.git'),
  }
}
