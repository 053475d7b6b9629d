// Saving what a viewport shows as a PNG: the picture, the segments, the measurements and the text, as they are seen.

import { find, findAll, make } from './dom.js'

/** @param {HTMLElement} section a viewport @returns {Promise<Blob>} */
export async function pictureOf(section) {
  const area = section.getBoundingClientRect()
  const scale = devicePixelRatio || 1
  const canvas = make('canvas', { width: Math.round(area.width * scale), height: Math.round(area.height * scale) })
  const context = canvas.getContext('2d')
  context.scale(scale, scale)
  context.fillStyle = '#000'
  context.fillRect(0, 0, area.width, area.height)
  for (const part of findAll('canvas', section)) {
    const box = part.getBoundingClientRect()
    if (part.width && box.width) context.drawImage(part, box.x - area.x, box.y - area.y, box.width, box.height)
  }
  const marks = find('svg.svg-layer', section)
  if (marks) await drawMarks(context, marks, area)
  for (const corner of findAll('.ov, .orient', section)) drawText(context, corner, area)
  return new Promise((resolve, reject) =>
    canvas.toBlob((/** @type {Blob | null} */ blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png'))
}

/** @param {CanvasRenderingContext2D} context @param {SVGElement} marks @param {DOMRect} area */
async function drawMarks(context, marks, area) {
  const copy = /** @type {SVGElement} */ (marks.cloneNode(true))
  copy.setAttribute('width', String(area.width))
  copy.setAttribute('height', String(area.height))
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const image = new Image()
  image.src = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }))
  await image.decode().then(() => context.drawImage(image, 0, 0), () => {})
  URL.revokeObjectURL(image.src)
}

/** @param {CanvasRenderingContext2D} context @param {HTMLElement} element @param {DOMRect} area */
function drawText(context, element, area) {
  const style = getComputedStyle(element)
  if (style.display === 'none' || style.visibility === 'hidden') return
  const box = element.getBoundingClientRect()
  const height = parseFloat(style.lineHeight) || 1.35 * parseFloat(style.fontSize)
  const isEnd = ['end', 'right'].includes(style.textAlign)
  const isMiddle = style.textAlign === 'center'
  Object.assign(context, {
    fillStyle: '#e8ebef', font: `${style.fontWeight} ${style.fontSize} system-ui, sans-serif`,
    textBaseline: 'middle', textAlign: isMiddle ? 'center' : isEnd ? 'right' : 'left',
  })
  const x = box.x - area.x + (isMiddle ? box.width / 2 : isEnd ? box.width : 0)
  element.innerText.split('\n').forEach((line, at) => context.fillText(line, x, box.y - area.y + (at + 0.5) * height))
}

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = make('a', { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
