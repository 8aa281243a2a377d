// SPDX-License-Identifier: MPL-2.0
import type { Command } from './command.ts'
import { doctor } from './doctor.ts'

/** What ./build without a command does. */
export const mainJob: Command = doctor

/** All commands, in the order in which --help lists them. */
export const commands: readonly Command[] = [doctor]
