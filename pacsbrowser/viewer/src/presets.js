// The list of windows for what a viewport shows: those that the object brings, those of its modality, the whole range.

import { find, findAll, make } from './dom.js'
import { ownWindows, presetRange, shown, windowText } from './windows.js'

const list = find('#preset')
const all = findAll('option', find('#presets').content)
let listed = ''

/** @param {import('./pane.js').Pane} pane */
export function listPresets(pane) {
  const modality = pane.stack?.reference.modality ?? ''
  const own = pane.data ? ownWindows(pane.data) : []
  const key = JSON.stringify([modality, own, pane.isColour])
  if (key === listed) return
  listed = key
  const brought = own.map(({ name, window }) => make('option', { value: windowText(window) }, describe(name, window)))
  const usual = all.filter(option => ['', modality].includes(option.dataset.modality)).map(option => {
    const copy = option.cloneNode(true)
    const [center, width] = copy.value.split(',').map(Number)
    if (width && !copy.value.startsWith('part:')) copy.textContent = describe(copy.textContent, { center, width })
    return copy
  })
  list.replaceChildren(make('option', { value: '' }, 'Window …'), ...brought, ...usual)
  list.disabled = pane.isColour
}

/** @param {string} name @param {import('./windows.js').Window} window */
const describe = (name, { center, width }) =>
  Number.isFinite(center) ? `${name} ${shown(center)} / ${shown(width)}` : name

/** @param {import('./app.js').Viewer} viewer @param {string} value */
export function usePreset(viewer, value) {
  const range = value && presetRange(value, viewer.pane.extent)
  if (range) viewer.setWindow(range)
}

/** The nth window of the list, from 1. @param {import('./app.js').Viewer} viewer @param {number} place */
export function usePlace(viewer, place) {
  const option = list.options[place]
  if (!option || list.disabled) return
  list.value = option.value
  usePreset(viewer, option.value)
}
