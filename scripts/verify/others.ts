// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, run } from '../system/run.ts'

/** Another transport or option of libzmq that a build may have beside scif. */
interface Other {
  name: string
  /** What zmq_has () calls it. */
  capability: string
  /** The switch of configure; a release whose configure does not know it cannot have it. */
  flag: string
  /** What the machine must have. */
  needs: { kind: 'module'; names: readonly string[] } | { kind: 'header'; file: string } | null
  /** Debian's package of that. */
  package?: string
}

const table: readonly Other[] = [
  { name: 'drafts', capability: 'draft', flag: '--enable-drafts', needs: null },
  { name: 'ws', capability: 'WS', flag: '--enable-ws', needs: null },
  {
    name: 'wss',
    capability: 'WSS',
    flag: '--with-tls',
    needs: { kind: 'module', names: ['gnutls'] },
    package: 'libgnutls28-dev',
  },
  {
    name: 'NORM',
    capability: 'norm',
    flag: '--with-norm',
    needs: { kind: 'header', file: 'normApi.h' },
    package: 'libnorm-dev',
  },
  {
    name: 'PGM',
    capability: 'pgm',
    flag: '--with-pgm',
    needs: { kind: 'module', names: ['openpgm-5.3', 'openpgm-5.2'] },
    package: 'libpgm-dev',
  },
  {
    name: 'GSSAPI',
    capability: 'gssapi',
    flag: '--with-libgssapi_krb5',
    needs: { kind: 'module', names: ['krb5-gssapi'] },
    package: 'libkrb5-dev',
  },
  {
    name: 'VMCI',
    capability: 'vmci',
    flag: '--with-vmci',
    needs: { kind: 'header', file: 'vmci_sockets.h' },
  },
]

/** Those that configure takes by itself when it finds that they work; no switch asks for them. */
export const unasked: readonly { name: string; capability: string; why: string }[] = [
  { name: 'TIPC', capability: 'tipc', why: 'the kernel has it not' },
  { name: 'vsock', capability: 'vsock', why: 'not in this release, or the kernel has it not' },
]

/** The packages, by Debian's names, that make the cell as full as it can be. */
export const otherPackages: readonly string[] = table.flatMap((one) => one.package ?? [])

/** Which others a build of a source tree can have on this machine. */
export interface OthersChoice {
  flags: readonly string[]
  /** What zmq_has () has to say yes to. */
  capabilities: readonly string[]
  names: readonly string[]
  /** "NORM (libnorm-dev)": what could be had with more on the machine, or with another release. */
  missing: readonly string[]
}

/** Looks which of the others can be had, by the text of configure.ac and what the machine has. */
export async function chooseOthers(
  configureText: string,
  context: { env: Env; signal: AbortSignal },
): Promise<OthersChoice> {
  const chosen: Other[] = []
  const missing: string[] = []
  for (const one of table) {
    const known = configureText.includes(`[${one.flag}`)
    if (known && (await isThere(one, context))) chosen.push(one)
    else missing.push(`${one.name} (${known ? (one.package ?? 'headers') : 'not in this release'})`)
  }
  return {
    flags: chosen.map((one) => one.flag),
    capabilities: chosen.map((one) => one.capability),
    names: chosen.map((one) => one.name),
    missing,
  }
}

async function isThere(
  { needs }: Other,
  { env, signal }: { env: Env; signal: AbortSignal },
): Promise<boolean> {
  if (needs === null) return true
  if (needs.kind === 'header') return hasHeader(needs.file)
  for (const name of needs.names) {
    const asked = await run(['pkg-config', '--exists', name], { cwd: '/', env, signal })
    if (asked.exitCode === 0) return true
  }
  return false
}

/** A header in the compiler's own folders. */
function hasHeader(file: string): boolean {
  const multiarch = readdirSync('/usr/include').filter((name) => /-linux-gnu\w*$/.test(name))
  const folders = ['', ...multiarch].map((dir) => join('/usr/include', dir))
  return [...folders, '/usr/local/include'].some((dir) => existsSync(join(dir, file)))
}
