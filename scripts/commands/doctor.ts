// SPDX-License-Identifier: MPL-2.0
import { join } from 'node:path'
import { installLine, packagesFor } from '../toolchain/install.ts'
import { chooseLibscif, findDevice, scifDevices, scifPrefixes } from '../toolchain/libscif.ts'
import { ExitCode } from '../ui/errors.ts'
import { facts, table } from '../ui/table.ts'
import type { Command } from './command.ts'
import { findSystem, managerOf, missingOf } from './system.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'Shows what is installed, what is missing, and which libscif and SCIF device are there',
  examples: ['./build doctor', './build doctor --json'],
  plan: async (input) => ({
    steps: [],
    report: async () => {
      const findings = await findSystem(input)
      const manager = managerOf(input)
      const { choice, reason } = chooseLibscif(input.options.scif, {
        ownPrefix: join(input.context.out, 'prefix'),
        devices: scifDevices,
        prefixes: scifPrefixes,
      })
      const missing = missingOf(findings).map((finding) => finding.need)
      const wanted = findings.filter((finding) => !finding.found).map((finding) => finding.need)
      const line = (needs: typeof wanted) =>
        manager && needs.length > 0 ? installLine(packagesFor(needs, manager), manager) : undefined
      const node = { version: process.versions.node, path: process.execPath }
      const device = findDevice()
      const rows = [
        ['node', node.version, 'the toolkit itself', 'ok'],
        ...findings.map(({ need, found, version }) => [
          need.id,
          version ?? '-',
          need.purpose,
          found ? 'ok' : need.required ? 'MISSING' : 'not there (optional)',
        ]),
      ]
      const libscif =
        choice.kind === 'real' ? choice.library : 'SoftSCIF, built from libzmq-ext/softscif'
      return {
        exitCode: missing.length > 0 ? ExitCode.missing : ExitCode.done,
        data: {
          schemaVersion: 1,
          node,
          tools: findings.map(({ need, found, version }) => ({
            id: need.id,
            purpose: need.purpose,
            required: need.required,
            found: found ?? null,
            version: version ?? null,
          })),
          packageManager: manager ?? null,
          install: line(missing) ?? null,
          libscif: { ...choice, reason },
          device: device ?? null,
        },
        text: [
          table(['tool', 'version', 'needed for', 'status'], rows),
          '',
          facts([
            ['libscif', `${libscif} (${reason})`],
            ['SCIF device', device ?? `none (${scifDevices.join(', ')})`],
          ]),
        ].join('\n'),
        next: [line(wanted), missing.length > 0 ? undefined : './build'].filter(
          (each) => each !== undefined,
        ),
      }
    },
  }),
}
