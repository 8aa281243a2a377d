// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { findCompilers } from '../toolchain/compiler.ts'
import { chooseLibscif, libraryVersion, scifDevices, scifPrefixes } from '../toolchain/libscif.ts'
import { buildSoftscif, type SoftscifBuild } from '../toolchain/softscif.ts'
import { hashFiles, hashFolder } from '../toolchain/stamp.ts'
import type { Step } from '../ui/steps.ts'
import type { CellJob } from '../verify/cell.ts'
import type { CommandInput } from './command.ts'

/** What the step fills in. */
export interface FoundLibscif {
  value?: CellJob['libscif'] & { version: string }
  /** What the compiler says of itself. */
  compiler?: string
}

/** The step that makes the libscif against which verify builds; one for all. */
export function libscifStep(input: CommandInput, found: FoundLibscif): Step {
  const { context, options } = input
  const root = join(context.out, 'verify', 'softscif')
  const sourceDir = join(context.root, 'libzmq-ext', 'softscif')
  const places = { ownPrefix: join(root, 'prefix'), devices: scifDevices, prefixes: scifPrefixes }
  const { choice, reason } = chooseLibscif(options.scif, places)
  return {
    id: 'verify-libscif',
    title: 'Build SoftSCIF',
    plan: [choice.kind === 'soft' ? `into ${places.ownPrefix}` : `nothing: ${reason}`],
    run: async (handle) => {
      const compilers = await findCompilers(context.env, handle.signal)
      found.compiler = compilers.version
      if (choice.kind === 'real') {
        const files = [join(choice.prefix, 'include', 'scif.h'), choice.library]
        const version = libraryVersion(choice.library)
        found.value = { choice, key: `real ${hashFiles('/', files)}`, version }
        return { status: 'skipped', detail: reason }
      }
      const build: SoftscifBuild = {
        ...{ sourceDir, compilers, prefix: places.ownPrefix },
        buildDir: join(root, 'build'),
        logFile: join(context.out, 'logs', 'verify', 'softscif.log'),
      }
      // Before the build: sources that somebody edits meanwhile are another key's.
      const key = `soft ${hashFolder(sourceDir)}`
      const outcome = await buildSoftscif(build, context, handle)
      const version = libraryVersion(join(places.ownPrefix, 'lib', 'libscif.so'))
      found.value = { choice, key, version }
      return outcome
    },
  }
}
