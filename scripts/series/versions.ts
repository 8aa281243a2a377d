// SPDX-License-Identifier: MPL-2.0
import semver from 'semver'

/** True when the range can be read: ">=4.3.4 <4.3.6". */
export function isRange(range: string): boolean {
  return semver.validRange(range) !== null
}

/** Whether a ZMQ_VERSION (x.y.z, without a pre-release part) lies in the range. */
export function inRange(version: string, range: string): boolean {
  return semver.satisfies(version, range)
}

/**
 * Versions that stand for all versions where these ranges are concerned: whether a version lies
 * in a range changes only at a version that the range names or right behind it.
 */
export function testVersions(ranges: readonly string[]): string[] {
  const points = new Set(['0.0.0'])
  for (const range of ranges) {
    for (const comparator of new semver.Range(range).set.flat()) {
      const at = comparator.semver
      // The empty comparator ("*") has no version.
      if (typeof at.major !== 'number') continue
      points.add(`${at.major}.${at.minor}.${at.patch}`)
      points.add(`${at.major}.${at.minor}.${at.patch + 1}`)
    }
  }
  return [...points].sort(semver.compare)
}
