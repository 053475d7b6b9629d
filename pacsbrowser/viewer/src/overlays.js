// Overlay planes (PS3.3 C.9.2): graphics of one bit beside the pixels, drawn in white as the server draws them.

import { numbers } from './dicom-json.js'

/**
 * @typedef {{element: import('./dicom-json.js').Element, rows: number, columns: number, top: number, left: number,
 *   firstBit: number}} Overlay
 */

const GROUPS = Array.from({ length: 16 }, (_, at) => (0x6000 + 2 * at).toString(16).toUpperCase())
const MOST = 65535

/** The overlays that show on a frame, from 1. @param {import('./dicom-json.js').Metadata} data @param {number} frame @returns {Overlay[]} */
export function overlaysOf(data, frame) {
  return GROUPS.filter(group => data[`${group}3000`]).flatMap(group => {
    const number = (/** @type {string} */ end) => numbers(data, group + end)?.[0]
    const [rows, columns] = [number('0010') ?? 0, number('0011') ?? 0]
    const count = Math.max(number('0015') ?? 1, 1)
    const place = count > 1 ? frame - Math.max(number('0051') ?? 1, 1) : 0
    if (!(rows > 0 && rows <= MOST && columns > 0 && columns <= MOST && place >= 0 && place < count)) return []
    const [top, left] = numbers(data, `${group}0050`, 2) ?? [1, 1]
    return [{ element: data[`${group}3000`], rows, columns, top: top - 1, left: left - 1, firstBit: place * rows * columns }]
  })
}

/** Whether each pixel of an overlay is set, or null where bytes are missing. @param {Uint8Array} bytes @param {Overlay} overlay */
export function bitsOf(bytes, { rows, columns, firstBit }) {
  if (bytes.length * 8 < firstBit + rows * columns) return null
  return Uint8Array.from({ length: rows * columns }, (_, at) => (bytes[(firstBit + at) >> 3] >> ((firstBit + at) & 7)) & 1)
}
