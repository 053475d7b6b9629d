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
  await inlinePalettes(data)
}

/** Instances, by address, whose frames the server has to decode. @type {Set<string>} */
const decodedByServer = new Set()
const JPEG = new Set(['1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51'])
const NATIVE = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'

/** JPEG that says RGB may hold colours that were transformed or not, which the browser's decoder does not find out.
 * @param {import('./dicom-json.js').Metadata} data @param {string} address of the instance */
export function noteDecoding(data, address) {
  if (text(data, TAGS.photometric) === 'RGB' && JPEG.has(text(data, '00083002'))) decodedByServer.add(address)
}

/** The headers to ask for a frame with, beyond the usual ones. @param {string} imageId @returns {Record<string, string>} */
export const headersFor = imageId => {
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
