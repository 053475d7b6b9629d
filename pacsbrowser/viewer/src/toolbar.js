// The toolbar: one tab stop, arrows between its buttons (WAI-ARIA toolbar), and which of them are pressed.

import { find, findAll } from './dom.js'
import { usePreset } from './presets.js'
import { choose, chosenTool, useCrosshairs } from './tools.js'

/** @param {import('./app.js').Viewer} viewer */
export function listenToToolbar(viewer) {
  const bar = find('[role="toolbar"]')
  const controls = () => findAll('button, select', bar).filter(one => !one.hidden)
  controls().forEach((control, at) => { control.tabIndex = at ? -1 : 0 })
  bar.addEventListener('focusin', (/** @type {any} */ event) => {
    for (const control of controls()) control.tabIndex = control === event.target ? 0 : -1
  })
  bar.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const all = controls()
    const at = all.indexOf(/** @type {any} */ (event.target))
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    event.stopPropagation()
    all[(to + all.length) % all.length].focus()
  })
  document.addEventListener('click', event => {
    const button = /** @type {Element} */ (event.target).closest('[data-tool], [data-do]')
    if (!(button instanceof HTMLElement)) return
    if (button.dataset.tool) pick(viewer, button.dataset.tool)
    else viewer.commands[button.dataset.do ?? '']?.()
  })
  const presets = find('#preset')
  presets.addEventListener('change', () => usePreset(viewer, presets.value))
}

/** @param {import('./app.js').Viewer} viewer @param {string} tool */
export function pick(viewer, tool) {
  // a tool that is let go of in planes gives the crosshairs back
  if (viewer.planes && chosenTool() === tool) useCrosshairs()
  else choose(tool)
  showTools(viewer)
}

/** @param {import('./app.js').Viewer} viewer */
export function showTools(viewer) {
  const { pane } = viewer
  for (const button of findAll('[data-tool]')) button.setAttribute('aria-pressed', String(button.dataset.tool === chosenTool()))
  /** @type {Record<string, boolean>} */
  const pressed = {
    invert: Boolean(pane.stack && pane.viewport.getProperties()?.invert), cine: Boolean(viewer.commands.isPlaying?.()),
    mpr: Boolean(viewer.planes), link: Boolean(viewer.anchors), lines: viewer.lines,
    text: !viewer.stage.classList.contains('no-text'), segments: Boolean(viewer.segments),
    prior: viewer.panes.some(one => one.stack && one.stack.reference.study !== viewer.study),
  }
  for (const [name, is] of Object.entries(pressed)) find(`[data-do="${name}"]`)?.setAttribute('aria-pressed', String(is))
  const overlays = viewer.entries.filter(entry => entry.kind === 'segmentation' && entry.over === pane.stack?.reference.series)
  find('[data-do="segments"]').hidden = !overlays.length && !viewer.segments
  find('[data-do="key"]').hidden = !pane.stack?.pictures.some(picture => picture.slide.key)
}
