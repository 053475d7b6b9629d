// Windows: as centre and width, as the range of values that they show, and as a preset's text.

import { numbers, TAGS, values } from './dicom-json.js'

/**
 * @typedef {{center: number, width: number}} Window
 * @typedef {{lower: number, upper: number}} Range
 */

/** The range that a linear window shows (PS3.3 C.11.2.1.2.1). @param {Window} window @returns {Range} */
export const rangeOf = ({ center, width }) =>
  ({ lower: center - 0.5 - (width - 1) / 2, upper: center - 0.5 + (width - 1) / 2 })

/** @param {Range} range @returns {Window} */
export const windowOf = ({ lower, upper }) => ({ center: (upper + lower + 1) / 2, width: upper - lower + 1 })

/** The range that the text of a preset means: "centre,width", or "part:low,high" of the values of a picture.
 * @param {string} preset @param {{min: number, max: number}} extent @returns {Range | null} */
export function presetRange(preset, { min, max }) {
  const part = preset.startsWith('part:')
  const [first, second] = preset.replace('part:', '').split(',').map(Number)
  if (!Number.isFinite(first) || !Number.isFinite(second)) return null
  if (part) return { lower: min + first * (max - min), upper: min + second * (max - min) }
  return second >= 1 || second > 0 ? rangeOf({ center: first, width: second }) : null
}

/** The windows that an object brings, with the names it gives them.
 * @param {import('./dicom-json.js').Metadata} data of one frame @returns {{name: string, window: Window}[]} */
export function ownWindows(data) {
  const centers = numbers(data, TAGS.windowCenter) ?? []
  const widths = numbers(data, TAGS.windowWidth) ?? []
  const names = values(data, TAGS.windowName)
  return centers.slice(0, widths.length).map((center, at) => ({
    name: String(names[at] ?? '') || (at ? `File, window ${at + 1}` : 'From the file'),
    window: { center, width: widths[at] },
  }))
}

/** The range that is shown of a picture without a window: bits are black and white, bytes are greys already, else all that occurs.
 * @param {import('./dicom-json.js').Metadata} data of one frame @param {() => {min: number, max: number}} extent
 * @returns {Range} */
export function usualRange(data, extent) {
  const first = (/** @type {string} */ tag) => numbers(data, tag)?.[0]
  if (first(TAGS.allocated) === 1) return { lower: 0, upper: 1 }
  const isGrey = first(TAGS.allocated) === 8 && first(TAGS.stored) === 8 && !first(TAGS.representation)
  if (isGrey && first(TAGS.slope) === undefined) return { lower: 0, upper: 255 }
  const { min, max } = extent()
  return max > min ? { lower: min, upper: max } : { lower: min - 0.5, upper: min + 0.5 }
}

/** As text for an address: whole numbers where they are large. @param {Window} window */
export const windowText = ({ center, width }) => `${short(center)},${short(width)}`

/** @param {number} value */
export const short = value => String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 6 : 4)))

/** A number as people read it: a true minus. @param {number} value */
export const shown = value => short(Math.abs(value) >= 10 ? Math.round(value) : value).replace('-', '−')
