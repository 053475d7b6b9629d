// The window of a picture that brings none: the same that the server takes, so that both draw the same picture.

import { Enums, eventTarget } from '@cornerstonejs/core'
import { wadors } from '@cornerstonejs/dicom-image-loader'
import { numbers, TAGS } from './dicom-json.js'
import { extentOf } from './mend.js'
import { ownWindows, usualRange, windowOf } from './windows.js'

/** Gives each picture that is loaded without a window the usual one. */
export function windowPictures() {
  eventTarget.addEventListener(Enums.Events.IMAGE_LOADED, (/** @type {any} */ event) => {
    const { image } = event.detail
    const data = /** @type {any} */ (wadors.metaDataManager.get(image.imageId))
    if (!data || image.color || hasWindow(data)) return
    const { center, width } = windowOf(usualRange(data, () => rescaledExtent(image, data)))
    Object.assign(image, { windowCenter: center, windowWidth: width, voiLUTFunction: 'LINEAR' })
  })
}

/** The smallest and the largest value of a picture after rescaling, without what pads it.
 * @param {any} image @param {import('./dicom-json.js').Metadata | undefined} data of its frame */
export function rescaledExtent(image, data) {
  const first = (/** @type {string} */ tag) => numbers(data, tag)?.[0]
  const [slope, intercept] = [first(TAGS.slope) ?? 1, first(TAGS.intercept) ?? 0]
  const rescale = (/** @type {number} */ value) => value * slope + intercept
  const isScaled = Boolean(image.preScale?.scaled)
  const how = { padding: first(TAGS.padding), limit: first(TAGS.paddingLimit), scale: isScaled ? rescale : Number }
  const pixels = image.getPixelData()
  // where all is padding, that is the picture
  const found = extentOf(pixels, how) ?? extentOf(pixels, { scale: Number }) ?? { min: 0, max: 1 }
  return isScaled ? found : { min: rescale(found.min), max: rescale(found.max) }
}

/** @param {import('./dicom-json.js').Metadata} data */
const hasWindow = data => ownWindows(data).length > 0 || Boolean(data['00283010']?.Value?.length)
