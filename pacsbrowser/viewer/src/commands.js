// What buttons and keys do.

import { play, rateOf } from './cine.js'
import { find, say } from './dom.js'
import { Planes, whyNoPlanes } from './mpr.js'
import { mostAlike } from './order.js'
import { download, pictureOf } from './picture.js'
import { removeMeasurements } from './tools.js'

const LAYOUTS = [1, 2, 4]

/** @param {import('./app.js').Viewer} viewer @returns {Record<string, (...args: any[]) => any>} */
export function makeCommands(viewer) {
  /** @type {(() => void) | null} */
  let stop = null
  let before = 1

  const turn = (/** @type {(viewport: any) => void} */ change) => () => {
    const { viewport, stack } = viewer.pane
    if (!stack || viewer.planes) return
    change(viewport)
    viewport.render()
    viewer.pane.redraw()
    viewer.refresh()
  }

  const openNext = (/** @type {number} */ step) => {
    const shown = viewer.entries.filter(entry => entry.kind === 'images')
    const at = shown.findIndex(entry => entry.series === viewer.pane.stack?.reference.series)
    const next = shown[at + step]
    if (next) viewer.open(next)
  }

  return {
    rotate: turn(viewport => viewport.setViewPresentation({ rotation: (viewport.getRotation() + 90) % 360 })),
    'flip-h': turn(viewport => viewport.setCamera({ flipHorizontal: !viewport.getCamera().flipHorizontal })),
    'flip-v': turn(viewport => viewport.setCamera({ flipVertical: !viewport.getCamera().flipVertical })),
    invert: turn(viewport => viewport.setProperties({ invert: !viewport.getProperties().invert })),

    reset() {
      if (viewer.planes) return viewer.planes.reset()
      const { viewport, stack } = viewer.pane
      if (!stack) return
      viewport.setCamera({ flipHorizontal: false, flipVertical: false })
      viewport.resetCamera()
      viewport.setViewPresentation({ rotation: 0 })
      viewer.pane.resetWindow()
      viewer.refresh()
    },

    isPlaying: () => Boolean(stop),
    cine() {
      const { pane } = viewer
      if (stop) stop()
      stop = stop || (pane.stack?.pictures.length ?? 0) < 2 ? null : play(rateOf(pane.data ?? {}), () => pane.goBy(1, true))
      viewer.refresh()
    },

    layout() { viewer.setLayout(LAYOUTS[(LAYOUTS.indexOf(viewer.panes.length) + 1) % LAYOUTS.length]) },
    single() {
      if (viewer.planes) return
      if (viewer.panes.length > 1) {
        before = viewer.panes.length
        const { stack, index } = viewer.pane
        viewer.setLayout(1)
        if (stack && viewer.pane.stack !== stack) viewer.pane.show(stack, index)
      } else if (before > 1) viewer.setLayout(before)
    },

    async mpr() {
      if (viewer.planes) {
        viewer.planes.close()
        viewer.planes = null
        viewer.stage.classList.remove('cut')
        viewer.setLayout(viewer.panes.length)
        return viewer.refresh()
      }
      const { stack, viewport } = viewer.pane
      if (!stack) return
      await stack.loadAll()
      const why = whyNoPlanes(stack, viewport.getCornerstoneImage())
      if (why) return tell(why)
      if (stop) this.cine()
      viewer.stage.classList.add('cut')
      viewer.planes = new Planes(viewer.engine, viewer.stage)
      viewer.refresh()
      await viewer.planes.open(stack, viewport.getProperties())
      viewer.refresh()
    },

    link() {
      if (viewer.anchors) viewer.unlink()
      else viewer.link()
      say(viewer.anchors ? 'Viewports scroll together' : 'Viewports scroll alone')
      viewer.refresh()
    },
    lines() {
      viewer.lines = !viewer.lines
      viewer.showLines()
      viewer.refresh()
    },
    text() {
      viewer.stage.classList.toggle('no-text')
      viewer.refresh()
    },

    segments() {
      const series = viewer.pane.stack?.reference.series
      const overlay = viewer.entries.find(entry => entry.kind === 'segmentation' && entry.over === series)
      return viewer.showSegments(viewer.segments ? null : overlay ?? null)
    },

    key() {
      const { pane } = viewer
      const keys = pane.stack?.pictures.map((picture, at) => (picture.slide.key ? at : -1)).filter(at => at >= 0) ?? []
      if (keys.length) pane.goTo(keys.find(at => at > pane.index) ?? keys[0])
    },

    async prior() {
      const own = viewer.entries.find(entry => entry.series === viewer.panes[0].stack?.reference.series)
      if (viewer.panes.some(pane => pane.stack && pane.stack.reference.study !== viewer.study)) {
        viewer.setLayout(1)
        return viewer.refresh()
      }
      const other = own && mostAlike(own, viewer.entries.filter(entry => entry.kind === 'images'))
      if (!other) return tell('There is no earlier study with pictures.')
      if (viewer.panes.length < 2) viewer.setLayout(2)
      await viewer.open(other, viewer.panes[1])
      if (!viewer.anchors) this.link()
    },

    before: () => openNext(-1),
    after: () => openNext(1),
    clear() {
      const count = removeMeasurements()
      say(count ? `${count} measurement${count > 1 ? 's' : ''} taken away` : 'There is no measurement')
    },

    async png() {
      const section = find('.viewport.plane:focus-within') ?? (viewer.planes ? find('.viewport.plane') : viewer.pane.section)
      download(await pictureOf(section), `${viewer.pane.stack?.reference.modality || 'picture'}-${viewer.pane.index + 1}.png`)
      say('Saved')
    },
    async copy() {
      await navigator.clipboard?.writeText(location.href).then(() => say('Copied'), () => say('The browser did not allow copying'))
    },
    fullscreen() {
      if (document.fullscreenElement) document.exitFullscreen()
      else document.documentElement.requestFullscreen?.().catch(() => say('The browser did not allow full screen'))
    },
    help: () => find('#shortcuts').showModal(),
    up: () => find('#up').click(),
  }

  /** @param {string} why */
  function tell(why) {
    viewer.pane.hint(why)
    say(why)
  }
}
