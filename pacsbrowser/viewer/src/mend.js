// What real objects lack or say wrongly, put right before Cornerstone reads it. The files stay as they are.

import { numbers, TAGS, text, values } from './dicom-json.js'
import { inlinePalettes } from './palette.js'

/** @param {import('./dicom-json.js').Metadata} data */
export async function mend(data) {
  // its metadata provider reads the modality without looking whether there is one
  if (!values(data, TAGS.modality).length) data[TAGS.modality] = { vr: 'CS', Value: ['OT'] }
  // a pixel has some size, or none is known
  const spacing = numbers(data, TAGS.spacing, 2)
  if (data[TAGS.spacing] && (!spacing || spacing.some(one => one <= 0))) delete data[TAGS.spacing]
  shapePixels(data)
  await inlinePalettes(data)
}

/** Pixels of unknown size may still have a shape (PS3.3 C.7.6.3.1.7): the size of one across is taken as 1, and nothing
 * is said in millimetres. @param {import('./dicom-json.js').Metadata} data */
function shapePixels(data) {
  const [high, wide] = numbers(data, TAGS.aspect, 2) ?? [1, 1]
  if (data[TAGS.spacing] || data['00181164'] || data['00186011'] || !(high > 0 && wide > 0) || high === wide) return
  data[TAGS.spacing] = { vr: 'DS', Value: [high / wide, 1], isShape: true }
}

/** Instances, by address, whose frames the server has to decode. @type {Set<string>} */
const decodedByServer = new Set()
const JPEG = new Set(['1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51'])
const RLE = '1.2.840.10008.1.2.5'
const NATIVE = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'

/** JPEG that says RGB may hold colours that were transformed or not, which the browser's decoder does not find out, and
 * that of RLE takes no more than 16 bits.
 * @param {import('./dicom-json.js').Metadata} data @param {string} address of the instance */
export function noteDecoding(data, address) {
  const syntax = text(data, '00083002')
  const isWide = (numbers(data, TAGS.allocated)?.[0] ?? 8) > 16
  if ((text(data, TAGS.photometric) === 'RGB' && JPEG.has(syntax)) || (syntax === RLE && isWide)) decodedByServer.add(address)
}

/** Whether the browser has no way to show colours like these: with a profile of their own, of more than 8 bits, or halved
 * across and not compressed. The server draws them, and what it draws is shown like any other picture.
 * @param {import('./dicom-json.js').Metadata} data */
export function isDrawnByServer(data) {
  const photometric = text(data, TAGS.photometric)
  if (photometric.startsWith('MONOCHROME')) return false
  if (data[TAGS.profile]) return true
  if ((numbers(data, TAGS.samples)?.[0] ?? 1) < 3) return false
  const isNative = !text(data, '00083002').startsWith('1.2.840.10008.1.2.4.')
  return (numbers(data, TAGS.allocated)?.[0] ?? 8) > 8 || (isNative && /_42[02]$/.test(photometric))
}

/** Says of an object what is true of its pictures as the server draws them: RGB of 8 bits.
 * @param {import('./dicom-json.js').Metadata} data */
export function asDrawn(data) {
  const numbered = { '00280002': 3, '00280006': 0, '00280100': 8, '00280101': 8, '00280102': 7, '00280103': 0 }
  for (const [tag, value] of Object.entries(numbered)) data[tag] = { vr: 'US', Value: [value] }
  data[TAGS.photometric] = { vr: 'CS', Value: ['RGB'] }
}

/** The headers to ask for a frame with, beyond the usual ones. @param {string} imageId @returns {Record<string, string>} */
export const headersFor = imageId => {
  if (imageId.includes('/rendered')) return { Accept: 'image/jpeg' }
  const [address] = imageId.replace('wadors:', '').split('/frames/')
  return decodedByServer.has(address) ? { Accept: NATIVE } : {}
}

/** The smallest and largest value of a picture, leaving out what pads it (PS3.3 C.7.5.1.1.2).
 * @param {ArrayLike<number>} pixels @param {{padding?: number, limit?: number, scale: (value: number) => number}} how */
export function extentOf(pixels, { padding, limit = padding, scale }) {
  const pads = padding === undefined ? null : [padding, limit ?? padding].map(scale).sort((a, b) => a - b)
  let [min, max] = [Infinity, -Infinity]
  for (let at = 0; at < pixels.length; at++) {
    const value = pixels[at]
    if (pads && value >= pads[0] && value <= pads[1]) continue
    if (value < min) min = value
    if (value > max) max = value
  }
  return min > max ? null : { min, max }
}
