// What the mouse and fingers do: one chosen tool for the left button and one finger, the rest always the same.

import { cache } from '@cornerstonejs/core'
import { addTool, AngleTool, annotation, CrosshairsTool, EllipticalROITool, Enums, LengthTool, PanTool, ProbeTool, RectangleROITool, ReferenceLinesTool, StackScrollTool, ToolGroupManager, utilities, WindowLevelTool, ZoomTool } from '@cornerstonejs/tools'

import { lengthLines, probeLines, regionLines } from './values.js'

const { Primary, Secondary, Auxiliary, Wheel } = Enums.MouseBindings
const ENGINE = 'viewer'

/** @type {Record<string, any>} */
const TOOLS = {
  scroll: StackScrollTool, window: WindowLevelTool, zoom: ZoomTool, pan: PanTool, length: LengthTool, angle: AngleTool,
  ellipse: EllipticalROITool, rectangle: RectangleROITool, probe: ProbeTool,
}
const MEASURES = new Set(['length', 'angle', 'ellipse', 'rectangle', 'probe'])

/** What a tool always is, whichever is chosen. @type {Record<string, any[]>} */
const ALWAYS = {
  scroll: [{ mouseButton: Wheel }], pan: [{ mouseButton: Auxiliary }],
  zoom: [{ mouseButton: Secondary }, { numTouchPoints: 2 }],
}
const CHOSEN = [{ mouseButton: Primary }, { numTouchPoints: 1 }]

const INK = {
  color: '#ffd24a', colorHighlighted: '#ffe9a8', colorSelected: '#ffe9a8', lineWidth: '1.5',
  textBoxColor: '#ffd24a', textBoxColorHighlighted: '#ffe9a8', textBoxColorSelected: '#ffe9a8',
  textBoxFontFamily: 'system-ui, sans-serif', textBoxFontSize: '13px',
}

/** @type {any} */ let stacks
/** @type {any} */ let planes
let chosen = 'window'
let isCrossing = false

/** What the tools that measure values write beside what they draw. @type {Record<string, ((found: any, data: any) => string[] | undefined) | undefined>} */
const LINES = { length: lengthLines, ellipse: regionLines, rectangle: regionLines, probe: probeLines }

/** Makes the two groups of tools: for stacks, and for planes through a volume.
 * @param {(targetId: string) => import('./dicom-json.js').Metadata | undefined} dataOf the metadata of what a tool measures */
export function makeTools(dataOf) {
  for (const tool of [...Object.values(TOOLS), ReferenceLinesTool, CrosshairsTool]) addTool(tool)
  const { style } = annotation.config
  const usual = style.getDefaultToolStyles()
  style.setDefaultToolStyles({ ...usual, global: { ...usual.global, ...INK } })
  stacks = ToolGroupManager.createToolGroup('stacks')
  planes = ToolGroupManager.createToolGroup('planes')
  for (const group of [stacks, planes]) {
    for (const [name, tool] of Object.entries(TOOLS)) {
      const lines = LINES[name]
      const getTextLines = (/** @type {any} */ data, /** @type {any} */ target) => {
        const all = [target].flat().flatMap(one => lines?.(withValue(data.cachedStats?.[one] ?? {}, one), dataOf(one)) ?? [])
        return all.length ? all : undefined
      }
      group.addTool(tool.toolName, lines ? { getTextLines } : {})
    }
  }
  stacks.addTool(ReferenceLinesTool.toolName)
  choose(matchMedia('(pointer: coarse)').matches ? 'scroll' : 'window')
}

/** A probe looks for its value in a slice of the picture that it takes for one of a volume, and finds it in the first
 * slice of a stack only. @param {any} found @param {string} targetId */
function withValue(found, targetId) {
  const image = found.index && found.value === undefined && cache.getImage(targetId.replace('imageId:', ''))
  if (!image) return found
  const pixels = image.getPixelData()
  const each = Math.max(Math.round(pixels.length / (image.rows * image.columns)), 1)
  const start = (found.index[1] * image.columns + found.index[0]) * each
  return { ...found, value: each > 1 ? [...pixels.slice(start, start + each)] : pixels[start] }
}

/** @param {string} viewportId */
export const addToTools = viewportId => stacks.addViewport(viewportId, ENGINE)

/** The tool of the left button, '' where that moves crosshairs. */
export const chosenTool = () => (isCrossing ? '' : chosen)

/** Gives the left button and one finger to a tool. @param {string} name */
export function choose(name) {
  chosen = name
  isCrossing = false
  for (const group of [stacks, planes]) {
    if (group === planes && group.hasTool(CrosshairsTool.toolName)) group.setToolPassive(CrosshairsTool.toolName)
    for (const [own, tool] of Object.entries(TOOLS)) {
      group.setToolPassive(tool.toolName, { removeAllBindings: true })
      const bindings = [...(own === name ? CHOSEN : []), ...(ALWAYS[own] ?? [])]
      if (bindings.length) group.setToolActive(tool.toolName, { bindings })
      else if (!MEASURES.has(own)) group.setToolDisabled(tool.toolName)
    }
  }
}

/** Shows where the slice of one viewport cuts the others, or not. @param {string} viewportId '' for none */
export function drawLinesOf(viewportId) {
  if (!viewportId) return stacks.setToolDisabled(ReferenceLinesTool.toolName)
  stacks.setToolConfiguration(ReferenceLinesTool.toolName, { sourceViewportId: viewportId, showFullDimension: true }, true)
  stacks.setToolEnabled(ReferenceLinesTool.toolName)
}

/** Puts crosshairs that move the planes of a volume under the left button. @param {string[]} viewportIds */
export function addCrosshairs(viewportIds) {
  for (const id of viewportIds) planes.addViewport(id, ENGINE)
  planes.addTool(CrosshairsTool.toolName, {
    getReferenceLineColor: (/** @type {string} */ id) => ({ axial: '#64d2ff', sagittal: '#ffd24a', coronal: '#7ee787' })[id] ?? '#64d2ff',
    getReferenceLineSlabThicknessControlsOn: () => false,
  })
  useCrosshairs()
}

export function useCrosshairs() {
  isCrossing = true
  for (const tool of Object.values(TOOLS)) planes.setToolPassive(tool.toolName, { removeAllBindings: true })
  for (const [name, bindings] of Object.entries(ALWAYS)) planes.setToolActive(TOOLS[name].toolName, { bindings })
  planes.setToolActive(CrosshairsTool.toolName, { bindings: CHOSEN })
}

/** @param {string[]} viewportIds */
export function removeCrosshairs(viewportIds) {
  isCrossing = false
  planes.setToolDisabled(CrosshairsTool.toolName)
  for (const id of viewportIds) planes.removeViewports(ENGINE, id)
}

/** @returns {any[]} measurements, the oldest first */
export const measurements = () => {
  const names = new Set([...MEASURES].map(name => TOOLS[name].toolName))
  return annotation.state.getAllAnnotations().filter(one => names.has(one.metadata?.toolName))
}

/** Takes away the selected measurements, else the last one. @param {boolean} [all] */
export function removeMeasurements(all = false) {
  const found = measurements()
  const selected = found.filter(one => annotation.selection.isAnnotationSelected(one.annotationUID))
  const gone = all ? found : selected.length ? selected : found.slice(-1)
  for (const one of gone) annotation.state.removeAnnotation(one.annotationUID)
  for (const group of [stacks, planes]) {
    utilities.triggerAnnotationRenderForViewportIds(group.getViewportIds())
  }
  return gone.length
}
