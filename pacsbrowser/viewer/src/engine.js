// Cornerstone: started once, with bounds on memory, requests and workers.

import { cache, Enums, getShouldUseCPURendering, imageRetrievalPoolManager, init as initCore, RenderingEngine } from '@cornerstonejs/core'
import { init as initLoader } from '@cornerstonejs/dicom-image-loader'
import { init as initTools } from '@cornerstonejs/tools'
import { headersFor } from './mend.js'
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
  initTools()
  const cores = navigator.hardwareConcurrency || 2
  initLoader({
    maxWebWorkers: Math.min(Math.max(cores - 1, 1), 4),
    beforeSend: async (_request, imageId) => headersFor(imageId),
  })
  windowPictures()
  cache.setMaxCacheSize(CACHE_BYTES)
  // a browser opens six connections to a server: two stay free for what the person asks for next
  imageRetrievalPoolManager.setMaxSimultaneousRequests(RequestType.Interaction, 6)
  imageRetrievalPoolManager.setMaxSimultaneousRequests(RequestType.Prefetch, 4)
  return new RenderingEngine('viewer')
}

/** Whether pictures are drawn with WebGL; without it they are drawn by the processor, and volumes cannot be cut. */
export const hasWebGL = () => !getShouldUseCPURendering()
