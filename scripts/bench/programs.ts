// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../system/context.ts'
import { runOrFail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import { peers } from './targets.ts'

/** Builds what is measured with besides libzmq's programs, from native-tests/perf. */
export interface ToolsBuild {
  sourceDir: string
  buildDir: string
  peers: boolean
  logFile: string
}

export function toolsCommands({ sourceDir, buildDir, peers }: ToolsBuild): string[][] {
  return [
    ['cmake', '-S', sourceDir, '-B', buildDir, `-DPEERS=${peers ? 'ON' : 'OFF'}`],
    ['cmake', '--build', buildDir],
  ]
}

/** @throws UserError with exit code 3 when --peers is asked for and one is not installed */
export async function buildTools(
  build: ToolsBuild,
  { env, signal }: Pick<Context, 'env' | 'signal'>,
): Promise<void> {
  mkdirSync(build.buildDir, { recursive: true })
  for (const argv of toolsCommands(build))
    await runOrFail(argv, {
      cwd: build.buildDir,
      env: { ...env, LC_ALL: 'C' },
      signal,
      logFile: build.logFile,
      what: 'Building the programs to measure with',
    })
  const missing = peers.filter((peer) => !existsSync(join(build.buildDir, `${peer}_perf`)))
  if (build.peers && missing.length > 0)
    throw new UserError({
      message: `--peers: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not installed with the headers.`,
      hint: `On Debian: apt-get install ${missing.map((peer) => `lib${peer}-dev`).join(' ')}`,
      exitCode: ExitCode.missing,
    })
}
