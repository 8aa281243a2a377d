// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { ExitCode } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import { table } from '../ui/table.ts'
import { type FetchRequest, fetchUpstream } from '../upstream/fetch.ts'
import { planFetch } from '../upstream/plan.ts'
import type { FetchedSource } from '../upstream/types.ts'
import { type Artifacts, need } from './artifacts.ts'
import type { Command, CommandInput } from './command.ts'

/** The step that puts libzmq's source into the artifacts. */
export function fetchStep(input: CommandInput, artifacts: Artifacts): Step {
  const { context, options } = input
  const request: FetchRequest = {
    release: options.release,
    source: options.source,
    cacheDir: join(context.out, 'cache'),
    context,
    line: () => {},
  }
  return {
    id: 'fetch',
    title: options.release === undefined ? 'Fetch libzmq' : `Fetch libzmq ${options.release}`,
    plan: planFetch(request),
    async run({ signal, line, progress }) {
      const source = await fetchUpstream({
        ...request,
        context: { ...context, signal },
        line,
        progress,
      })
      artifacts.source = source
      const what = `${source.release} by ${source.route}`
      return source.cached && source.route !== 'dir'
        ? { status: 'skipped', detail: `${what}, cached and unchanged` }
        : { status: 'done', detail: what }
    },
  }
}

export const fetch: Command = {
  name: 'fetch',
  summary: 'Get a release of libzmq and check it against its pin',
  examples: [
    './build fetch',
    './build fetch --release 4.3.4 --source debian',
    './build fetch --release master --source git:https://github.com/zeromq/libzmq.git',
  ],
  plan: async (input) => {
    const artifacts: Artifacts = {}
    return {
      steps: [fetchStep(input, artifacts)],
      report: async () => {
        const source = need(artifacts, 'source')
        return {
          exitCode: ExitCode.done,
          data: { schemaVersion: 1, ...document(source) },
          text: describe(source),
          next: ['./build apply'],
        }
      },
    }
  },
}

/** The JSON document: every field is always there. */
function document(source: FetchedSource) {
  const { release, version, tree, route, cached, dir, passedOver } = source
  const { commit = null, gitDir = null } = source
  return { release, version, tree, commit, route, cached, dir, gitDir, passedOver }
}

function describe(source: FetchedSource): string {
  const { release, version, tree, commit, route, cached, dir } = source
  return table(
    ['release', 'version', 'tree', 'commit', 'route', 'cached', 'dir'],
    [
      [
        release,
        version,
        tree.slice(0, 12),
        commit?.slice(0, 12) ?? '-',
        route,
        cached ? 'yes' : 'no',
        dir,
      ],
    ],
  )
}
