// SPDX-License-Identifier: MPL-2.0

/**
 * What a test program takes for itself on the machine, by its source: fixed ports, names of local
 * sockets, and the endpoints that testutil.hpp names. Wildcards and inproc disturb nobody.
 */
export function claimsOf(source: string): string[] {
  const claims = new Set<string>()
  for (const [, scheme, rest = ''] of source.matchAll(/"(\w+):\/\/([^"\n]*)"/g)) {
    if (scheme === 'inproc') continue
    const port = /:(\d+)$/.exec(rest)?.[1]
    if (port !== undefined && Number(port) > 0) claims.add(`port ${port}`)
    else if (scheme === 'ipc' && rest !== '*' && rest !== '') claims.add(`ipc ${rest}`)
  }
  for (const [name] of source.matchAll(/\bENDPOINT_\d\b/g)) claims.add(name)
  return [...claims].sort()
}

/** Work that must not go on together with others that claim the same. */
export interface Task<T> {
  claims: readonly string[]
  run(): Promise<T>
}

/**
 * Does the tasks side by side, at most `lanes` at a time, in their order as far as claims allow.
 * The first that throws ends the whole, when those under way have ended.
 */
export async function runClaimed<T>(tasks: readonly Task<T>[], lanes: number): Promise<T[]> {
  const results = new Array<T>(tasks.length)
  const waiting = tasks.map((task, index) => ({ task, index }))
  const held = new Set<string>()
  const running = new Set<Promise<void>>()
  const errors: unknown[] = []
  while (waiting.length + running.size > 0) {
    const at = waiting.findIndex(({ task }) => !task.claims.some((claim) => held.has(claim)))
    if (errors.length === 0 && running.size < lanes && at >= 0) {
      const [{ task, index }] = waiting.splice(at, 1) as [(typeof waiting)[number]]
      for (const claim of task.claims) held.add(claim)
      const work: Promise<void> = task
        .run()
        .then((result) => {
          results[index] = result
        })
        .catch((error: unknown) => {
          errors.push(error)
        })
        .finally(() => {
          for (const claim of task.claims) held.delete(claim)
          running.delete(work)
        })
      running.add(work)
    } else if (running.size > 0) await Promise.race(running)
    else break
  }
  if (errors.length > 0) throw errors[0]
  return results
}
