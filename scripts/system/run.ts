// SPDX-License-Identifier: MPL-2.0
import { createWriteStream, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import { $ } from 'zx'
import { ExitCode, UserError } from '../ui/errors.ts'

/** The environment of a child process: always a plain value, handed down from the command. */
export type Env = Readonly<Record<string, string | undefined>>

export interface RunOptions {
  cwd: string
  env: Env
  signal?: AbortSignal | undefined
  /** Milliseconds; then the child and all it started are killed. */
  timeout?: number | undefined
  /** Takes all output (stdout and stderr in the order of their coming), appended. */
  logFile?: string | undefined
  input?: string | undefined
  /** Called for each whole line of output. */
  onLine?: ((line: string) => void) | undefined
  /** Called once it runs. */
  onStart?: ((pid: number) => void) | undefined
}

export interface RunResult {
  exitCode: number | null
  /** "SIGKILL" when a signal ended it. */
  signal: string | null
  stdout: string
  stderr: string
  timedOut: boolean
}

/** Runs a program without a shell and waits for it; an exit code other than 0 is a result, not an error. */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const shell = $({
    cwd: options.cwd,
    // Without SHLVL, and with a socket for standard input as node gives it, bash takes itself for
    // a remote shell and runs the user's ~/.bashrc first.
    env: { ...options.env, SHLVL: '1' } as NodeJS.ProcessEnv,
    nothrow: true,
    quiet: true,
    detached: true,
    input: options.input ?? '',
    ...(options.signal ? { signal: options.signal, killSignal: 'SIGTERM' } : {}),
  })
  const child = shell`${argv}`
  if (child.pid !== undefined) options.onStart?.(child.pid)
  let timedOut = false
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true
          void child.kill('SIGKILL').catch(() => {})
        }, options.timeout)
  let log: ReturnType<typeof createWriteStream> | undefined
  if (options.logFile !== undefined) {
    mkdirSync(dirname(options.logFile), { recursive: true })
    log = createWriteStream(options.logFile, { flags: 'a' })
    log.write(`$ ${argv.join(' ')}\n`)
  }
  let rest = ''
  const take = (chunk: Buffer): void => {
    log?.write(chunk)
    if (!options.onLine) return
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) options.onLine(line)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  try {
    const output = await child
    return {
      exitCode: output.exitCode,
      signal: output.signal,
      stdout: output.stdout,
      stderr: output.stderr,
      timedOut,
    }
  } finally {
    clearTimeout(timer)
    if (log) {
      log.end()
      await finished(log)
    }
  }
}

/** The last lines of a tool's output, for an error's details. */
export function tail(text: string, lines = 20): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}

/**
 * As run, but anything other than exit code 0 is a UserError with the last lines of the output
 * and the path of the whole log.
 */
export async function runOrFail(
  argv: readonly string[],
  options: RunOptions & { what: string },
): Promise<RunResult> {
  const result = await run(argv, options)
  if (result.exitCode === 0 && !result.timedOut) return result
  options.signal?.throwIfAborted()
  const how = result.timedOut
    ? `did not end within ${(options.timeout ?? 0) / 1000} s`
    : result.signal
      ? `was ended by ${result.signal}`
      : `failed with exit code ${result.exitCode}`
  throw new UserError({
    message: `${options.what} ${how}.`,
    details: tail(`${result.stdout}\n${result.stderr}`),
    hint: options.logFile
      ? `The whole log: ${options.logFile}`
      : `To see it for yourself, in ${options.cwd}: ${argv.join(' ')}`,
    exitCode: ExitCode.checkFailed,
  })
}
