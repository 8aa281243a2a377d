// SPDX-License-Identifier: MPL-2.0
import type { Identity } from '../system/git.ts'
import { type Env, run } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'

/** Who signs for the contribution: --author, else what git is configured with here; never made up. */
export async function findAuthor(
  given: string | undefined,
  options: { cwd: string; env: Env; signal: AbortSignal },
): Promise<Identity> {
  if (given !== undefined) {
    const match = /^\s*([^<>]*[^<>\s])\s*<([^<>\s]+@[^<>\s]+)>\s*$/.exec(given)
    if (match?.[1] && match[2]) return { name: match[1], email: match[2] }
    throw new UserError({
      message: `--author ${JSON.stringify(given)} is no name with an address.`,
      hint: 'For example: --author "Ada Example <ada@example.org>"',
      exitCode: ExitCode.usage,
    })
  }
  const [name, email] = await Promise.all(['user.name', 'user.email'].map(ask))
  if (name && email) return { name, email }
  throw new UserError({
    message: `Git does not know who you are: ${name ? 'user.email' : 'user.name'} is not set.`,
    hint: 'Give --author "Name <address>", or set it: git config --global user.name "…"; git config --global user.email …',
    exitCode: ExitCode.usage,
  })

  async function ask(key: string): Promise<string> {
    return (await run(['git', 'config', '--get', key], options)).stdout.trim()
  }
}
