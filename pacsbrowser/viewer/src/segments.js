// A segmentation drawn over the pictures it belongs to, wherever its frames lie in the same plane.

import { find, make } from './dom.js'
import { numbers, ofFrame, TAGS, text, values } from './dicom-json.js'
import { add, areParallel, depth, planeOf } from './geometry.js'
import { Recent } from './recent.js'

const LABEL_MAPS = '1.2.840.10008.5.1.4.1.1.66.7'

/** Bytes of painted frames that are kept. */
const KEPT = 128 * 1024 * 1024
/** Frames that are looked at to find one that marks something. */
const LOOKS = 200

/**
 * @typedef {import('./stack.js').Segment} Segment
 * @typedef {{bits: number, most: number, isMap: boolean, colours: Map<number, number[]>, undeclared: number[]}} Paint
 *   how the frames of an instance are painted: `most` is the value that is drawn at full strength
 * @typedef {{uid: string, frame: number, address: string, plane: import('./geometry.js').Plane, segment: number, paint: Paint}} Mask
 * @typedef {{canvas: HTMLCanvasElement, isEmpty: boolean}} Painted
 */

/** The frames of a segmentation with the segment and the plane of each.
 * @param {import('./dicom-json.js').Metadata} data @param {string} root of the series' address @param {Paint} paint @returns {Mask[]} */
export function masksOf(data, root, paint) {
  const count = numbers(data, TAGS.frames)?.[0] ?? 1
  const uid = text(data, TAGS.sopInstance)
  return Array.from({ length: count }, (_, at) => {
    const own = ofFrame(data, at + 1)
    const address = `${root}/instances/${uid}/frames/${at + 1}`
    return { uid, frame: at + 1, address, plane: planeOf(own), segment: Number(values(own, '0062000B')[0] ?? 0), paint }
  }).filter(mask => mask.plane).map(mask => /** @type {Mask} */ (mask))
}

/** @param {import('./dicom-json.js').Metadata} data @param {import('./stack.js').Slide} slide @returns {Paint} */
function paintOf(data, { segments = [], undeclared = '#ffffff' }) {
  return {
    bits: numbers(data, TAGS.allocated)?.[0] ?? 8,
    most: text(data, '00620001') === 'FRACTIONAL' ? numbers(data, '0062000E')?.[0] || 255 : 1,
    isMap: text(data, TAGS.sopClass) === LABEL_MAPS,
    colours: new Map(segments.map(one => [one.number, parse(one.colour)])),
    undeclared: parse(undeclared),
  }
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
    /** @type {Promise<void> | undefined} */ this.loaded = undefined
    /** @type {Recent<Promise<Painted | null>>} */ this.painted = new Recent(KEPT)
  }

  load() { return this.loaded ??= this.#load() }

  async #load() {
    await this.stack.loadAll()
    for (const slide of this.stack.slides.filter(slide => slide.pixels)) {
      const data = this.stack.metadata.get(slide.uid)
      if (!data) continue
      this.segments.push(...slide.segments ?? [])
      this.masks.push(...masksOf(data, this.stack.root, paintOf(data, slide)))
    }
  }

  /** Where in a stack a frame lies, else the next one that does and marks something; -1 if none does.
   * @param {import('./stack.js').Stack} stack whose metadata is here @param {string} [uid] of an instance @param {number} [frame] */
  async placeIn(stack, uid, frame = 1) {
    const asked = Math.max(this.masks.findIndex(mask => mask.uid === uid && mask.frame === frame), 0)
    const inOrder = [...this.masks.slice(asked), ...this.masks.slice(0, asked)]
    const lying = inOrder.map(mask => ({ mask, place: placeOf(mask.plane, stack.planes) })).filter(one => one.place >= 0)
    for (const { mask, place } of lying.slice(0, LOOKS)) {
      const painted = await this.#picture(mask)
      if (painted && !painted.isEmpty) return place
    }
    return lying[0]?.place ?? -1
  }

  /** What lies in the plane of a pane's picture. @param {import('./pane.js').Pane} pane @returns {Promise<import('./layer.js').Part[]>} */
  async partsOf(pane) {
    const plane = pane.stack?.planeOf(pane.index)
    const here = plane ? this.masks.filter(mask => isIn(mask.plane, plane)) : []
    const drawn = await Promise.all(here.map(mask => this.#picture(mask)))
    return here.map((mask, at) => ({ picture: drawn[at]?.canvas ?? null, corners: cornersOf(mask.plane) }))
  }

  /** @param {Mask} mask */
  #picture(mask) {
    const { rows, columns } = mask.plane
    return this.painted.get(mask.address, 4 * rows * columns, async () => {
      const accept = 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1'
      const bytes = await fetch(mask.address, { headers: { Accept: accept } })
        .then(response => (response.ok ? response.arrayBuffer() : null)).catch(() => null)
      if (bytes) return paint(unpack(new Uint8Array(bytes), rows * columns, mask.paint.bits), mask)
      // it is asked for again when it is to be seen again
      this.painted.drop(mask.address)
      return null
    })
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

/** @param {ArrayLike<number>} pixels @param {Mask} mask @returns {Painted} */
function paint(pixels, { plane, segment, paint: { most, isMap, colours, undeclared } }) {
  const canvas = make('canvas', { width: plane.columns, height: plane.rows })
  const context = canvas.getContext('2d')
  const image = context.createImageData(plane.columns, plane.rows)
  let isEmpty = true
  for (let at = 0; at < pixels.length; at++) {
    if (!pixels[at]) continue
    isEmpty = false
    const [red, green, blue] = colours.get(isMap ? pixels[at] : segment) ?? undeclared
    image.data[4 * at] = red
    image.data[4 * at + 1] = green
    image.data[4 * at + 2] = blue
    image.data[4 * at + 3] = isMap ? 255 : Math.round(255 * Math.min(pixels[at] / most, 1))
  }
  context.putImageData(image, 0, 0)
  return { canvas, isEmpty }
}

/** How far off a slice a mask may lie to be in it: half a slice. @param {import('./geometry.js').Plane} slice */
const reach = slice => Math.max((slice.thickness || 1) / 2, 0.05) * 0.999

/** @param {import('./geometry.js').Plane} mask @param {import('./geometry.js').Plane} slice */
const distance = (mask, slice) =>
  areParallel(mask, slice) && mask.frameOfReference === slice.frameOfReference
    ? Math.abs(depth(mask, slice.normal) - depth(slice)) : Infinity

/** @param {import('./geometry.js').Plane} mask @param {import('./geometry.js').Plane} slice */
const isIn = (mask, slice) => distance(mask, slice) <= reach(slice)

/** The index of the slice that is nearest to a mask, among those that it lies in, or -1.
 * @param {import('./geometry.js').Plane} mask @param {(import('./geometry.js').Plane | null)[]} slices */
function placeOf(mask, slices) {
  const found = slices.flatMap((slice, at) => (slice && isIn(mask, slice) ? [{ at, off: distance(mask, slice) }] : []))
  return found.sort((a, b) => a.off - b.off)[0]?.at ?? -1
}

/** Where the first pixel of a plane, the one to its right and the one below it are in the patient.
 * @param {import('./geometry.js').Plane} plane @returns {import('./layer.js').Corners} */
function cornersOf({ position, row, column, spacing }) {
  const [down, across] = spacing ?? [1, 1]
  return [position, add(position, row, across), add(position, column, down)]
}

/** @param {string} colour #rrggbb */
const parse = colour => [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16))
