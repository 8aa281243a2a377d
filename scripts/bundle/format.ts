// SPDX-License-Identifier: MPL-2.0
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '../system/git.ts'
import { run } from '../system/run.ts'
import { checkOut, type Found, findProgram, type ProverOptions } from './prover.ts'

/** Upstream's CI formats with 18; the neighbours differ little, and every file of its own is checked. */
const candidates = [18, 19, 17, 20, 16].map((version) => `clang-format-${version}`)

/**
 * New sources have to be as .clang-format wants them. Upstream's own are not all so in every
 * version of the tool: an edited one may not have more places to change than it had.
 */
export async function proveFormat(options: ProverOptions): Promise<Found> {
  const { gitDir, base, head, dir, logFile } = options
  const command = 'clang-format --style=file, on each file that the series adds or edits'
  const tool = await findProgram([...candidates, 'clang-format'], options)
  if (!tool) return { passed: false, command, detail: 'clang-format is not installed' }
  const source = await checkOut(options, 'format')
  const ask = (args: readonly string[]): Promise<string> =>
    git([`--git-dir=${gitDir}`, ...args], { cwd: dir, env: options.env, signal: options.signal })
  const listed = await ask(['diff-tree', '-r', '-z', '--no-renames', '--name-status', base, head])
  const fields = listed.split('\0')
  const wrong: string[] = []
  let files = 0
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [status, path = ''] = fields.slice(at, at + 2)
    if (!/\.(cpp|hpp|c|h)$/.test(path)) continue
    files++
    const now = await places(await ask(['cat-file', 'blob', `${head}:${path}`]), path)
    const before =
      status === 'A' ? 0 : await places(await ask(['cat-file', 'blob', `${base}:${path}`]), path)
    await appendFile(logFile, `${path}: ${now} to change, ${before} before\n`)
    if (now > before) wrong.push(path)
  }
  const by = `by ${tool.name} ${tool.version}`
  return wrong.length > 0
    ? { passed: false, command, detail: `${wrong.join(', ')} would be changed ${by}` }
    : { passed: true, command, detail: `${files} sources are formatted, ${by}` }

  async function places(text: string, path: string): Promise<number> {
    const said = await run(
      [
        tool?.name ?? '',
        '--style=file',
        '--output-replacements-xml',
        `--assume-filename=${join(source, path)}`,
      ],
      { cwd: source, env: options.env, signal: options.signal, input: text, timeout: 60_000 },
    )
    if (said.exitCode !== 0) throw new Error(`${tool?.name} failed on ${path}: ${said.stderr}`)
    return said.stdout.split('<replacement ').length - 1
  }
}
