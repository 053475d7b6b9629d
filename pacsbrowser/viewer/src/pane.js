// One viewport: a stack of pictures with its slider, its text, and the reason where a picture cannot be shown.

import { cache, Enums, imageLoader } from '@cornerstonejs/core'
import { icon, make } from './dom.js'
import { around, fitting } from './order.js'
import { corners, sides } from './overlay.js'
import { explain } from './problems.js'
import { putRight } from './processor.js'
import { addToTools } from './tools.js'
import { CACHE_BYTES, isDrawnByProcessor } from './engine.js'
import { rescaledExtent } from './usual.js'
import { ownWindows, rangeOf, windowOf } from './windows.js'

const { Events, RequestType, ViewportType } = Enums

export class Pane extends EventTarget {
  /** @param {import('@cornerstonejs/core').RenderingEngine} engine @param {number} number from 1 */
  constructor(engine, number) {
    super()
    this.engine = engine
    this.id = `pane${number}`
    this.number = number
    /** @type {import('./stack.js').Stack | null} */
    this.stack = null
    this.index = 0
    this.turn = 0
    this.isWhole = false
    this.note = ''
    this.hasLayer = false
    this.withoutOverlay = ''
    this.layerTurn = {}
    this.hasOwnWindow = false
    /** @type {number | undefined} */ this.resting = undefined
    /** @type {number | undefined} */ this.waiting = undefined
    this.element = make('div', { className: 'canvas', tabIndex: 0, role: 'img', 'aria-label': 'No picture yet' })
    this.element.addEventListener('contextmenu', (/** @type {Event} */ event) => event.preventDefault())
    this.texts = Object.fromEntries(['tl', 'tr', 'bl', 'br'].map(at => [at, make('p', { className: `ov ${at}` })]))
    this.letters = Object.fromEntries([...'nesw'].map(at => [at, make('span', { className: `orient ${at}`, 'aria-hidden': 'true' })]))
    this.slider = make('input', { type: 'range', className: 'slice', min: '1', max: '1', value: '1', 'aria-label': `Slice in viewport ${number}` })
    this.slider.addEventListener('input', () => this.goTo(Number(this.slider.value) - 1))
    this.slider.hidden = true
    this.empty = make('p', { className: 'empty' }, 'Choose a series in the list.')
    this.why = make('div', { className: 'why', hidden: true })
    this.layer = make('canvas', { className: 'layer', 'aria-hidden': 'true' })
    this.section = make('section', { className: 'viewport', 'aria-label': `Viewport ${number}` },
      this.element, this.empty, this.layer, ...Object.values(this.texts), ...Object.values(this.letters), this.why, this.slider)
  }

  /** Makes Cornerstone draw into it; it has to be in the page. */
  enable() {
    this.engine.enableElement({ viewportId: this.id, type: ViewportType.STACK, element: this.element })
    if (isDrawnByProcessor()) putRight(this.viewport)
    addToTools(this.id)
    for (const name of [Events.CAMERA_MODIFIED, Events.VOI_MODIFIED, Events.IMAGE_RENDERED]) {
      this.element.addEventListener(name, () => this.redraw())
    }
    this.element.addEventListener(Events.VOI_MODIFIED, () => { this.hasOwnWindow = this.isWhole; this.changed() })
    this.element.addEventListener(Events.PRE_STACK_NEW_IMAGE, (/** @type {any} */ event) => this.#wants(event.detail.imageId))
    this.element.addEventListener(Events.IMAGE_RENDERED, () => { if (this.section.dataset.state) this.dispatchEvent(new Event('picture')) })
    this.element.addEventListener(Events.STACK_NEW_IMAGE, (/** @type {any} */ event) => this.#shows(event.detail.imageId))
  }

  /** @returns {any} */
  get viewport() { return this.engine.getViewport(this.id) }

  get picture() { return this.stack?.pictures[this.index] }

  get data() { return this.stack?.dataOf(this.index) }

  /** Shows a stack: the picture at once, those around it when the metadata of all are here.
   * @param {import('./stack.js').Stack} stack @param {number} index @param {import('./windows.js').Window} [window] */
  async show(stack, index, window) {
    const turn = ++this.turn
    this.empty.remove()
    Object.assign(this, { stack, index, isWhole: false, hasOwnWindow: false })
    delete this.section.dataset.state
    delete this.section.dataset.problem
    this.slider.max = String(Math.max(stack.pictures.length, 1))
    this.slider.hidden = stack.pictures.length < 2
    const picture = this.picture
    if (!picture) return this.#cannot(stack.slides[0], {})
    this.#busy(true)
    try {
      await stack.load(picture.slide)
      if (turn !== this.turn) return
      await this.viewport.setStack([picture.id], 0)
      if (turn !== this.turn) return
      if (window) this.setWindow(rangeOf(window))
      this.viewport.render()
      await stack.loadAll()
      if (turn !== this.turn || stack.pictures.length < 2) return
      const kept = this.hasOwnWindow ? this.viewport.getProperties() : null
      await this.viewport.setStack(stack.ids, this.index)
      if (turn !== this.turn) return
      if (kept) this.viewport.setProperties({ voiRange: kept.voiRange, invert: kept.invert })
      this.viewport.render()
      this.#fetchAround(1)
    } catch (error) {
      if (turn === this.turn) this.#cannot(picture.slide, /** @type {any} */ (error))
    } finally {
      if (turn === this.turn) {
        this.isWhole = true
        this.#busy(false)
        this.changed()
      }
    }
  }

  /** @param {number} index @returns {Promise<unknown>} */
  async goTo(index) {
    const last = (this.stack?.pictures.length ?? 0) - 1
    const wanted = Math.min(Math.max(index, 0), last)
    if (wanted < 0) return
    if (!this.isWhole) this.index = wanted
    else if (this.viewport.getTargetImageIdIndex() !== wanted) await this.viewport.setImageIdIndex(wanted)
  }

  /** @param {number} step @param {boolean} [round] */
  goBy(step, round = false) {
    const count = this.stack?.pictures.length ?? 0
    if (!count) return Promise.resolve()
    const now = this.isWhole ? this.viewport.getTargetImageIdIndex() : this.index
    return this.goTo(round ? (now + step + count) % count : now + step)
  }

  /** @returns {import('./windows.js').Window | null} */
  get window() {
    const range = this.viewport?.getProperties()?.voiRange
    return range && this.picture && !this.isColour ? windowOf(range) : null
  }

  /** Whether all of the picture is seen, as large as it fits. */
  get isFitted() {
    if (!this.viewport?.getCornerstoneImage?.()) return false
    const [x, y] = this.viewport.getPan()
    return Math.abs(this.viewport.getZoom() - 1) < 0.001 && Math.hypot(x, y) < 1
  }

  /** Shows all of the picture, mirrored and turned as it is. */
  fit() {
    const { flipHorizontal, flipVertical } = this.viewport.getCamera()
    const rotation = this.viewport.getRotation()
    this.viewport.resetCameraForResize()
    this.viewport.setCamera({ flipHorizontal, flipVertical })
    this.viewport.setViewPresentation({ rotation })
  }

  get isColour() { return Boolean(this.viewport?.getCornerstoneImage?.()?.color) }

  /** @param {import('./windows.js').Range} range */
  setWindow(range) {
    this.viewport.setProperties({ voiRange: range })
    this.hasOwnWindow = true
    this.viewport.render()
  }

  /** The window that the object itself brings, or the range of its values. */
  resetWindow() {
    const own = this.data && ownWindows(this.data)[0]
    this.viewport.resetProperties()
    const range = own ? rangeOf(own.window) : this.window && rangeOf(this.window)
    // with WebGL Cornerstone forgets that a negative is inverted, unless its greys are made anew
    if (range) this.viewport.setVOI(range, { forceRecreateLUTFunction: true })
    this.hasOwnWindow = false
    this.viewport.render()
    this.changed()
  }

  /** The smallest and the largest value of the picture, without what pads it. */
  get extent() {
    const image = this.viewport.getCornerstoneImage()
    return image ? rescaledExtent(image, this.data) : { min: 0, max: 1 }
  }

  changed() { this.dispatchEvent(new Event('change')) }

  /** Writes the text again with the next frame of the display. */
  redraw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = undefined
      this.#write()
      this.dispatchEvent(new Event('draw'))
    })
  }

  #write() {
    const { stack, data, picture, viewport } = this
    if (!stack || !data || !picture || !viewport?.getCornerstoneImage?.()) return
    const plane = stack.planeOf(this.index)
    const lines = corners({
      data, index: this.index, count: stack.pictures.length, window: this.window, zoom: viewport.getZoom(),
      note: this.note, plane, frame: picture.frame, frames: picture.slide.frames,
    })
    for (const [at, rows] of Object.entries(lines)) {
      const nodes = rows.filter(Boolean).flatMap((row, place) =>
        [...(place ? [make('br')] : []), at === 'tl' && !place ? make('b', {}, make('bdi', {}, row)) : make('bdi', {}, row)])
      this.texts[at].replaceChildren(...(at === 'bl' && picture.slide.key ? [icon('star'), ' '] : []), ...nodes)
    }
    const found = sides(viewport, data, Boolean(plane))
    for (const at of [...'nesw']) this.letters[at].textContent = /** @type {any} */ (found)[at]
    const what = `${stack.reference.modality} picture ${this.index + 1} of ${stack.pictures.length}`
    this.element.setAttribute('aria-label', what)
    this.section.setAttribute('aria-label', `Viewport ${this.number}: ${lines.tr[0]}`)
  }

  /** @param {string} id */
  #wants(id) {
    if (!this.isWhole || !this.stack) return
    const wanted = this.stack.pictures.findIndex(picture => picture.id === id)
    if (wanted >= 0) this.slider.value = String(wanted + 1)
    this.#busy(true)
  }

  /** @param {string} id */
  #shows(id) {
    const shown = this.stack?.pictures.findIndex(picture => picture.id === id) ?? -1
    if (shown < 0) return
    const direction = Math.sign(shown - this.index) || 1
    this.index = shown
    this.slider.value = String(shown + 1)
    this.slider.setAttribute('aria-valuetext', `${shown + 1} of ${this.stack?.pictures.length}`)
    this.why.hidden = true
    this.section.dataset.state = 'shown'
    this.#busy(!this.isWhole)
    this.redraw()
    this.changed()
    if (this.isWhole) this.#fetchAround(direction)
    // Cornerstone tells of a picture that the processor draws before it has taken its place
    queueMicrotask(() => this.dispatchEvent(new Event('slice')))
  }

  /** A picture could not be loaded. @param {string} id @param {any} error */
  fail(id, error) {
    const place = this.stack?.pictures.findIndex(picture => picture.id === id) ?? -1
    if (place < 0 || !this.stack) return
    this.index = place
    this.slider.value = String(place + 1)
    this.#cannot(this.stack.pictures[place].slide, error)
    this.changed()
  }

  /** Says why a picture cannot be seen, with the server's own picture if it has one.
   * @param {import('./stack.js').Slide | undefined} slide @param {any} error */
  #cannot(slide, error) {
    this.#busy(false)
    const { stack } = this
    if (!stack) return
    const told = explain({
      ...readFailure(error), syntax: slide ? stack.syntaxes[slide.syntax] || 'an unknown transfer syntax' : '',
      pixels: slide ? slide.pixels : true, kind: slide?.kind ?? 'object',
    })
    const page = slide && `${stack.root.replace(/^.*?\/studies/, '/studies')}/instances/${slide.uid}/`
    const notice = make('div', { className: 'notice warn', role: 'note' }, icon('warning'),
      make('p', {}, make('b', {}, `${told.step}. `), `${told.what} ${told.todo} `,
        ...(page ? [make('a', { href: page }, 'Page of this instance')] : [])))
    this.why.replaceChildren(notice)
    if (slide?.pixels && this.picture) {
      const address = `${stack.root}/instances/${slide.uid}/frames/${this.picture.frame}/rendered`
      const drawn = make('img', { src: address, alt: 'The picture as the server draws it' })
      drawn.addEventListener('error', () => drawn.remove())
      this.why.append(drawn)
    }
    this.why.hidden = false
    Object.assign(this.section.dataset, { problem: told.step, state: 'failed' })
    this.dispatchEvent(new Event('picture'))
  }

  /** The series could not be opened at all. @param {any} error */
  refuse(error) {
    this.empty.remove()
    const told = explain({ ...readFailure(error), syntax: '', pixels: true, kind: 'object' })
    this.why.replaceChildren(make('div', { className: 'notice warn', role: 'note' }, icon('warning'),
      make('p', {}, make('b', {}, `${told.step}. `), `${told.what} ${told.todo}`)))
    this.why.hidden = false
    this.section.dataset.state = 'failed'
    this.dispatchEvent(new Event('picture'))
  }

  /** Says something in the viewport for a while. @param {string} text */
  hint(text) {
    const hint = make('p', { className: 'hint' }, text)
    this.section.append(hint)
    setTimeout(() => hint.remove(), 6000)
  }

  /** @param {boolean} is */
  #busy(is) {
    this.section.toggleAttribute('aria-busy', is)
    if (is) this.section.setAttribute('aria-busy', 'true')
  }

  /** Fetches the pictures around this one, as many as fit into this viewport's part of the cache.
   * @param {number} direction */
  #fetchAround(direction) {
    clearTimeout(this.resting)
    // while somebody scrolls, what is asked for goes first
    this.resting = setTimeout(() => this.#fetch(direction), 100)
  }

  /** @param {number} direction */
  #fetch(direction) {
    const { stack, viewport } = this
    const image = viewport?.getCornerstoneImage?.()
    if (!stack || !image) return
    const turn = this.fetching = {}
    const limit = fitting(CACHE_BYTES / 2 / Math.max(this.engine.getViewports().length, 1), image.sizeInBytes ?? 0)
    const wanted = around(this.index, stack.pictures.length, Math.min(limit, 400), direction)
      .filter(at => !cache.getImageLoadObject(stack.pictures[at].id))
    const next = async () => {
      const at = wanted.shift()
      if (at === undefined || turn !== this.fetching) return
      const id = stack.pictures[at].id
      const options = { useRGBA: isDrawnByProcessor(), requestType: RequestType.Prefetch, priority: 0, additionalDetails: { imageId: id } }
      await imageLoader.loadAndCacheImage(id, options).catch(() => {})
      return next()
    }
    for (let lane = 0; lane < 4; lane++) next()
  }
}

/** What is known of a failure: an answer of the server, or a decoder's complaint. @param {any} error */
function readFailure(error) {
  const request = error?.request ?? error
  if (request instanceof XMLHttpRequest) {
    let detail = ''
    try {
      detail = JSON.parse(new TextDecoder().decode(request.response)).detail ?? ''
    } catch { /* no body, or none in JSON */ }
    return { status: request.status, detail }
  }
  return { status: error?.status, detail: error?.detail, message: String(error?.message ?? error ?? '') }
}
