// The text over a picture: who, what, where, which window; and the letters of the patient's sides.

import { dateText, numbers, personName, TAGS, text, timeText, values } from './dicom-json.js'
import { add, letters, opposite } from './geometry.js'
import { shown } from './windows.js'

/** @typedef {import('./dicom-json.js').Metadata} Metadata */

/** Lines for the four corners.
 * @param {{data: Metadata, index: number, count: number, window: import('./windows.js').Window | null, zoom: number,
 *   note: string, plane: import('./geometry.js').Plane | null, frame: number, frames: number}} seen */
export function corners({ data, index, count, window, zoom, note, plane, frame, frames }) {
  const number = text(data, TAGS.instanceNumber)
  const kvp = numbers(data, TAGS.kvp)?.[0]
  const current = numbers(data, TAGS.current)?.[0]
  return {
    tl: [personName(data, TAGS.patientName) || '(no name)', text(data, TAGS.studyDescription),
      [dateText(text(data, TAGS.studyDate)), timeText(text(data, TAGS.studyTime))].filter(Boolean).join(' ')],
    tr: [[`Series ${text(data, TAGS.seriesNumber) || 'without number'}`, text(data, TAGS.seriesDescription)]
      .filter(Boolean).join(', '), text(data, TAGS.institution), note],
    bl: [[number && `Instance ${number}`, frames > 1 && `frame ${frame}`, `${index + 1} of ${count}`]
      .filter(Boolean).join(', '), where(plane)],
    br: [window ? `W ${shown(window.width)} L ${shown(window.center)}` : '', `Zoom ${zoom.toFixed(1)} ×`,
      [kvp && `${shown(kvp)} kV`, current && `${shown(current)} mA`].filter(Boolean).join(' ')],
  }
}

/** @param {import('./geometry.js').Plane | null} plane */
function where(plane) {
  if (!plane) return ''
  const main = plane.normal.map(Math.abs)
  const axis = main.indexOf(Math.max(...main))
  const place = `${'xyz'[axis]} ${plane.position[axis].toFixed(1).replace('-', '−')} mm`
  return plane.thickness ? `${place}, ${Number(plane.thickness.toFixed(2))} mm thick` : place
}

/** The letters at the top, right, bottom and left side of a viewport, by where its corners are in the patient.
 * @param {any} viewport @param {Metadata} data @param {boolean} hasPlane */
export function sides(viewport, data, hasPlane) {
  const { clientWidth: width, clientHeight: height } = viewport.element
  const middle = viewport.canvasToWorld([width / 2, height / 2])
  const right = unit(add(viewport.canvasToWorld([width / 2 + 50, height / 2]), middle, -1))
  const down = unit(add(viewport.canvasToWorld([width / 2, height / 2 + 50]), middle, -1))
  const name = hasPlane ? letters : (/** @type {any} */ direction) => ofProjection(direction, data)
  const [east, south] = [name(right), name(down)]
  return { n: opposite(south), e: east, s: south, w: opposite(east) }
}

/** Projections name the directions of their rows and columns (PS3.3 C.7.6.1.1.1).
 * @param {number[]} direction @param {Metadata} data */
function ofProjection(direction, data) {
  const [row = '', column = ''] = values(data, TAGS.patientOrientation).map(String)
  if (Math.abs(direction[0]) > 0.9) return direction[0] > 0 ? row : opposite(row)
  if (Math.abs(direction[1]) > 0.9) return direction[1] > 0 ? column : opposite(column)
  return ''
}

/** @param {number[]} vector @returns {any} */
const unit = vector => {
  const length = Math.hypot(...vector) || 1
  return vector.map(part => part / length)
}
