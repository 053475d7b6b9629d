// Planes of slices in the patient's space (PS3.3 C.7.6.2): orientation letters, nearest slices, what is a volume.

import { numbers, TAGS, text, values } from './dicom-json.js'

/**
 * @typedef {[number, number, number]} Vector
 * @typedef {{position: Vector, row: Vector, column: Vector, normal: Vector, spacing: number[] | undefined,
 *   thickness: number | undefined, frameOfReference: string, rows: number, columns: number}} Plane
 */

/** @param {Vector} a @param {Vector} b */
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

/** @param {Vector} a @param {Vector} b @returns {Vector} */
export const cross = (a, b) =>
  [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

/** @param {Vector} a @param {Vector} b @param {number} [factor] @returns {Vector} */
export const add = (a, b, factor = 1) => [a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]]

/** The plane of a frame, or null where the object has none.
 * @param {import('./dicom-json.js').Metadata} data of one frame @returns {Plane | null} */
export function planeOf(data) {
  const position = numbers(data, TAGS.position, 3)
  const cosines = numbers(data, TAGS.orientation, 6)
  if (!position || !cosines) return null
  const row = /** @type {Vector} */ (cosines.slice(0, 3))
  const column = /** @type {Vector} */ (cosines.slice(3, 6))
  return {
    position: /** @type {Vector} */ (position.slice(0, 3)), row, column, normal: cross(row, column),
    spacing: numbers(data, TAGS.spacing, 2), thickness: numbers(data, TAGS.thickness)?.[0],
    frameOfReference: text(data, TAGS.frameOfReference),
    rows: Number(values(data, TAGS.rows)[0] ?? 0), columns: Number(values(data, TAGS.columns)[0] ?? 0),
  }
}

/** Letters for a direction in the patient (PS3.3 C.7.6.1.1.1): L R, P A, H F; the strongest first, three at most.
 * @param {Vector} direction */
export function letters(direction) {
  const names = [['L', 'R'], ['P', 'A'], ['H', 'F']]
  return direction
    .map((size, axis) => ({ size: Math.abs(size), name: names[axis][size > 0 ? 0 : 1] }))
    .filter(one => one.size > 0.2)
    .sort((a, b) => b.size - a.size)
    .map(one => one.name)
    .join('')
}

/** The letters of the other side. @param {string} side */
export const opposite = side =>
  [...side].map(letter => 'RLAPFH'['LRPAHF'.indexOf(letter)] ?? letter).join('')

/** Whether two planes are the same way up, within about a degree. @param {Plane} a @param {Plane} b */
export const areParallel = (a, b) => Math.abs(dot(a.normal, b.normal)) > 0.9998

/** How far a plane lies along a normal, in mm. @param {Plane} plane @param {Vector} [normal] */
export const depth = (plane, normal = plane.normal) => dot(plane.position, normal)

/** The index of the plane nearest to a depth along the common normal, and how far off it is.
 * @param {(Plane | null)[]} planes @param {number} wanted @param {Vector} normal */
export function nearest(planes, wanted, normal) {
  let [index, distance] = [-1, Infinity]
  planes.forEach((plane, at) => {
    const off = plane ? Math.abs(depth(plane, normal) - wanted) : Infinity
    if (off < distance) [index, distance] = [at, off]
  })
  return { index, distance }
}

/** Why planes are no volume, or '' if they are one: parallel, equally sized, in one frame, evenly apart.
 * @param {(Plane | null)[]} planes */
export function whyNoVolume(planes) {
  const first = planes[0]
  if (planes.length < 3) return 'A volume needs at least three slices.'
  if (!first || planes.some(plane => !plane)) return 'The slices do not say where they lie in the patient.'
  const all = /** @type {Plane[]} */ (planes)
  if (all.some(plane => !areParallel(plane, first))) return 'The slices are not parallel.'
  if (all.some(plane => plane.rows !== first.rows || plane.columns !== first.columns)) {
    return 'The slices differ in size.'
  }
  if (!first.spacing) return 'The slices do not say how large their pixels are.'
  const depths = all.map(plane => depth(plane, first.normal)).sort((a, b) => a - b)
  const gaps = depths.slice(1).map((value, at) => value - depths[at])
  const usual = (depths[depths.length - 1] - depths[0]) / gaps.length
  if (usual < 1e-3 || gaps.some(gap => gap < 0.2 * usual)) return 'Several slices lie in the same place.'
  if (gaps.some(gap => Math.abs(gap - usual) > 0.5 * usual)) return 'The slices are not evenly apart.'
  return ''
}
