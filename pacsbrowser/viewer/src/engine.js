// Cornerstone: started once, with bounds on memory, requests and workers.

import { cache, Enums, getRenderingCapabilities, getShouldUseCPURendering, imageLoader, imageRetrievalPoolManager, init as initCore, RenderingEngine, setUseCPURendering } from '@cornerstonejs/core'
import { init as initLoader, wadors } from '@cornerstonejs/dicom-image-loader'
import { init as initTools } from '@cornerstonejs/tools'
import { headersFor } from './mend.js'
import { keepFractions } from './processor.js'
import { windowPictures } from './usual.js'

const MB = 1024 * 1024
const { RequestType } = Enums

/** Bytes of decoded pictures and volumes that are kept: an eighth of the machine's memory, 256 MB to 1 GB. */
export const CACHE_BYTES =
  Math.min(Math.max(/** @type {any} */ (navigator).deviceMemory * 128 || 512, 256), 1024) * MB

/** @returns {RenderingEngine} */
export function startEngine() {
  // to make a context of WebGL takes long, and each keeps its own copy of a volume: one serves all viewports
  initCore(/** @type {any} */ ({ rendering: { webGlContextCount: 1 } }))
  // WebGL that the processor computes draws a third as many pictures a second as the processor by itself
  if (getRenderingCapabilities().softwareRasterizer) setUseCPURendering(true)
  if (isDrawnByProcessor()) keepFractions()
  initTools()
  const cores = navigator.hardwareConcurrency || 2
  initLoader({
    maxWebWorkers: Math.min(Math.max(cores - 1, 1), 4),
    beforeSend: async (_request, imageId) => headersFor(imageId),
  })
  imageLoader.registerImageLoader('wadors', /** @type {any} */ (loadWhole))
  windowPictures()
  cache.setMaxCacheSize(CACHE_BYTES)
  // a browser opens six connections to a server: two stay free for what the person asks for next
  imageRetrievalPoolManager.setMaxSimultaneousRequests(RequestType.Interaction, 6)
  imageRetrievalPoolManager.setMaxSimultaneousRequests(RequestType.Prefetch, 4)
  return new RenderingEngine('viewer')
}

/** Loads a picture; one that a decoder makes of broken data without complaint, with no pixels or too few, is none.
 * @param {string} id @param {any} options */
function loadWhole(id, options) {
  const loading = wadors.loadImage(id, options)
  const promise = loading.promise.then((/** @type {any} */ image) => {
    const wanted = image.rows * image.columns
    if (wanted > 0 && image.getPixelData().length >= wanted) return image
    throw new Error(`Decoded to ${image.columns} × ${image.rows} and ${image.getPixelData().length} values.`)
  })
  return { ...loading, promise }
}

/** Whether the processor draws stacks of pictures, and not WebGL. */
export const isDrawnByProcessor = () => getShouldUseCPURendering()

/** Whether there is WebGL, with a graphics card or without; volumes are cut with nothing else. */
export const hasWebGL = () => getRenderingCapabilities().webgl

/** Does what makes viewports of volumes, which ask when they are made what is to draw them. @param {() => void} make */
export function withWebGL(make) {
  const wasProcessor = getShouldUseCPURendering()
  setUseCPURendering(false, false)
  try {
    make()
  } finally {
    setUseCPURendering(wasProcessor, false)
  }
}
