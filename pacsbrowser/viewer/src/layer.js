// What lies over a picture: the overlay planes of the object itself, and the segments of another one.

import { utilities } from '@cornerstonejs/core'
import { bytesOf } from './bulk.js'
import { make } from './dom.js'
import { bitsOf, overlaysOf } from './overlays.js'
import { Recent } from './recent.js'

/**
 * @typedef {[any, any, any]} Corners where the centres of the first pixel, of the one to its right and of the one below lie
 * @typedef {{picture: HTMLCanvasElement | null, corners: Corners}} Part
 */

const SEGMENTS_ALPHA = 0.45
/** Canvases of overlay planes that are kept. */
const KEPT = 32

/** Draws the layer of a pane anew. @param {import('./pane.js').Pane} pane @param {import('./segments.js').Segments | null} segments */
export async function drawLayer(pane, segments) {
  const { stack, index } = pane
  const turn = pane.layerTurn = {}
  const [overlays, masks] = await Promise.all([overlayParts(pane), segments?.partsOf(pane) ?? []])
  if (turn !== pane.layerTurn || pane.index !== index || pane.stack !== stack) return
  if (!segments && !overlays.length && !pane.hasLayer) return
  pane.hasLayer = Boolean(segments) || overlays.length > 0
  const context = clear(pane)
  context.imageSmoothingEnabled = false
  draw(context, pane, masks, SEGMENTS_ALPHA)
  context.imageSmoothingEnabled = true
  draw(context, pane, overlays, 1)
  if (!segments) return
  pane.section.dataset.segments = String(masks.length)
  segments.name(pane)
}

/** @param {import('./pane.js').Pane} pane */
function clear({ layer, element }) {
  const { clientWidth, clientHeight } = element
  if (layer.width !== clientWidth || layer.height !== clientHeight) Object.assign(layer, { width: clientWidth, height: clientHeight })
  const context = layer.getContext('2d')
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.clearRect(0, 0, layer.width, layer.height)
  return context
}

/** @param {CanvasRenderingContext2D} context @param {import('./pane.js').Pane} pane @param {Part[]} parts @param {number} alpha */
function draw(context, { viewport }, parts, alpha) {
  context.globalAlpha = alpha
  for (const { picture, corners } of parts) {
    if (!picture) continue
    const [start, right, below] = corners.map(point => viewport.worldToCanvas(point))
    context.setTransform(...transformOf(start, right, below))
    context.drawImage(picture, 0, 0)
  }
}

/** The transform from pixels to the canvas: a point is the centre of a pixel, a picture begins at its corner.
 * @param {number[]} start @param {number[]} right @param {number[]} below
 * @returns {[number, number, number, number, number, number]} */
export function transformOf(start, right, below) {
  const [ax, ay, bx, by] = [right[0] - start[0], right[1] - start[1], below[0] - start[0], below[1] - start[1]]
  return [ax, ay, bx, by, start[0] - (ax + bx) / 2, start[1] - (ay + by) / 2]
}

/** Canvases by the picture they lie over. @type {Recent<Promise<HTMLCanvasElement>>} */
const drawn = new Recent(KEPT)

/** @param {import('./pane.js').Pane} pane @returns {Promise<Part[]>} */
async function overlayParts(pane) {
  const { data, picture, viewport } = pane
  if (pane.withoutOverlay === picture?.id) return []
  pane.withoutOverlay = ''
  const image = viewport?.getCornerstoneImage?.()
  const overlays = data && picture && image ? overlaysOf(data, picture.frame) : []
  if (!picture || !overlays.length) return []
  const known = drawn.get(picture.id, 1, () => paint(overlays, image.columns, image.rows))
  const { imageData } = viewport.getImageData() ?? {}
  if (!imageData) return []
  const at = (/** @type {number} */ x, /** @type {number} */ y) => utilities.transformIndexToWorld(imageData, [x, y, 0])
  try {
    return [{ picture: await known, corners: [at(0, 0), at(1, 0), at(0, 1)] }]
  } catch {
    drawn.drop(picture.id)
    lacks(pane, picture.id)
    return []
  }
}

/** Says once that a picture is shown without its overlay; it is asked for again when the picture is come to again.
 * @param {import('./pane.js').Pane} pane @param {string} id */
function lacks(pane, id) {
  if (pane.picture?.id !== id || pane.withoutOverlay === id) return
  pane.withoutOverlay = id
  pane.hint('The overlay of this picture could not be fetched. Leave the picture and come back to try again.')
}

/** @param {import('./overlays.js').Overlay[]} overlays @param {number} width @param {number} height @returns {Promise<HTMLCanvasElement>} fails where Overlay Data cannot be fetched */
async function paint(overlays, width, height) {
  const canvas = make('canvas', { width, height })
  const context = canvas.getContext('2d')
  for (const overlay of overlays) {
    const { InlineBinary, BulkDataURI } = overlay.element
    if (!InlineBinary && !BulkDataURI) continue
    const bytes = await bytesOf(overlay.element)
    if (!bytes) throw new Error('Overlay Data cannot be fetched.')
    const bits = bitsOf(bytes, overlay)
    if (!bits) continue
    const plane = make('canvas', { width: overlay.columns, height: overlay.rows })
    const image = new ImageData(overlay.columns, overlay.rows)
    bits.forEach((bit, at) => { if (bit) image.data.fill(255, 4 * at, 4 * at + 4) })
    plane.getContext('2d').putImageData(image, 0, 0)
    context.drawImage(plane, overlay.left, overlay.top)
  }
  return canvas
}
