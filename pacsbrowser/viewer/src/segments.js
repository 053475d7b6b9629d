// A segmentation drawn over the pictures it belongs to, wherever its frames lie in the same plane.

import { find, make } from './dom.js'
import { numbers, ofFrame, TAGS, text, values } from './dicom-json.js'
import { add, areParallel, depth, planeOf } from './geometry.js'

const LABEL_MAPS = '1.2.840.10008.5.1.4.1.1.66.7'

/**
 * @typedef {import('./stack.js').Segment} Segment
 * @typedef {{address: string, plane: import('./geometry.js').Plane, segment: number, picture?: Promise<HTMLCanvasElement | null>}} Mask
 */

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
    this.undeclared = '#ffffff'
  }

  async load() {
    await this.stack.loadAll()
    for (const slide of this.stack.slides.filter(slide => slide.pixels)) {
      const data = this.stack.metadata.get(slide.uid)
      if (!data) continue
      this.data = data
      this.segments.push(...slide.segments ?? [])
      this.undeclared = slide.undeclared ?? this.undeclared
      this.masks.push(...masksOf(data, `${this.stack.root}/instances/${slide.uid}`))
    }
  }

  /** What lies in the plane of a pane's picture. @param {import('./pane.js').Pane} pane @returns {Promise<import('./layer.js').Part[]>} */
  async partsOf(pane) {
    const plane = pane.stack?.planeOf(pane.index)
    const here = plane ? this.masks.filter(mask => isIn(mask.plane, plane)) : []
    const drawn = await Promise.all(here.map(mask => this.#picture(mask)))
    return here.map((mask, at) => ({ picture: drawn[at], corners: cornersOf(mask.plane) }))
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
      const colour = colours.get(isMap ? pixels[at] : segment) ?? parse(this.undeclared)
      image.data.set([...colour, isMap ? 255 : Math.round(255 * Math.min(pixels[at] / most, 1))], 4 * at)
    }
    context.putImageData(image, 0, 0)
    return canvas
  }

  /** Names the segments in a pane. @param {import('./pane.js').Pane} pane */
  name(pane) {
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

/** Where the first pixel of a plane, the one to its right and the one below it are in the patient.
 * @param {import('./geometry.js').Plane} plane @returns {import('./layer.js').Corners} */
function cornersOf({ position, row, column, spacing }) {
  const [down, across] = spacing ?? [1, 1]
  return [position, add(position, row, across), add(position, column, down)]
}

/** @param {string} colour #rrggbb */
const parse = colour => [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16))
