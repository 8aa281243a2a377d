// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { type Env, run, runOrFail, tail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { StepHandle } from '../ui/steps.ts'
import { type Finding, which } from './detect.ts'
import type { Need, PackageManager } from './needs.ts'

/** Seconds to wait for another program that holds apt's lock. */
const lockTimeout = 300

/** The names of everything that is missing, in this package manager's words. */
export function packagesFor(missing: readonly Need[], manager: PackageManager): string[] {
  return [...new Set(missing.flatMap((need) => need.packages[manager]))]
}

/** The one line that a person types to install them. */
export function installLine(packages: readonly string[], manager: PackageManager): string {
  const names = packages.join(' ')
  switch (manager) {
    case 'apt':
      return `sudo apt-get update && sudo apt-get install -y ${names}`
    case 'dnf':
      return `sudo dnf install -y ${names}`
    case 'zypper':
      return `sudo zypper install -y ${names}`
    case 'pacman':
      return `sudo pacman -S --needed ${names}`
    case 'apk':
      return `sudo apk add ${names}`
    case 'brew':
      return `brew install ${names}`
  }
}

/** What the toolkit itself would run; it installs with apt-get only, the others' users are told. */
export function aptCommands(packages: readonly string[], asRoot: boolean): string[][] {
  const apt = ['apt-get', '-q', '-o', `DPkg::Lock::Timeout=${lockTimeout}`]
  const root = asRoot ? [] : ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND']
  return [
    [...root, ...apt, 'update'],
    [...root, ...apt, 'install', '-y', '--no-install-recommends', ...packages],
  ]
}

/** How the toolkit may become root: it is, it may without a password, or not at all. */
export async function privilege(env: Env, uid: number): Promise<'root' | 'sudo' | 'none'> {
  if (uid === 0) return 'root'
  if (!which('sudo', env)) return 'none'
  const { exitCode } = await run(['sudo', '-n', 'true'], { cwd: '/', env, timeout: 10_000 })
  return exitCode === 0 ? 'sudo' : 'none'
}

/** The error for packages that are missing and that the toolkit does not install. */
export function missingError(
  missing: readonly Need[],
  manager: PackageManager | undefined,
  why: string,
): UserError {
  const list = missing.map((need) => `${need.id} (${need.purpose})`).join(', ')
  return new UserError({
    message: `The system lacks ${list}; ${why}.`,
    hint: manager
      ? `Type: ${installLine(packagesFor(missing, manager), manager)}`
      : `Install them by your system's package manager: ${missing.map((n) => n.id).join(', ')}`,
    exitCode: ExitCode.missing,
  })
}

export interface InstallOptions {
  missing: readonly Finding[]
  manager: PackageManager | undefined
  privilege: 'root' | 'sudo' | 'none'
  offline: boolean
  env: Env
  /** Where the whole output goes. */
  logDir: string
}

/**
 * Installs what is missing.
 * @throws UserError with exit code 3 when it may not, cannot, or when apt-get fails.
 */
export async function installPackages(
  options: InstallOptions,
  handle: StepHandle,
): Promise<string[]> {
  const wanted = options.missing.map((finding) => finding.need)
  const { manager } = options
  if (manager !== 'apt')
    throw missingError(wanted, manager, 'the toolkit installs with apt-get only')
  if (options.offline) throw missingError(wanted, manager, '--offline forbids to install them')
  if (options.privilege === 'none')
    throw missingError(wanted, manager, 'installing them needs root, or sudo without a password')
  const packages = packagesFor(wanted, manager)
  const [update = [], install = []] = aptCommands(packages, options.privilege === 'root')
  const common = {
    cwd: '/',
    env: { ...options.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    signal: handle.signal,
    logFile: join(options.logDir, 'system-packages.log'),
    onLine: (line: string) => handle.progress(line.slice(0, 60)),
  }
  // A mirror that is half updated is no reason to stop: the install decides.
  const updated = await run(update, { ...common, timeout: 600_000 })
  try {
    await runOrFail(install, { ...common, timeout: 1_800_000, what: 'Installing system packages' })
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const first = updated.exitCode === 0 ? '' : `${tail(updated.stderr, 5)}\n`
    throw new UserError({
      message: error.message,
      details: `${first}${error.details ?? ''}`,
      hint: `${error.hint}\nOr type: ${installLine(packages, manager)}`,
      exitCode: ExitCode.missing,
    })
  }
  return packages
}
