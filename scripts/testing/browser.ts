// SPDX-License-Identifier: MPL-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Env, run } from '../system/run.ts'
import { which } from '../toolchain/detect.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

export interface Seen {
  /** What the page's script has said. */
  probe: unknown
  /** Errors and warnings on the console, and addresses that were asked for in vain. */
  complaints: string[]
}

/** A browser that draws pages without a screen; undefined where none is installed. */
export function findBrowser(env: Env): string | undefined {
  return names.map((name) => which(name, env)).find((path) => path !== undefined)
}

/**
 * Opens a page in the browser, without any network, and runs a script in it when it is loaded.
 * @param script an expression; its value comes back
 */
export async function look(
  browser: string,
  html: string,
  script: string,
  options: { env: Env; signal: AbortSignal; dark?: boolean },
): Promise<Seen> {
  const dir = mkdtempSync(join(tmpdir(), 'zmq-scif-browser-'))
  try {
    const page = join(dir, 'page.html')
    const probe = `<script>addEventListener('load', () => { document.documentElement.setAttribute('data-probe', encodeURIComponent(JSON.stringify(${script}))) })</script>`
    writeFileSync(page, html.replace('</body>', `${probe}</body>`))
    const argv = [
      browser,
      '--headless',
      '--disable-gpu',
      // Root may not have a sandbox, and a CI's container neither; the page is our own.
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--host-resolver-rules=MAP * ~NOTFOUND',
      `--user-data-dir=${join(dir, 'profile')}`,
      `--blink-settings=preferredColorScheme=${options.dark ? 0 : 1}`,
      '--enable-logging=stderr',
      '--window-size=1000,1000',
      '--dump-dom',
      pathToFileURL(page).href,
    ]
    const result = await run(argv, {
      cwd: dir,
      env: { ...options.env, HOME: dir },
      signal: options.signal,
      timeout: 60_000,
    })
    const said = /data-probe="([^"]*)"/.exec(result.stdout)?.[1]
    if (said === undefined)
      throw new Error(
        `the browser ended with ${result.timedOut ? 'a hang' : result.exitCode} and no page: ${result.stderr.slice(-1000)}`,
      )
    return {
      probe: JSON.parse(decodeURIComponent(said)),
      complaints: result.stderr.split('\n').filter((line) => /:CONSOLE[:(]/.test(line)),
    }
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
