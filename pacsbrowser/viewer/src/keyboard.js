// Keys: single letters do nothing while a person types or with Ctrl, Alt, Meta, and can be turned off (WCAG 2.1.4).

import { find } from './dom.js'
import { usePlace } from './presets.js'
import { pick } from './toolbar.js'

/** @type {Record<string, string>} */
const TOOLS = { s: 'scroll', w: 'window', z: 'zoom', p: 'pan', l: 'length', a: 'angle', e: 'ellipse', b: 'rectangle', o: 'probe' }
/** @type {Record<string, string>} */
const COMMANDS = {
  r: 'rotate', h: 'flip-h', v: 'flip-v', i: 'invert', 0: 'reset', ' ': 'cine', n: 'layout', m: 'mpr', y: 'link',
  x: 'lines', t: 'text', g: 'segments', k: 'key', c: 'prior', f: 'fullscreen', u: 'up', '[': 'before', ']': 'after',
}
/** Keys that are no single letters, and always work. @type {Record<string, string>} */
const ALWAYS = { '?': 'help', Delete: 'clear', Backspace: 'clear' }
/** @type {Record<string, number>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }

/** @param {import('./app.js').Viewer} viewer */
export function listenToKeys(viewer) {
  addEventListener('keydown', event => {
    const target = /** @type {Element} */ (event.target)
    if (event.ctrlKey || event.altKey || event.metaKey) return
    if (target.closest('select, textarea, dialog[open], input:not(.slice)')) return
    if (act(viewer, event.key, target)) event.preventDefault()
  })
}

/** @param {import('./app.js').Viewer} viewer @param {string} key @param {Element} target */
function act(viewer, key, target) {
  const isControl = Boolean(target.closest('a, button'))
  if (key === ' ' && isControl) return false
  if (ALWAYS[key]) return run(viewer, ALWAYS[key])
  if (key in STEPS && !target.closest('.viewer-strip')) return move(viewer, STEPS[key])
  if ((key === 'ArrowLeft' || key === 'ArrowRight') && !target.closest('.slice, .viewer-strip, [role="toolbar"]')) {
    if (viewer.planes) {
      viewer.planes.focusNext(key === 'ArrowLeft' ? -1 : 1)
      return true
    }
    const count = viewer.panes.length
    viewer.activate((viewer.active + (key === 'ArrowLeft' ? count - 1 : 1)) % count)
    viewer.pane.element.focus()
    return true
  }
  if (document.body.dataset.shortcuts === 'off') return false
  if (TOOLS[key]) {
    pick(viewer, TOOLS[key])
    return true
  }
  if (/^[1-9]$/.test(key)) {
    usePlace(viewer, Number(key))
    return true
  }
  return COMMANDS[key] ? run(viewer, COMMANDS[key]) : false
}

/** @param {import('./app.js').Viewer} viewer @param {string} name */
function run(viewer, name) {
  const button = find(`[data-do="${name}"]`)
  if (!button || !button.hidden) viewer.commands[name]?.()
  return true
}

/** @param {import('./app.js').Viewer} viewer @param {number} step */
function move(viewer, step) {
  const { pane, planes } = viewer
  if (planes) planes.goBy(step)
  else if (Number.isFinite(step)) pane.goBy(step)
  else pane.goTo(step > 0 ? (pane.stack?.pictures.length ?? 1) - 1 : 0)
  return true
}
