// Planes through a volume (MPR): axial, sagittal and coronal, joined by crosshairs.

import { cache, Enums, setVolumesForViewports, volumeLoader } from '@cornerstonejs/core'
import { make } from './dom.js'
import { CACHE_BYTES, hasWebGL, withWebGL } from './engine.js'
import { whyNoVolume } from './geometry.js'
import { sides } from './overlay.js'
import { addCrosshairs, removeCrosshairs } from './tools.js'
import { shown, windowOf } from './windows.js'

const { Events, OrientationAxis, ViewportType } = Enums
const PLANES = ['axial', 'sagittal', 'coronal']

/** Why a stack cannot be cut, or ''. The metadata of all of it must be here. @param {import('./stack.js').Stack} stack @param {any} image */
export function whyNoPlanes(stack, image) {
  if (!hasWebGL()) return 'Planes through a volume need WebGL, which this browser does not offer.'
  const why = whyNoVolume(stack.planes)
  if (why) return why
  if (image?.color) return 'A volume of colour pictures is not cut.'
  const bytes = (image?.sizeInBytes ?? 0) * stack.pictures.length
  return bytes > CACHE_BYTES * 0.9 ? 'The volume is larger than the memory set aside for pictures.' : ''
}

export class Planes {
  /** @param {any} engine @param {HTMLElement} stage */
  constructor(engine, stage) {
    this.engine = engine
    this.stage = stage
  }

  /** @param {import('./stack.js').Stack} stack @param {any} properties window of the stack's viewport */
  async open(stack, properties) {
    this.stack = stack
    this.volumeId = `cornerstoneStreamingImageVolume:${stack.reference.series}`
    this.sections = PLANES.map(name => this.#section(name))
    this.stage.append(...this.sections.map(section => section.root))
    withWebGL(() => this.sections?.forEach(({ name, element }) => {
      const orientation = OrientationAxis[/** @type {'AXIAL'} */ (name.toUpperCase())]
      this.engine.enableElement({ viewportId: name, type: ViewportType.ORTHOGRAPHIC, element, defaultOptions: { orientation } })
    }))
    const volume = /** @type {any} */ (await volumeLoader.createAndCacheVolume(this.volumeId, { imageIds: stack.ids }))
    await setVolumesForViewports(this.engine, [{ volumeId: this.volumeId }], PLANES)
    addCrosshairs(PLANES)
    volume.load(() => this.sections?.forEach(section => { section.root.dataset.loaded = 'true' }))
    if (properties?.voiRange) this.setWindow(properties.voiRange)
    this.engine.renderViewports(PLANES)
  }

  /** @param {string} name */
  #section(name) {
    const element = make('div', { className: 'canvas', tabIndex: 0, role: 'img', 'aria-label': `${name} plane` })
    element.addEventListener('contextmenu', (/** @type {Event} */ event) => event.preventDefault())
    const title = make('p', { className: 'ov tl' }, make('b', {}, name[0].toUpperCase() + name.slice(1)))
    const place = make('p', { className: 'ov br' })
    const letters = Object.fromEntries([...'nesw'].map(at => [at, make('span', { className: `orient ${at}`, 'aria-hidden': 'true' })]))
    const root = make('section', { className: 'viewport plane', 'aria-label': `${name} plane` }, element, title, place, ...Object.values(letters))
    const write = () => {
      const viewport = this.engine.getViewport(name)
      if (!viewport) return
      for (const [at, letter] of Object.entries(sides(viewport, {}, true))) letters[at].textContent = letter
      const range = viewport?.getProperties?.()?.voiRange
      const window = range && windowOf(range)
      place.textContent = window ? `W ${shown(window.width)} L ${shown(window.center)}` : ''
      root.dataset.slice = String(viewport?.getSliceIndex?.() ?? '')
    }
    for (const event of [Events.VOI_MODIFIED, Events.CAMERA_MODIFIED, Events.IMAGE_RENDERED]) {
      element.addEventListener(event, () => requestAnimationFrame(write))
    }
    return { name, element, root }
  }

  /** @param {import('./windows.js').Range} range */
  setWindow(range) {
    for (const name of PLANES) this.engine.getViewport(name).setProperties({ voiRange: range })
    this.engine.renderViewports(PLANES)
  }

  /** Scrolls the plane that has the focus, else the first. @param {number} step slices, or infinitely many for the last */
  goBy(step) {
    const viewport = this.engine.getViewport(PLANES[Math.max(this.#focused, 0)])
    const most = viewport.getNumberOfSlices?.() ?? 0
    viewport.scroll(Math.min(Math.max(step, -most), most))
  }

  /** Gives the focus to the next plane or the one before. @param {number} step */
  focusNext(step) { this.sections?.[(Math.max(this.#focused, step > 0 ? -1 : 0) + step + PLANES.length) % PLANES.length].element.focus() }

  /** Which plane has the focus, or -1. */
  get #focused() { return this.sections?.findIndex(section => section.root.contains(document.activeElement)) ?? -1 }

  reset() {
    for (const name of PLANES) {
      this.engine.getViewport(name).resetCamera()
      this.engine.getViewport(name).resetProperties?.()
    }
    this.engine.renderViewports(PLANES)
  }

  close() {
    removeCrosshairs(PLANES)
    for (const name of PLANES) this.engine.disableElement(name)
    this.sections?.forEach(section => section.root.remove())
    if (this.volumeId) cache.removeVolumeLoadObject(this.volumeId)
    this.stack = undefined
  }
}
