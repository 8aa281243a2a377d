// SPDX-License-Identifier: MPL-2.0
// Started by ./build and ./test with plain Node.js: makes node_modules match package-lock.json,
// then runs the TypeScript program named by the first argument. Needs no package itself.
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const root = dirname(scripts)
const [program, ...args] = process.argv.slice(2)

/** Prints what is wrong and what to type, and ends. 3: something is missing; 4: no source. */
function fail(exitCode, message, hint) {
  process.stderr.write(`error: ${message}\n${hint.replace(/^/gm, '  ')}\n`)
  process.exit(exitCode)
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * True when every package of package-lock.json is there in its version. npm writes its own record
 * last, so that an install that was cut short is not taken for a whole one.
 */
function packagesAreThere() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {}
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (!installed) return false
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      (installed[path] === undefined
        ? entry.optional === true
        : installed[path].version === entry.version && existsSync(join(root, path))),
  )
}

/** npm beside this Node.js or on PATH, as an argv. */
function findNpm() {
  const beside = join(dirname(process.execPath), 'npm')
  const onPath = (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, 'npm'))
  return [beside, ...onPath].find((file) => existsSync(file))
}

/**
 * Installs into a folder of its own and renames it into place: whoever is killed leaves no half
 * node_modules behind, and of two that install at once either may win.
 */
async function installPackages() {
  const npm = findNpm()
  if (!npm) {
    fail(
      3,
      'npm is needed to install the packages, and it was not found beside Node.js or on PATH.',
      'Install npm (Debian, Ubuntu: apt-get install npm), then run this again.',
    )
  }
  process.stderr.write('Installing the npm packages ...\n')
  mkdirSync(join(root, 'out'), { recursive: true })
  const staging = mkdtempSync(join(root, 'out', 'npm-'))
  process.once('exit', () => rmSync(staging, { recursive: true, force: true }))
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    copyFileSync(join(root, file), join(staging, file))
  }
  const { exitCode, output } = await runNpm(npm, staging)
  if (exitCode !== 0) {
    process.stderr.write(`${output.trim().split('\n').slice(-15).join('\n')}\n`)
    if (unreachable.test(output)) {
      fail(
        4,
        'The npm packages could not be downloaded.',
        "Run this again with a network, or with npm's registry set to one in reach:\nnpm config set registry <url>",
      )
    }
    fail(
      3,
      `npm ci failed with exit code ${exitCode}; its last lines are above.`,
      `To see it for yourself: cd '${root}' && npm ci`,
    )
  }
  putInPlace(join(staging, 'node_modules'), staging)
}

/** What npm prints when the registry is not there, or --offline finds nothing in its cache. */
const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|ERR_SOCKET|code E[45]\d\d/

/** Runs npm ci in the folder; an interrupt ends npm and then this process with 130. */
function runNpm(npm, cwd) {
  const child = spawn(
    npm,
    [
      'ci',
      '--include=dev',
      '--ignore-scripts',
      '--no-update-notifier',
      '--fetch-retries=2',
      '--fetch-retry-mintimeout=1000',
      '--fetch-retry-maxtimeout=5000',
      '--fetch-timeout=60000',
      ...(args.includes('--offline') ? ['--offline'] : []),
    ],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
      },
    },
  )
  let interrupted = false
  const stop = () => {
    interrupted = true
    child.kill('SIGTERM')
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, stop)
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ exitCode: 3, output: String(error) }))
    child.once('close', (exitCode) => {
      for (const signal of signals) process.off(signal, stop)
      if (interrupted) process.exit(130)
      resolve({ exitCode, output })
    })
  })
}

/** Swaps the new node_modules in; when another run was faster, its result is as good as ours. */
function putInPlace(fresh, staging) {
  const target = join(root, 'node_modules')
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      if (existsSync(target)) renameSync(target, join(staging, `old-${attempt}`))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    try {
      renameSync(fresh, target)
      return
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error
      if (packagesAreThere()) return
    }
  }
  fail(
    3,
    'node_modules could not be replaced: another program keeps changing it.',
    `Remove ${target} and run this again.`,
  )
}

if (!packagesAreThere()) await installPackages()

const { register } = await import('tsx/esm/api')
register()
process.argv.splice(1, 2, join(scripts, program))
await import(pathToFileURL(join(scripts, program)).href)
