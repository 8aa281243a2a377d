// SPDX-License-Identifier: MPL-2.0
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { LibscifChoice } from './types.ts'

/** Where the drivers put their device: MPSS 4, MPSS 3. */
export const scifDevices = ['/dev/scif', '/dev/mic/scif'] as const

/** Where MPSS installs its headers and libraries: its packages, its Makefile's default. */
export const scifPrefixes = ['/usr', '/usr/local'] as const

export type LibscifRequest = { kind: 'auto' } | { kind: 'soft' } | { kind: 'prefix'; path: string }

export interface LibscifPlaces {
  /** The toolkit's own prefix: a libscif in there is SoftSCIF. */
  ownPrefix: string
  devices: readonly string[]
  prefixes: readonly string[]
}

/** A libscif that was found below a prefix. */
export interface FoundLibscif {
  prefix: string
  header: string
  library: string
  /** True for SoftSCIF, wherever it was installed: its header says so. */
  soft: boolean
}

/** include/scif.h and lib*\/libscif.so below the prefix, or what of them is missing. */
export function findLibscif(prefix: string): FoundLibscif | { missing: string } {
  const header = join(prefix, 'include', 'scif.h')
  if (!existsSync(header)) return { missing: 'include/scif.h' }
  const library = libraryFolders(prefix)
    .map((dir) => join(dir, 'libscif.so'))
    .find((file) => existsSync(file))
  if (!library) return { missing: 'lib*/libscif.so' }
  return { prefix, header, library, soft: /softscif/i.test(readFileSync(header, 'utf8')) }
}

/** lib64, lib and lib/<architecture>-linux-gnu, those that exist. */
function libraryFolders(prefix: string): string[] {
  const lib = join(prefix, 'lib')
  const multiarch = existsSync(lib)
    ? readdirSync(lib).filter((name) => /-linux-gnu\w*$/.test(name))
    : []
  return [join(prefix, 'lib64'), lib, ...multiarch.map((name) => join(lib, name))].filter(
    existsSync,
  )
}

/** The SCIF device of this machine, if it has one. */
export function findDevice(devices: readonly string[] = scifDevices): string | undefined {
  return devices.find((file) => existsSync(file))
}

/**
 * Which libscif a build is made against. `auto` takes a real one only together with its device:
 * without the driver every call of it would fail, and SoftSCIF works anywhere.
 * @throws UserError with exit code 3 when a prefix was named that has no libscif.
 */
export function chooseLibscif(
  request: LibscifRequest,
  places: LibscifPlaces,
): { choice: LibscifChoice; reason: string } {
  const soft: LibscifChoice = { kind: 'soft', prefix: places.ownPrefix }
  const device = findDevice(places.devices)
  if (request.kind === 'soft') return { choice: soft, reason: 'asked for by --scif soft' }
  if (request.kind === 'prefix') {
    const found = findLibscif(request.path)
    if ('missing' in found)
      throw new UserError({
        message: `There is no libscif below ${request.path}: it has no ${found.missing}.`,
        hint: 'Give --scif the folder that has include/scif.h and lib/libscif.so, or --scif soft.',
        exitCode: ExitCode.missing,
      })
    const { prefix, library } = found
    return {
      choice: { kind: 'real', prefix, library, device },
      reason: `asked for by --scif ${request.path}`,
    }
  }
  if (!device) return { choice: soft, reason: `no SCIF device (${places.devices.join(', ')})` }
  const found = places.prefixes
    .map(findLibscif)
    .find((each): each is FoundLibscif => !('missing' in each) && !each.soft)
  if (!found)
    return { choice: soft, reason: `${device} is there, but no scif.h with libscif.so (MPSS)` }
  const { prefix, library } = found
  return {
    choice: { kind: 'real', prefix, library, device },
    reason: `${library} and ${device} are there`,
  }
}

/** "libscif.so.0.0.1": the name of the file that the development link leads to. */
export function libraryVersion(library: string): string {
  return basename(realpathSync(library))
}
