// Stacks drawn by the processor: Cornerstone's way of it, put right where it is not what WebGL shows.

import { Enums, eventTarget } from '@cornerstonejs/core'
import { add } from './geometry.js'
import { greysOf, paintGreys } from './greys.js'
import { transformOf } from './layer.js'
import { rangeOf } from './windows.js'

/** Lets the values of pictures be what they are: Cornerstone would make whole numbers of fractions, also for those who
 * measure or cut them, unless it is told that they are rescaled already. */
export function keepFractions() {
  eventTarget.addEventListener(Enums.Events.IMAGE_LOADED, (/** @type {any} */ { detail: { image } }) => {
    if (!(image.getPixelData() instanceof Float32Array)) return
    image.preScale = { ...image.preScale, scalingParameters: { ...image.preScale?.scalingParameters, rescaleSlope: 1, rescaleIntercept: 0 } }
  })
}

/** Puts a new viewport right. @param {any} viewport */
export function putRight(viewport) {
  placePixels(viewport)
  keepCamera(viewport)
  keepWindow(viewport)
  const drawColours = viewport.customRenderViewportToCanvas
  /** @type {any} */ let before
  viewport.customRenderViewportToCanvas = () => {
    const image = viewport.getCornerstoneImage()
    // a picture of another shape than the last would be drawn as if it had that one's
    if (image && before && shapeOf(image) !== shapeOf(before)) viewport.resetCamera()
    if (image && image !== before) viewport.takeWindow(image)
    before = image
    if (!image || image.color) return drawColours()
    drawGreys(viewport, image)
    const { canvas, element, id: viewportId, renderingEngineId, viewportStatus } = viewport
    return { canvas, element, viewportId, renderingEngineId, viewportStatus }
  }
}

/** @param {any} image */
const shapeOf = ({ columns, rows, columnPixelSpacing, rowPixelSpacing }) =>
  [columns, rows, columnPixelSpacing, rowPixelSpacing].join()

/** A pixel lies around its place and does not begin there, and canvases here have the size that the page says, whatever
 * the display is. @param {any} viewport */
function placePixels(viewport) {
  const { canvasToWorld, worldToCanvas } = viewport
  const moved = (/** @type {any} */ point, /** @type {number} */ pixels) => {
    const { direction, spacing } = viewport.getImageData()
    return add(add(point, direction.slice(0, 3), pixels * spacing[0]), direction.slice(3, 6), pixels * spacing[1])
  }
  const times = (/** @type {number[]} */ point, /** @type {number} */ factor) => point.map(part => part * factor)
  // tools ask a viewport without a picture as well
  viewport.canvasToWorld = (/** @type {number[]} */ point) =>
    (viewport.getImageData() ? moved(canvasToWorld(times(point, 1 / devicePixelRatio)), -0.5) : [0, 0, 0])
  viewport.worldToCanvas = (/** @type {number[]} */ place) =>
    (viewport.getImageData() ? times(worldToCanvas(moved(place, 0.5)), devicePixelRatio) : [0, 0])
}

const NO_CAMERA = { viewPlaneNormal: [0, 0, -1], viewUp: [0, -1, 0], focalPoint: [0, 0, 0], position: [0, 0, 0], parallelScale: 1 }

/** The zoom is 1 where all of a picture is seen, pixels need not be square, and what is mirrored stays so.
 * @param {any} viewport */
function keepCamera(viewport) {
  const [getCamera, getZoom, setZoom, resetCamera, setCamera] = ['getCamera', 'getZoom', 'setZoom', 'resetCamera', 'setCamera'].map(name => viewport[name].bind(viewport))
  const fit = () => {
    const { columns, rows, columnPixelSpacing: wide, rowPixelSpacing: high } = viewport.getCornerstoneImage()
    const least = Math.min(wide || 1, high || 1)
    const { width, height } = viewport.canvas
    return Math.min(width / (columns * (wide || 1) / least), height / (rows * (high || 1) / least))
  }
  viewport.getCamera = () => (viewport.getImageData() ? getCamera() : { ...NO_CAMERA })
  viewport.getZoom = () => getZoom() / fit()
  viewport.setZoom = (/** @type {number} */ zoom) => setZoom(zoom * fit())
  viewport.setCamera = (/** @type {any} */ camera) => {
    if (!viewport.getImageData()) return
    const { columnPixelSpacing: wide, rowPixelSpacing: high } = viewport.getCornerstoneImage()
    const { parallelScale } = camera
    const isShaped = parallelScale && !camera.scale && high > wide
    setCamera(isShaped ? { ...camera, parallelScale: parallelScale * high / wide } : camera)
  }
  viewport.resetCamera = (/** @type {any} */ options) => {
    const image = viewport.getCornerstoneImage()
    if (!image || !viewport.getImageData()) return true
    resetCamera(options)
    const middle = viewport.getImageData().imageData.indexToWorld([(image.columns - 1) / 2, (image.rows - 1) / 2, 0], [0, 0, 0])
    const { flipHorizontal = false, flipVertical = false } = viewport
    viewport.setCamera({ focalPoint: middle })
    viewport.setCamera({ flipHorizontal, flipVertical })
    return true
  }
}

/** A window that somebody chose holds for all pictures of a stack, else each has its own; and MONOCHROME1 is inverted.
 * @param {any} viewport */
function keepWindow(viewport) {
  /** @type {import('./windows.js').Range | null} */
  let chosen = null
  const [setProperties, resetProperties, setStack] = ['setProperties', 'resetProperties', 'setStack'].map(name => viewport[name].bind(viewport))
  const asStored = () => viewport.setInvertColor(Boolean(viewport.getCornerstoneImage()?.invert))
  viewport.setProperties = (/** @type {any} */ properties, /** @type {any[]} */ ...rest) => {
    chosen = properties.voiRange ?? chosen
    setProperties(properties, ...rest)
  }
  viewport.resetProperties = () => {
    chosen = null
    resetProperties()
    viewport.takeWindow(viewport.getCornerstoneImage())
    asStored()
  }
  viewport.setStack = async (/** @type {any[]} */ ...stack) => {
    chosen = null
    const shown = await setStack(...stack)
    viewport.takeWindow(viewport.getCornerstoneImage())
    asStored()
    return shown
  }
  viewport.takeWindow = (/** @type {any} */ { color, windowCenter, windowWidth }) => {
    const own = rangeOf({ center: [windowCenter].flat()[0], width: [windowWidth].flat()[0] })
    if (!color) viewport.setVOI(chosen ?? own, { suppressEvents: true })
  }
}

/** @param {any} viewport @param {any} image */
function drawGreys(viewport, image) {
  const { canvas } = viewport
  const { voiRange, invert, VOILUTFunction } = viewport.getProperties()
  const { imageData } = viewport.getImageData()
  const picture = paintGreys(viewport.picture ??= document.createElement('canvas'), image, greysOf({ ...voiRange, invert, isSigmoid: VOILUTFunction === 'SIGMOID' }))
  const [start, right, below] = [[0, 0, 0], [1, 0, 0], [0, 1, 0]].map(index => viewport.worldToCanvas(imageData.indexToWorld(index, [0, 0, 0])))
  const context = canvas.getContext('2d')
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.fillStyle = '#000'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.setTransform(...transformOf(start, right, below))
  context.drawImage(picture, 0, 0)
}
