// Values of a picture as greys on a canvas, through a window.

/**
 * @typedef {import('./windows.js').Range & {invert: boolean, isSigmoid: boolean}} Look
 * @typedef {(value: number) => number} Grey from 0 to 255
 */

/** How values are drawn: along a line, or along a sigmoid (PS3.3 C.11.2.1.3.1). @param {Look} look @returns {Grey} */
export function greysOf({ lower, upper, invert, isSigmoid }) {
  const width = Math.max(upper - lower, Number.MIN_VALUE)
  const part = isSigmoid
    ? (/** @type {number} */ value) => 1 / (1 + Math.exp(-4 * (value - (lower + upper) / 2) / width))
    : (/** @type {number} */ value) => Math.min(Math.max((value - lower) / width, 0), 1)
  return invert ? value => Math.round(255 * (1 - part(value))) : value => Math.round(255 * part(value))
}

/** Draws a picture on a canvas, which gets its size.
 * @param {HTMLCanvasElement} canvas @param {any} image @param {Grey} grey @returns {HTMLCanvasElement} */
export function paintGreys(canvas, { columns, rows, getPixelData }, grey) {
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows })
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }))
  const picture = new ImageData(columns, rows)
  fill(new Uint32Array(picture.data.buffer), getPixelData(), grey)
  context.putImageData(picture, 0, 0)
  return canvas
}

/** @param {number} grey as a pixel of a canvas */
const opaque = grey => 0xff000000 | (grey * 0x010101)

/** @param {Uint32Array} drawn @param {ArrayLike<number>} pixels @param {Grey} grey */
export function fill(drawn, pixels, grey) {
  const count = Math.min(drawn.length, pixels.length)
  const isShort = ArrayBuffer.isView(pixels) && !(pixels instanceof Float32Array) && /** @type {any} */ (pixels).BYTES_PER_ELEMENT < 4
  if (!isShort) {
    for (let at = 0; at < count; at++) drawn[at] = opaque(grey(pixels[at]))
    return
  }
  const table = tableOf(pixels, count, grey)
  for (let at = 0; at < count; at++) drawn[at] = table.greys[pixels[at] - table.first]
}

/** The greys of all values that occur in a picture. @param {ArrayLike<number>} pixels @param {number} count @param {Grey} grey */
function tableOf(pixels, count, grey) {
  let [first, last] = [Infinity, -Infinity]
  for (let at = 0; at < count; at++) {
    const value = pixels[at]
    if (value < first) first = value
    if (value > last) last = value
  }
  const greys = new Uint32Array(Math.max(last - first + 1, 1) || 1)
  for (let at = 0; at < greys.length; at++) greys[at] = opaque(grey(first + at))
  return { first, greys }
}
