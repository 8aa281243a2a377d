// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { detect, type Finding, packageManager, readOsRelease } from '../toolchain/detect.ts'
import {
  aptCommands,
  installLine,
  installPackages,
  missingError,
  packagesFor,
  privilege,
} from '../toolchain/install.ts'
import { needs } from '../toolchain/needs.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Step } from '../ui/steps.ts'
import type { CommandInput } from './command.ts'

/** Required things that the machine lacks. */
export function missingOf(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.need.required && !finding.found)
}

/** Looks for everything the toolkit needs; changes nothing. */
export function findSystem(input: CommandInput): Promise<Finding[]> {
  return detect(needs, { env: input.context.env, signal: input.context.signal })
}

/** This machine's package manager, if it is one whose names are known. */
export function managerOf(input: CommandInput) {
  return packageManager(readOsRelease(), input.context.env)
}

/** The step that installs missing system packages, or says that none is missing. */
export async function systemStep(input: CommandInput): Promise<Step> {
  const { context, options } = input
  const findings = await findSystem(input)
  const missing = missingOf(findings)
  const manager = managerOf(input)
  const rights =
    missing.length > 0 ? await privilege(context.env, process.getuid?.() ?? -1) : 'none'
  const packages = manager
    ? packagesFor(
        missing.map((finding) => finding.need),
        manager,
      )
    : []
  if (rights === 'sudo' && manager === 'apt' && !options.dryRun && !options.yes)
    await askForConsent(packages)
  return {
    id: 'system',
    title: 'System packages',
    plan: planLines(),
    run: async (handle) => {
      if (missing.length === 0)
        return { status: 'skipped', detail: `all ${required} that are needed are there` }
      const installed = await installPackages(
        {
          missing,
          manager,
          privilege: rights,
          offline: context.offline,
          env: context.env,
          logDir: join(context.out, 'logs'),
        },
        handle,
      )
      const still = missingOf(await findSystem(input))
      if (still.length > 0)
        throw missingError(
          still.map((finding) => finding.need),
          undefined,
          'although their packages are installed',
        )
      return { status: 'done', detail: `installed ${installed.join(', ')}` }
    },
  }

  function planLines(): string[] {
    if (missing.length === 0) return ['nothing: all that is needed is there']
    if (manager === 'apt' && rights !== 'none')
      return aptCommands(packages, rights === 'root').map((argv) => argv.join(' '))
    return [
      manager
        ? `stop with exit code 3, and ask for: ${installLine(packages, manager)}`
        : 'stop with exit code 3: no package manager is known for this system',
    ]
  }
}

const required = needs.filter((need) => need.required).length

/** sudo without a password is no consent: at a terminal the person is asked once. */
async function askForConsent(packages: readonly string[]): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`Install ${packages.join(' ')} with sudo apt-get? [Y/n] `)
  terminal.close()
  if (/^n/i.test(answer.trim()))
    throw new UserError({
      message: 'The system packages that are missing are not to be installed.',
      hint: `Type: ${installLine(packages, 'apt')}`,
      exitCode: ExitCode.missing,
    })
}
