// A series as the viewer holds it: its pictures in the server's order, and their metadata as they come.

import { wadors } from '@cornerstonejs/dicom-image-loader'
import { ofFrame, TAGS, text } from './dicom-json.js'
import { getJson, seriesRoot } from './early.js'
import { planeOf } from './geometry.js'
import { asDrawn, isDrawnByServer, mend, noteDecoding } from './mend.js'

/**
 * @typedef {{number: number, label: string, colour: string}} Segment
 * @typedef {{uid: string, number: string, kind: string, syntax: string, frames: number, pixels: boolean, key: boolean,
 *   segments?: Segment[], undeclared?: string}} Slide
 * @typedef {{id: string, slide: Slide, frame: number}} Picture
 * @typedef {{study: string, series: string, stack: string, modality: string}} Reference
 */

/** What makes the address of a frame that of its picture drawn by the server. */
const DRAWN = '/rendered?quality=100'

export class Stack {
  /** @param {Reference} reference @param {{instances: Slide[], syntaxes: Record<string, string>}} listing @param {string} dicomweb */
  constructor(reference, listing, dicomweb) {
    this.reference = reference
    this.slides = listing.instances
    this.syntaxes = listing.syntaxes
    this.root = seriesRoot(dicomweb, reference)
    /** @type {Picture[]} */
    this.pictures = this.slides.filter(slide => slide.pixels).flatMap(slide =>
      Array.from({ length: slide.frames }, (_, at) => ({
        id: `wadors:${this.root}/instances/${slide.uid}/frames/${at + 1}`, slide, frame: at + 1,
      })))
    /** @type {Map<string, import('./dicom-json.js').Metadata>} */
    this.metadata = new Map()
    /** @type {Promise<void> | undefined} */
    this.whole = undefined
    /** @type {(import('./geometry.js').Plane | null)[] | undefined} */
    this.knownPlanes = undefined
  }

  get ids() { return this.pictures.map(picture => picture.id) }

  /** The place of an instance's frame, 0 if it is not here. @param {string} uid @param {number} frame */
  indexOf(uid, frame = 1) {
    const at = this.pictures.findIndex(picture => picture.slide.uid === uid && picture.frame === frame)
    return at < 0 ? Math.max(this.pictures.findIndex(picture => picture.slide.uid === uid), 0) : at
  }

  /** Gets the metadata of one instance, so that it can be shown before those of the others are here.
   * @param {Slide} slide */
  async load(slide) {
    if (this.metadata.has(slide.uid)) return
    const [data] = await getJson(`${this.root}/instances/${slide.uid}/metadata`)
    await this.#take(slide.uid, data)
  }

  /** Gets the metadata of all instances. */
  loadAll() {
    this.whole ??= (async () => {
      if (this.slides.every(slide => !slide.pixels || this.metadata.has(slide.uid))) return
      const wanted = new Set(this.slides.map(slide => slide.uid))
      for (const data of await getJson(`${this.root}/metadata`)) {
        const uid = text(data, TAGS.sopInstance)
        if (wanted.has(uid)) await this.#take(uid, data)
      }
    })()
    return this.whole
  }

  /** The elements that hold for a picture. @param {number} index */
  dataOf(index) {
    const picture = this.pictures[index]
    const data = picture && this.metadata.get(picture.slide.uid)
    return data ? ofFrame(data, picture.frame) : undefined
  }

  /** @param {number} index */
  planeOf(index) {
    const data = this.dataOf(index)
    return data ? planeOf(data) : null
  }

  /** The planes of all pictures; the metadata must be here. */
  get planes() {
    this.knownPlanes ??= this.pictures.map((_, index) => this.planeOf(index))
    return this.knownPlanes
  }

  /** @param {string} uid @param {import('./dicom-json.js').Metadata} data */
  async #take(uid, data) {
    if (this.metadata.has(uid)) return
    this.metadata.set(uid, data)
    await mend(data)
    if (isDrawnByServer(data)) this.#takeDrawn(uid, data)
    else noteDecoding(data, `${this.root}/instances/${uid}`)
    for (const end of ['', DRAWN]) {
      wadors.metaDataManager.add(`wadors:${this.root}/instances/${uid}/frames/1${end}`, /** @type {any} */ (data))
    }
  }

  /** @param {string} uid @param {import('./dicom-json.js').Metadata} data */
  #takeDrawn(uid, data) {
    asDrawn(data)
    for (const picture of this.pictures) {
      if (picture.slide.uid === uid && !picture.id.endsWith(DRAWN)) picture.id += DRAWN
    }
  }
}

/** @param {Reference} reference @param {string} dicomweb */
export const openStack = async (reference, dicomweb) =>
  new Stack(reference, await getJson(reference.stack), dicomweb)
