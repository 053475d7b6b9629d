// The viewer: puts series into viewports, keeps the address up to date, and hands what people do to its parts.

import { Enums, eventTarget } from '@cornerstonejs/core'
import { readState, writeState } from './address.js'
import { makeCommands } from './commands.js'
import { find, findAll, make, say } from './dom.js'
import { startEngine } from './engine.js'
import { listenToKeys } from './keyboard.js'
import { drawLayer } from './layer.js'
import { anchorOf, linkedIndex } from './linking.js'
import { Pane } from './pane.js'
import { listPresets } from './presets.js'
import { Segments } from './segments.js'
import { openStack } from './stack.js'
import { markSeen, readStrip } from './strip.js'
import { listenToToolbar, showTools } from './toolbar.js'
import { drawLinesOf, makeTools } from './tools.js'
import { windowOf, windowText } from './windows.js'

export class Viewer {
  constructor() {
    this.stage = find('#stage')
    this.entries = readStrip()
    this.study = decodeURIComponent(location.pathname.split('/').filter(Boolean)[1] ?? '')
    this.dicomweb = document.body.dataset.dicomweb ?? ''
    this.engine = startEngine()
    /** @type {Pane[]} */ this.panes = []
    /** @type {import('./mpr.js').Planes | null} */ this.planes = null
    /** @type {Map<string, Promise<import('./stack.js').Stack>>} */ this.stacks = new Map()
    /** @type {Segments | null} what is drawn over pictures */ this.segments = null
    /** @type {Segments | null} the last that were read */ this.known = null
    /** @type {Map<Pane, any> | null} how other viewports lie to the active one, while they scroll together */
    this.anchors = null
    /** @type {Set<unknown>} */ this.failures = new Set()
    this.active = 0
    this.lines = true
    makeTools(targetId => this.#dataOf(targetId))
    this.commands = makeCommands(this)
  }

  get pane() { return this.panes[this.active] }

  /** Shows what the address says. */
  async start() {
    if (!this.entries.length) return find('#still')?.remove()
    const first = this.entries.find(entry => entry.link.getAttribute('aria-current'))
    for (const element of findAll('.scripted')) element.hidden = false
    listenToToolbar(this)
    listenToKeys(this)
    this.#listenToStrip()
    eventTarget.addEventListener(Enums.Events.IMAGE_LOAD_FAILED, (/** @type {any} */ event) => this.failures.add(event.detail.error))
    eventTarget.addEventListener(Enums.Events.IMAGE_LOAD_ERROR, (/** @type {any} */ event) => {
      const { imageId, error } = event.detail ?? {}
      this.failures.add(error)
      if (imageId) this.panes.forEach(pane => pane.fail(imageId, error))
    })
    // Cornerstone tells of a failure by an event, and leaves promises of it behind that nobody waits for
    addEventListener('unhandledrejection', event => { if (this.failures.has(event.reason)) event.preventDefault() })
    new ResizeObserver(() => this.#resize()).observe(this.stage)
    const { layout, views, segments } = readState(location.search, this.study)
    this.setLayout(layout)
    await Promise.all(views.map((view, at) => {
      const named = this.entries.find(entry => entry.series === view.series && entry.study === view.study)
      const entry = named ?? (at === 0 ? first : undefined)
      return entry && this.open(entry, this.panes[at], view)
    }))
    const over = this.entries.find(entry => entry.kind === 'segmentation' && entry.series === segments)
    if (over) await this.showSegments(over)
  }

  /** Opens a series in a viewport; a segmentation opens over the series that it belongs to.
   * @param {import('./strip.js').Entry} entry @param {Pane} [pane] @param {Partial<import('./address.js').View>} [view] */
  async open(entry, pane = this.pane, view = {}) {
    if (this.planes) await this.commands.mpr()
    find('.nothing')?.remove()
    const under = entry.kind === 'segmentation' && this.entries.find(one => one.series === entry.over && one.study === entry.study)
    if (under && await this.#openOver(entry, under, pane, view)) return
    try {
      const stack = await this.stackOf(entry)
      const [center, width] = (view.window ?? '').split(',').map(Number)
      const window = Number.isFinite(center) && width > 0 ? { center, width } : undefined
      this.stage.dataset.opened = String(Number(this.stage.dataset.opened ?? 0) + 1)
      await pane.show(stack, view.instance ? stack.indexOf(view.instance, view.frame) : 0, window)
      say(`${entry.modality} ${entry.description || 'series'}, ${stack.pictures.length} pictures`)
    } catch (error) {
      say(`The series could not be opened: ${/** @type {Error} */ (error).message}`)
      pane.refuse(/** @type {any} */ (error))
    }
    this.#relink()
  }

  /** Opens a segmentation over a series, at a slice that it marks; says whether it lies over it at all, as one that does
   * not say where it lies is shown by itself.
   * @param {import('./strip.js').Entry} entry @param {import('./strip.js').Entry} under @param {Pane} pane
   * @param {Partial<import('./address.js').View>} view the instance and frame are the segmentation's */
  async #openOver(entry, under, pane, view) {
    const segments = await this.segmentsOf(entry)
    if (!segments.masks.length) return false
    const stack = await this.stackOf(under)
    await stack.loadAll()
    const { slide, frame } = stack.pictures[Math.max(await segments.placeIn(stack, view.instance, view.frame), 0)] ?? {}
    await this.open(under, pane, { ...view, instance: slide?.uid, frame })
    await this.showSegments(entry)
    return true
  }

  /** @param {import('./strip.js').Entry} entry */
  stackOf(entry) {
    const key = `${entry.study} ${entry.series}`
    const known = this.stacks.get(key) ?? openStack(entry, this.dicomweb)
    this.stacks.set(key, known)
    known.catch(() => this.stacks.delete(key))
    return known
  }

  /** @param {import('./strip.js').Entry} entry a segmentation @returns {Promise<Segments>} */
  async segmentsOf(entry) {
    const stack = await this.stackOf(entry)
    if (this.known?.stack !== stack) this.known = new Segments(stack)
    await this.known.load()
    return this.known
  }

  /** @param {import('./strip.js').Entry | null} entry a segmentation, or null for none */
  async showSegments(entry) {
    this.panes.forEach(pane => Segments.clear(pane))
    this.segments = null
    if (entry) {
      this.segments = await this.segmentsOf(entry)
      say(`${this.segments.segments.length} segments`)
    }
    this.panes.forEach(pane => pane.redraw())
    this.#write()
    this.refresh()
  }

  /** @param {number} count 1, 2 or 4 */
  setLayout(count) {
    while (this.panes.length > count) {
      const pane = /** @type {Pane} */ (this.panes.pop())
      this.engine.disableElement(pane.id)
      pane.section.remove()
    }
    while (this.panes.length < count) this.#addPane()
    this.stage.dataset.layout = String(count)
    this.activate(Math.min(this.active, count - 1))
    this.#resize()
  }

  #addPane() {
    const pane = new Pane(this.engine, this.panes.length + 1)
    this.panes.push(pane)
    this.stage.append(pane.section)
    pane.enable()
    pane.section.addEventListener('pointerdown', () => this.activate(this.panes.indexOf(pane)), true)
    pane.section.addEventListener('focusin', () => this.activate(this.panes.indexOf(pane)))
    pane.element.addEventListener('dblclick', () => this.commands.single())
    pane.addEventListener('change', () => { this.#write(); this.refresh() })
    pane.addEventListener('picture', () => find('#still')?.remove(), { once: true })
    pane.addEventListener('slice', () => this.#scrollOthers(pane))
    pane.addEventListener('draw', () => drawLayer(pane, this.segments))
  }

  /** @param {number} at */
  activate(at) {
    this.active = at
    this.panes.forEach((pane, place) => pane.section.classList.toggle('active', place === at))
    this.refresh()
    this.showLines()
  }

  showLines() {
    drawLinesOf(this.lines && this.panes.length > 1 && this.pane?.stack ? this.pane.id : '')
  }

  /** The metadata of what a tool measures: of a picture, or of the volume that is cut. @param {string} targetId */
  #dataOf(targetId) {
    if (this.planes) return this.planes.stack?.dataOf(0)
    const id = targetId.replace('imageId:', '')
    for (const { stack } of this.panes) {
      const at = stack?.pictures.findIndex(picture => picture.id === id) ?? -1
      if (at >= 0) return stack?.dataOf(at)
    }
  }

  /** Brings buttons, presets and strip up to date. */
  refresh() {
    const { pane } = this
    if (!pane) return
    const seen = this.panes.map(one => one.stack?.reference).filter(one => one !== undefined)
    markSeen(this.entries, seen, pane.stack?.reference.series ?? '')
    listPresets(pane)
    showTools(this)
  }

  #relink() {
    if (this.anchors) this.link()
    this.showLines()
  }

  /** From now on the other viewports scroll with the active one; what they show is taken as the same place. */
  link() {
    this.anchors = new Map()
    for (const pane of this.panes) pane.note = ''
    for (const pane of this.panes.filter(one => one !== this.pane && one.stack && this.pane.stack)) {
      this.anchors.set(pane, anchorOf(placeOf(this.pane), placeOf(pane)))
      pane.note = `scrolls with viewport ${this.pane.number}`
    }
    this.linkedFrom = this.pane
    this.panes.forEach(pane => pane.redraw())
  }

  unlink() {
    this.anchors = null
    for (const pane of this.panes) {
      pane.note = ''
      pane.redraw()
    }
  }

  /** @param {Pane} pane */
  #scrollOthers(pane) {
    this.showLines()
    if (!this.anchors || pane !== this.pane) return
    // another viewport leads now: what is seen beside it stays the same place
    if (pane !== this.linkedFrom) return this.link()
    for (const [other, anchor] of this.anchors) other.goTo(linkedIndex(placeOf(pane), placeOf(other), anchor))
  }

  #listenToStrip() {
    for (const entry of this.entries) {
      entry.link.addEventListener('click', event => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        this.open(entry)
        this.pane.element.focus({ preventScroll: true })
      })
    }
  }

  #resize() {
    if (!this.engine.getViewports().length) return
    // what nobody moved or magnified fits into the new size as well
    const fitted = this.panes.filter(pane => pane.isFitted)
    this.engine.resize(true, true)
    for (const pane of fitted) pane.fit()
    this.engine.render()
    this.panes.forEach(pane => pane.redraw())
  }

  /** Writes what is seen into the address, so that a link opens it again. */
  #write() {
    clearTimeout(this.writing)
    this.writing = setTimeout(() => {
      const views = this.panes.map(pane => ({
        study: pane.stack?.reference.study ?? this.study, series: pane.stack?.reference.series ?? '',
        instance: pane.picture?.slide.uid ?? '', frame: pane.picture?.frame ?? 1,
        window: pane.hasOwnWindow && pane.window ? windowText(pane.window) : '',
      }))
      const search = writeState(location.search, this.study, {
        layout: this.panes.length, views, segments: this.segments?.stack.reference.series ?? '',
      })
      history.replaceState(history.state, '', location.pathname + search)
    }, 250)
  }

  /** @param {import('./windows.js').Range} range */
  setWindow(range) {
    if (this.planes) this.planes.setWindow(range)
    else this.pane.setWindow(range)
    const { center, width } = windowOf(range)
    say(`Window ${Math.round(width)}, level ${Math.round(center)}`)
  }
}

/** @param {Pane} pane */
const placeOf = pane => ({ planes: pane.stack?.planes ?? [], index: pane.index })

const viewer = new Viewer()
viewer.start().catch(error => {
  viewer.stage.append(make('p', { className: 'notice bad', role: 'alert' }, `The viewer could not start: ${error.message}`))
  throw error
})
