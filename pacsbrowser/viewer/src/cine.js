// Playing the frames of a stack one after another.

import { numbers, TAGS } from './dicom-json.js'

/** Pictures a second as the object recommends (PS3.3 C.7.6.5), else 10. @param {import('./dicom-json.js').Metadata} data */
export function rateOf(data) {
  const display = numbers(data, TAGS.displayRate)?.[0] ?? numbers(data, TAGS.cineRate)?.[0]
  const time = numbers(data, TAGS.frameTime)?.[0]
  const rate = display || (time ? 1000 / time : 0) || 10
  return Math.min(Math.max(rate, 1), 60)
}

/** Calls `step` at a rate, but never again before the last step is through; returns what stops it.
 * @param {number} rate @param {() => Promise<unknown>} step */
export function play(rate, step) {
  let [running, busy, last] = [true, false, 0]
  const tick = (/** @type {number} */ now) => {
    if (!running) return
    if (!busy && now - last >= 1000 / rate - 2) {
      [busy, last] = [true, now]
      step().catch(() => {}).finally(() => { busy = false })
    }
    requestAnimationFrame(tick)
  }
  requestAnimationFrame(tick)
  return () => { running = false }
}
