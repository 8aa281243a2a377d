// SPDX-License-Identifier: MPL-2.0
import { apply } from './apply.ts'
import { build } from './build.ts'
import { bundle } from './bundle.ts'
import { check } from './check.ts'
import { clean } from './clean.ts'
import type { Command } from './command.ts'
import { compile } from './compile.ts'
import { doctor } from './doctor.ts'
import { exportCommand } from './export.ts'
import { fetch } from './fetch.ts'
import { perf } from './perf.ts'
import { status } from './status.ts'
import { verify } from './verify.ts'

/** What ./build without a command does. */
export const mainJob: Command = build

/** All commands, in the order in which --help lists them. */
export const commands: readonly Command[] = [
  doctor,
  fetch,
  apply,
  exportCommand,
  status,
  compile,
  check,
  verify,
  perf,
  bundle,
  clean,
]
