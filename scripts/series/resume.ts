// SPDX-License-Identifier: MPL-2.0
import { ExitCode, UserError } from '../ui/errors.ts'
import { mergeResult } from './applied.ts'
import { abortSession, continueSession, skipSession } from './end-session.ts'
import { type Place, withWorkTree } from './place.ts'
import { repositoryAt } from './repository.ts'
import { hashInputs, seriesInputs } from './resolve.ts'
import type { Target } from './session.ts'
import { readSession, readState } from './state.ts'
import type { AppliedTree, Series } from './types.ts'
import { recover } from './worktree.ts'

export interface ResumeOptions extends Place {
  series: Series
  release: string
  action: 'continue' | 'skip' | 'abort'
}

/**
 * Goes on with an apply that stopped at an entry, without the source: everything is in the work
 * tree. Undefined after an abort. Without a stopped apply it is a UserError (exit code 1).
 */
export function resumeSeries(options: ResumeOptions): Promise<AppliedTree | undefined> {
  const { workDir, release, series, action, context, line } = options
  return withWorkTree(options, release, async () => {
    const repo = repositoryAt(workDir, context.env, context.signal)
    if (await recover(repo)) line?.('finished an apply that was killed half-way')
    const session = await readSession(repo)
    const state = await readState(repo)
    if (!session || !state) {
      throw new UserError({
        message: `No apply to libzmq ${release} is stopped, so there is nothing to ${action}.`,
        hint: `See ./build status --release ${release}`,
        exitCode: ExitCode.checkFailed,
      })
    }
    const inputs = seriesInputs(series, session.version)
    const { version, base, baseTree } = session
    const known = { workDir, release: session.release, version, base, baseTree, series, inputs }
    const target: Target = { ...known, seriesHash: hashInputs(inputs), line }
    if (action === 'abort') {
      await abortSession(repo, target, session)
      return undefined
    }
    const go = action === 'skip' ? skipSession : continueSession
    const fresh = session.before.seriesHash === ''
    return mergeResult(
      repo,
      { workDir },
      await go(repo, target, session),
      fresh ? 'applied' : 'reapplied',
    )
  })
}
