// SPDX-License-Identifier: MPL-2.0
import type { Context } from '../system/context.ts'
import type { ExitCode } from '../ui/errors.ts'
import type { Step, StepReport } from '../ui/steps.ts'
import type { SourceSpec } from '../upstream/types.ts'

/** Which libscif to build against: --scif. */
export type ScifSpec = { kind: 'auto' } | { kind: 'soft' } | { kind: 'prefix'; path: string }

export type BuildSystem = 'autotools' | 'cmake'

export interface GlobalOptions {
  /** A given release is strict; without one the newest supported that a route can deliver. */
  release?: string
  source: SourceSpec
  scif: ScifSpec
  buildSystem: BuildSystem
  yes: boolean
  dryRun: boolean
  json: boolean
  quiet: boolean
  verbose: boolean
}

export interface CommandInput {
  context: Context
  options: GlobalOptions
  /** The command's own options by name: a switch is true, a value is the text as typed. */
  extra: Readonly<Record<string, unknown>>
  args: readonly string[]
}

export interface CommandResult {
  exitCode: ExitCode
  /** The document that --json prints. */
  data: unknown
  /** The same for people: a table or sentences, for standard output. */
  text: string
  /** What to type next. */
  next?: readonly string[]
}

export interface CommandPlan {
  steps: readonly Step[]
  /** Called when all steps have ended well; --dry-run never calls it. */
  report(steps: readonly StepReport[]): Promise<CommandResult>
  /** Goes around all steps and the report: keeps other runs away meanwhile. */
  alone?<T>(work: () => Promise<T>): Promise<T>
}

export interface CommandOption {
  /** "--check" is a switch, "--rounds <n>" takes a value, "-c, --check" has a short form. */
  flag: string
  describe: string
}

export interface Command {
  name: string
  summary: string
  /** Its positional arguments for the usage line: "[slug]"; without it the command takes none. */
  usage?: string
  options?: readonly CommandOption[]
  examples: readonly string[]
  /** Looks, but changes nothing: what is to be done is in the steps. */
  plan(input: CommandInput): Promise<CommandPlan>
}
