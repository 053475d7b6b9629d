// A segmentation drawn over the pictures it belongs to, wherever its frames lie in the same plane.

import { find, make } from './dom.js'
import { numbers, ofFrame, TAGS, text, values } from './dicom-json.js'
import { add, areParallel, depth, planeOf } from './geometry.js'

const COLOURS = ['#ff6b6b', '#4dabf7', '#69db7c', '#ffd43b', '#da77f2', '#ff922b', '#38d9a9', '#f783ac', '#a9e34b', '#91a7ff']
const LABEL_MAPS = '1.2.840.10008.5.1.4.1.1.66.7'

/**
 * @typedef {{number: number, label: string, colour: string}} Segment
 * @typedef {{address: string, plane: import('./geometry.js').Plane, segment: number, picture?: Promise<HTMLCanvasElement | null>}} Mask
 */

/** The segments that an object declares (PS3.3 C.8.20.4). @param {import('./dicom-json.js').Metadata} data @returns {Segment[]} */
export const segmentsOf = data => values(data, '00620002').map((item, at) => ({
  number: Number(values(item, '00620004')[0] ?? at + 1),
  label: text(item, '00620005') || `Segment ${at + 1}`,
  colour: COLOURS[at % COLOURS.length],
}))

/** The frames of a segmentation with the segment and the plane of each.
 * @param {import('./dicom-json.js').Metadata} data @param {string} address of the instance @returns {Mask[]} */
export function masksOf(data, address) {
  const count = numbers(data, TAGS.frames)?.[0] ?? 1
  return Array.from({ length: count }, (_, at) => {
    const own = ofFrame(data, at + 1)
    return { address: `${address}/frames/${at + 1}`, plane: planeOf(own), segment: Number(values(own, '0062000B')[0] ?? 0) }
  }).filter(mask => mask.plane).map(mask => /** @type {Mask} */ (mask))
}

/** Values of a frame, one a pixel: frames of one bit come packed or not.
 * @param {Uint8Array} bytes @param {number} count @param {number} bits */
export function unpack(bytes, count, bits) {
  if (bits === 16) return new Uint16Array(bytes.buffer, bytes.byteOffset, Math.min(count, bytes.length >> 1))
  if (bytes.length >= count) return bytes.subarray(0, count)
  return Uint8Array.from({ length: count }, (_, at) => (bytes[at >> 3] >> (at & 7)) & 1)
}

export class Segments {
  /** @param {import('./stack.js').Stack} stack of the segmentation */
  constructor(stack) {
    this.stack = stack
    /** @type {Segment[]} */ this.segments = []
    /** @type {Mask[]} */ this.masks = []
  }

  async load() {
    await this.stack.loadAll()
    for (const slide of this.stack.slides.filter(slide => slide.pixels)) {
      const data = this.stack.metadata.get(slide.uid)
      if (!data) continue
      this.data = data
      this.segments.push(...segmentsOf(data))
      this.masks.push(...masksOf(data, `${this.stack.root}/instances/${slide.uid}`))
    }
  }

  /** Draws what lies in the plane of a pane's picture. @param {import('./pane.js').Pane} pane */
  async draw(pane) {
    const { layer, viewport, stack, index } = pane
    const plane = stack?.planeOf(index)
    const context = layer.getContext('2d')
    const { clientWidth, clientHeight } = pane.element
    if (layer.width !== clientWidth || layer.height !== clientHeight) Object.assign(layer, { width: clientWidth, height: clientHeight })
    const here = plane ? this.masks.filter(mask => isIn(mask.plane, plane)) : []
    const drawn = await Promise.all(here.map(mask => this.#picture(mask)))
    if (pane.index !== index || pane.stack !== stack) return
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, layer.width, layer.height)
    context.globalAlpha = 0.45
    context.imageSmoothingEnabled = false
    here.forEach((mask, at) => {
      const picture = drawn[at]
      if (!picture) return
      context.setTransform(...transformOf(mask.plane, (/** @type {any} */ point) => viewport.worldToCanvas(point)))
      context.drawImage(picture, 0, 0)
    })
    pane.section.dataset.segments = String(here.length)
    this.#legend(pane)
  }

  /** @param {Mask} mask */
  #picture(mask) {
    mask.picture ??= (async () => {
      const response = await fetch(mask.address, { headers: { Accept: 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1' } })
      if (!response.ok) return null
      const { rows, columns } = mask.plane
      const bits = numbers(this.data, '00280100')?.[0] ?? 8
      const pixels = unpack(new Uint8Array(await response.arrayBuffer()), rows * columns, bits)
      return this.#paint(pixels, columns, rows, mask.segment)
    })()
    return mask.picture
  }

  /** @param {ArrayLike<number>} pixels @param {number} width @param {number} height @param {number} segment */
  #paint(pixels, width, height, segment) {
    const canvas = make('canvas', { width, height })
    const context = canvas.getContext('2d')
    const image = context.createImageData(width, height)
    const isMap = text(this.data, TAGS.sopClass) === LABEL_MAPS
    const most = text(this.data, '00620001') === 'FRACTIONAL' ? numbers(this.data, '0062000E')?.[0] || 255 : 1
    const colours = new Map(this.segments.map(one => [one.number, parse(one.colour)]))
    for (let at = 0; at < pixels.length; at++) {
      if (!pixels[at]) continue
      const colour = colours.get(isMap ? pixels[at] : segment) ?? parse(COLOURS[0])
      image.data.set([...colour, isMap ? 255 : Math.round(255 * Math.min(pixels[at] / most, 1))], 4 * at)
    }
    context.putImageData(image, 0, 0)
    return canvas
  }

  /** @param {import('./pane.js').Pane} pane */
  #legend(pane) {
    if (find('.legend', pane.section)) return
    const rows = this.segments.slice(0, 12).map(segment => {
      const swatch = make('span', { className: 'swatch', 'aria-hidden': 'true' })
      swatch.style.background = segment.colour
      return make('li', {}, swatch, make('bdi', {}, segment.label))
    })
    if (this.segments.length > 12) rows.push(make('li', {}, `and ${this.segments.length - 12} more`))
    pane.section.append(make('ul', { className: 'legend', 'aria-label': 'Segments' }, ...rows))
  }

  /** @param {import('./pane.js').Pane} pane */
  static clear(pane) {
    pane.layer.getContext('2d').clearRect(0, 0, pane.layer.width, pane.layer.height)
    find('.legend', pane.section)?.remove()
    delete pane.section.dataset.segments
  }
}

/** Whether a mask lies in a slice: parallel, and within half a slice of it.
 * @param {import('./geometry.js').Plane} mask @param {import('./geometry.js').Plane} slice */
const isIn = (mask, slice) => {
  if (!areParallel(mask, slice) || mask.frameOfReference !== slice.frameOfReference) return false
  return Math.abs(depth(mask, slice.normal) - depth(slice)) <= Math.max((slice.thickness ?? 1) / 2, 0.5) * 0.999
}

/** The transform from pixels of a plane to the canvas. @param {import('./geometry.js').Plane} plane @param {(point: any) => number[]} toCanvas
 * @returns {[number, number, number, number, number, number]} */
function transformOf(plane, toCanvas) {
  const [down, across] = plane.spacing ?? [1, 1]
  const start = toCanvas(plane.position)
  const right = toCanvas(add(plane.position, plane.row, across))
  const below = toCanvas(add(plane.position, plane.column, down))
  const [ax, ay, bx, by] = [right[0] - start[0], right[1] - start[1], below[0] - start[0], below[1] - start[1]]
  // a position is the centre of a pixel, a picture begins at its corner
  return [ax, ay, bx, by, start[0] - (ax + bx) / 2, start[1] - (ay + by) / 2]
}

/** @param {string} colour #rrggbb */
const parse = colour => [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16))
