// SPDX-License-Identifier: MPL-2.0
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Env, run } from '../system/run.ts'
import type { Need, PackageManager } from './needs.ts'

/** A need, and what the machine has of it. */
export interface Finding {
  need: Need
  /** Where the program is, or "pkg-config libsodium"; undefined when it is missing. */
  found: string | undefined
  /** "2.71"; undefined when missing, or when the tool does not say. */
  version: string | undefined
}

/** The first file called `name` on PATH that may be run. */
export function which(name: string, env: Env): string | undefined {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return statSync(file).isFile()
      } catch {
        return false
      }
    })
}

/** Looks for everything in `needs`; nothing is changed. */
export async function detect(
  needs: readonly Need[],
  options: { env: Env; signal?: AbortSignal },
): Promise<Finding[]> {
  return Promise.all(needs.map((need) => detectOne(need, options)))
}

async function detectOne(
  need: Need,
  options: { env: Env; signal?: AbortSignal },
): Promise<Finding> {
  const ask = (argv: string[]) => run(argv, { ...options, cwd: '/', timeout: 20_000 })
  if (need.probe.kind === 'program') {
    const found = need.probe.names.map((name) => which(name, options.env)).find(Boolean)
    if (!found) return { need, found, version: undefined }
    const { stdout } = await ask([found, '--version'])
    return { need, found, version: versionIn(stdout) }
  }
  const tool = which('pkg-config', options.env) ?? which('pkgconf', options.env)
  if (!tool) return { need, found: undefined, version: undefined }
  const { exitCode, stdout } = await ask([tool, '--modversion', need.probe.module])
  return exitCode === 0
    ? { need, found: `pkg-config ${need.probe.module}`, version: stdout.trim() }
    : { need, found: undefined, version: undefined }
}

/** The version in the first line of what `tool --version` prints. */
export function versionIn(output: string): string | undefined {
  const line = output.split('\n')[0] ?? ''
  return /(?:^|[\s(v-])(\d+(?:\.\d+)+[\w.+-]*)(?=[\s),]|$)/.exec(
    line.replace(/\([^)]*\)/g, ' '),
  )?.[1]
}

/** Which package manager this system has, by its own description and what is on PATH. */
export function packageManager(osRelease: string, env: Env): PackageManager | undefined {
  const words = /^(?:ID|ID_LIKE)=(.*)$/gm
  const ids = [...osRelease.matchAll(words)].flatMap((m) =>
    (m[1] ?? '').replace(/["']/g, '').split(/\s+/),
  )
  const families: [PackageManager, RegExp][] = [
    ['apt', /^(debian|ubuntu|linuxmint|raspbian)$/],
    ['dnf', /^(fedora|rhel|centos|rocky|almalinux|amzn)$/],
    ['zypper', /^(opensuse.*|suse|sles)$/],
    ['pacman', /^(arch|manjaro)$/],
    ['apk', /^alpine$/],
  ]
  const known = families.find(([, pattern]) => ids.some((id) => pattern.test(id)))?.[0]
  if (known) return known
  const programs: [string, PackageManager][] = [
    ['apt-get', 'apt'],
    ['dnf', 'dnf'],
    ['zypper', 'zypper'],
    ['pacman', 'pacman'],
    ['apk', 'apk'],
    ['brew', 'brew'],
  ]
  return programs.find(([name]) => which(name, env))?.[1]
}

/** The text of /etc/os-release, or nothing where there is none (macOS). */
export function readOsRelease(): string {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      // The next one.
    }
  }
  return ''
}
