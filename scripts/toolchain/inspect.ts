// SPDX-License-Identifier: MPL-2.0
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, run, runOrFail } from '../system/run.ts'
import { ExitCode, UserError } from '../ui/errors.ts'
import type { Compilers } from './compiler.ts'

/** What an installed libzmq answers. */
export interface Answers {
  /** zmq_version(): "4.3.4" */
  version: string
  /** zmq_has("scif") */
  scif: boolean
  /** zmq_has("curve") */
  curve: boolean
}

const probeSource = `/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>
#include <zmq.h>

int main (void)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("%d.%d.%d %d %d\\n", major, minor, patch, zmq_has ("scif"), zmq_has ("curve"));
    return 0;
}
`

interface ProbeOptions {
  prefix: string
  /** Where the probe is compiled. */
  workDir: string
  compilers: Compilers
  env: Env
  signal?: AbortSignal
  /** What runs its programs: an emulator's command line. */
  emulator?: readonly string[] | undefined
}

/** Compiles a small C program against the prefix, runs it, and returns what the library says. */
export async function askLibrary(options: ProbeOptions): Promise<Answers> {
  const { prefix, workDir, compilers, env, signal } = options
  mkdirSync(workDir, { recursive: true })
  const program = join(workDir, 'probe')
  writeFileSync(`${program}.c`, probeSource)
  const lib = join(prefix, 'lib')
  const common = { cwd: workDir, env: withoutLibraryPath(env), signal, timeout: 60_000 }
  const argv = [
    ...compilers.cc.split(/\s+/),
    `${program}.c`,
    '-o',
    program,
    `-I${join(prefix, 'include')}`,
    `-L${lib}`,
    '-lzmq',
    `-Wl,-rpath,${lib}`,
    `-Wl,-rpath-link,${lib}`,
  ]
  await runOrFail(argv, { ...common, what: 'Compiling a program against the new libzmq' })
  const { stdout } = await runOrFail([...(options.emulator ?? []), program], {
    ...common,
    what: 'Asking the new libzmq',
  })
  const match = /^(\d+\.\d+\.\d+) ([01]) ([01])\n$/.exec(stdout)
  if (!match?.[1]) throw new Error(`the probe printed ${JSON.stringify(stdout)}`)
  return { version: match[1], scif: match[2] === '1', curve: match[3] === '1' }
}

/** What can be said of an installed libzmq that nothing here can run. */
export async function readLibrary(
  prefix: string,
  options: { env: Env; signal?: AbortSignal },
): Promise<Answers> {
  const header = readFileSync(join(prefix, 'include', 'zmq.h'), 'utf8')
  const number = (name: string) =>
    new RegExp(`^#define ZMQ_VERSION_${name} (\\d+)`, 'm').exec(header)?.[1] ?? '0'
  const { stdout } = await runOrFail(['readelf', '-d', join(prefix, 'lib', 'libzmq.so')], {
    ...options,
    cwd: prefix,
    what: 'readelf',
  })
  return {
    version: ['MAJOR', 'MINOR', 'PATCH'].map(number).join('.'),
    scif: parseDynamic(stdout).needed.some((name) => name.startsWith('libscif')),
    curve: false,
  }
}

/** Only what is built into a file may decide which libraries it finds. */
function withoutLibraryPath(env: Env): Env {
  const { LD_LIBRARY_PATH: _, LD_PRELOAD: __, ...rest } = env
  return rest
}

export interface Linkage {
  needed: string[]
  runPath: string[]
}

/** NEEDED and RUNPATH (or RPATH) as \`readelf -d\` prints them. */
export function parseDynamic(output: string): Linkage {
  const all = (tag: RegExp) =>
    [...output.matchAll(/\((\w+)\)\s.*\[(.*)\]$/gm)]
      .filter((match) => tag.test(match[1] ?? ''))
      .map((match) => match[2] ?? '')
  return {
    needed: all(/^NEEDED$/),
    runPath: all(/^(RUNPATH|RPATH)$/).flatMap((path) => path.split(':')),
  }
}

/**
 * Makes sure that the files run from where they are: a run path that starts beside them, and
 * every library found, libzmq in this prefix, and the libscif that the build was made against.
 * @throws UserError naming the file and what is wrong
 */
export async function checkLinkage(
  files: readonly string[],
  prefix: string,
  options: { env: Env; signal?: AbortSignal; libscif?: string | undefined; foreign?: boolean },
): Promise<void> {
  const common = { cwd: prefix, ...options, env: withoutLibraryPath(options.env), timeout: 30_000 }
  for (const file of files) {
    const readelf = await runOrFail(['readelf', '-d', file], { ...common, what: 'readelf' })
    const { runPath } = parseDynamic(readelf.stdout)
    if (runPath[0] !== '$ORIGIN/../lib')
      throw wrong(file, `its run path is ${runPath.join(':') || 'empty'}`)
    // The loader of this machine says nothing of another one's files.
    if (options.foreign) continue
    const ldd = await run(['ldd', file], common)
    const missing = /^\s*(\S+) => not found/m.exec(ldd.stdout)?.[1]
    if (ldd.exitCode !== 0 || missing) throw wrong(file, `${missing ?? 'a library'} is not found`)
    for (const [, name, path = ''] of ldd.stdout.matchAll(
      /^\s*(lib(?:zmq|scif)\.so\S*) => (\S+)/gm,
    )) {
      const own = join(prefix, 'lib', name ?? '')
      const wanted = name?.startsWith('libscif') ? (options.libscif ?? own) : own
      if (!existsSync(path) || realpathSync(path) !== realpathSync(wanted))
        throw wrong(file, `it takes ${name} from ${path}, not ${wanted}`)
    }
  }
}

function wrong(file: string, what: string): UserError {
  return new UserError({
    message: `${file} was installed, but cannot run from there: ${what}.`,
    hint: `To see it for yourself: ldd ${file}; readelf -d ${file}`,
    exitCode: ExitCode.checkFailed,
  })
}
