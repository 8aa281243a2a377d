// SPDX-License-Identifier: MPL-2.0

/** Lets one task after the other through. */
export interface Mutex {
  hold<T>(work: () => Promise<T>): Promise<T>
}

export function mutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve()
  return {
    hold: (work) => {
      const mine = last.then(work)
      last = mine.catch(() => {})
      return mine
    },
  }
}

/** How many builds go on side by side, and with how many jobs each. */
export function lanesFor(jobs: number, tasks: number): { lanes: number; jobs: number } {
  const lanes = Math.max(1, Math.min(4, jobs, tasks))
  // While one lane waits for its tests the others have the processors for themselves.
  return { lanes, jobs: Math.min(jobs, Math.ceil((jobs * 1.5) / lanes)) }
}

/**
 * Runs the tasks in their order, at most `lanes` at a time. A task that throws ends the whole:
 * what may fail has to say so by its result.
 */
export async function sideBySide<T>(
  tasks: readonly (() => Promise<T>)[],
  lanes: number,
): Promise<T[]> {
  const results: T[] = []
  let next = 0
  let broken = false
  const lane = async () => {
    while (next < tasks.length && !broken) {
      const at = next++
      try {
        results[at] = await (tasks[at] as () => Promise<T>)()
      } catch (error) {
        broken = true
        throw error
      }
    }
  }
  const running = Array.from({ length: Math.max(1, lanes) }, lane)
  // No lane is left behind at work when another one breaks.
  const ended = await Promise.allSettled(running)
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return results
}
