// Scrolling together: which slice of one stack goes with a slice of another.

import { areParallel, depth, nearest } from './geometry.js'

/**
 * @typedef {{planes: (import('./geometry.js').Plane | null)[], index: number}} Place
 */

/** How two stacks lie to each other when they are linked: what to add to go from one to the other.
 * In one frame of reference nothing is added; else what is seen now is taken to be the same place.
 * @param {Place} from @param {Place} to */
export function anchorOf(from, to) {
  const [a, b] = [from.planes[from.index], to.planes[to.index]]
  const measured = Boolean(a && b && areParallel(a, b))
  const same = measured && a?.frameOfReference === b?.frameOfReference && Boolean(a?.frameOfReference)
  return {
    measured,
    offset: measured && !same ? depth(/** @type {any} */ (b), a?.normal) - depth(/** @type {any} */ (a)) : 0,
    steps: to.index - from.index,
  }
}

/** The slice of `to` that goes with the slice of `from`.
 * @param {Place} from @param {Place} to @param {{measured: boolean, offset: number, steps: number}} anchor */
export function linkedIndex(from, to, { measured, offset, steps }) {
  const plane = from.planes[from.index]
  if (!measured || !plane) return Math.min(Math.max(from.index + steps, 0), to.planes.length - 1)
  const { index } = nearest(to.planes, depth(plane) + offset, plane.normal)
  return index < 0 ? to.index : index
}
