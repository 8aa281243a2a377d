// SPDX-License-Identifier: MPL-2.0
import { closest } from '../ui/closest.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Command, CommandOption } from './command.ts'

/** An option as the parser sees it. */
export interface Flag {
  /** Without dashes: "build-system". */
  name: string
  short: string | undefined
  takesValue: boolean
}

export interface ParsedLine {
  /** Undefined: the main job. */
  command: string | undefined
  /** Values as typed; a switch is true. */
  values: Readonly<Record<string, string | true>>
  args: readonly string[]
  help: boolean
  version: boolean
}

/** "-j, --jobs <n>" taken apart. */
export function parseFlag(option: CommandOption): Flag {
  const match = /^(?:-(\w), )?--([a-z0-9][a-z0-9-]*)( [<[].+[>\]])?$/.exec(option.flag)
  if (!match?.[2]) throw new Error(`not a flag: ${option.flag}`)
  return { short: match[1], name: match[2], takesValue: match[3] !== undefined }
}

/**
 * Takes a command line apart and refuses what no command knows, with the nearest name that it
 * does know. Options may stand before and behind the command.
 */
export function parseLine(
  argv: readonly string[],
  globals: readonly CommandOption[],
  commands: readonly Command[],
  mainJob: Command,
): ParsedLine {
  const globalFlags = globals.map(parseFlag)
  const allFlags = [
    ...globalFlags,
    ...[mainJob, ...commands].flatMap((c) => (c.options ?? []).map(parseFlag)),
  ]
  const values: Record<string, string | true> = {}
  const words: string[] = []
  const given: { flag: Flag; typed: string }[] = []
  let help = false
  let version = false
  const queue = argv.flatMap((arg) => (/^-\w./.test(arg) ? splitShort(arg, allFlags) : [arg]))
  while (queue.length > 0) {
    const arg = queue.shift() ?? ''
    if (arg === '--') {
      words.push(...queue.splice(0))
    } else if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
    } else if (arg === '--help' || arg === '-h') {
      help = true
    } else if (arg === '--version' || arg === '-v') {
      version = true
    } else {
      const equals = arg.indexOf('=')
      const typed = equals < 0 ? arg : arg.slice(0, equals)
      const flag = allFlags.find((f) => typed === `--${f.name}` || typed === `-${f.short}`)
      if (!flag) throw unknownOption(typed, allFlags)
      given.push({ flag, typed })
      if (!flag.takesValue) {
        if (equals >= 0) throw usage(`${typed} takes no value.`, `Type ${typed} alone.`)
        values[flag.name] = true
        continue
      }
      const value = equals < 0 ? queue.shift() : arg.slice(equals + 1)
      if (value === undefined || value === '' || (equals < 0 && value.startsWith('--')))
        throw usage(
          `${typed} needs a value.`,
          `For example: ./build ${example(flag, [...globals, ...[mainJob, ...commands].flatMap((c) => c.options ?? [])])}`,
        )
      values[flag.name] = value
    }
  }
  const [name, ...args] = words
  const command = commands.find((c) => c.name === name)
  if (name !== undefined && !command) throw unknownCommand(name, commands)
  const allowed = [...globalFlags, ...((command ?? mainJob).options ?? []).map(parseFlag)]
  for (const { flag, typed } of given) {
    if (!allowed.some((f) => f.name === flag.name))
      throw usage(
        `${typed} is not an option of ${command ? `"${command.name}"` : 'the main job'}.`,
        `Type ./build ${command?.name ?? ''} --help for its options.`.replace('  ', ' '),
      )
  }
  if (args.length > 0 && !command?.usage)
    throw usage(
      `"${name}" takes no arguments, and ${args.map((a) => `"${a}"`).join(' ')} was given.`,
      `Type ./build ${name} --help for what it takes.`,
    )
  return { command: name, values, args, help, version }
}

/** "-qy" is "-q -y", "-j4" is "-j 4". */
function splitShort(arg: string, flags: readonly Flag[]): string[] {
  const [, letter = '', rest = ''] = /^-(\w)(.+)$/.exec(arg) ?? []
  if (flags.some((f) => f.short === letter && f.takesValue)) return [`-${letter}`, rest]
  const known = (each: string) => each === 'h' || flags.some((f) => f.short === each)
  const letters = [...letter, ...rest]
  return letters.every(known) ? letters.map((each) => `-${each}`) : [arg]
}

/** How the option stands in the help: "--out <dir>". */
function example(flag: Flag, options: readonly CommandOption[]): string {
  return options.find((o) => parseFlag(o).name === flag.name)?.flag.replace(/^-\w, /, '') ?? ''
}

function unknownOption(typed: string, flags: readonly Flag[]): UserError {
  const near = closest(typed, [...flags.map((f) => `--${f.name}`), '--help', '--version'])
  return usage(
    `There is no option ${typed}.`,
    near ? `Did you mean ${near}?` : 'Type ./build --help for the options.',
  )
}

function unknownCommand(name: string, commands: readonly Command[]): UserError {
  const near = closest(
    name,
    commands.map((c) => c.name),
  )
  return usage(
    `There is no command "${name}".`,
    near ? `Did you mean ./build ${near}?` : 'Type ./build --help for the commands.',
  )
}

function usage(message: string, hint: string): UserError {
  return new UserError({ message, hint, exitCode: ExitCode.usage })
}
