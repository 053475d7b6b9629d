// Palettes (PS3.3 C.7.6.3.1.5 and C.7.9.2): Cornerstone wants them as numbers, and whole.

import { bytesOf } from './bulk.js'

const COLOURS = /** @type {const} */ ([['00281101', '00281201', '00281221'], ['00281102', '00281202', '00281222'], ['00281103', '00281203', '00281223']])
const MOST = 65536

/** Puts the numbers of the palettes where Cornerstone looks for them.
 * @param {import('./dicom-json.js').Metadata} data */
export async function inlinePalettes(data) {
  for (const [descriptor, plain, segmented] of COLOURS) {
    const shape = data[descriptor]?.Value
    if (!shape) continue
    const bits = shape[2] === 8 ? 8 : 16
    if (data[segmented] && !data[plain]) {
      const words = await numbersOf(data[segmented], bits)
      data[plain] = { vr: 'OW', Value: words && expand(words, bits) }
    } else if (data[plain] && !data[plain].Value) {
      const bytes = await bytesOf(data[plain])
      data[plain].Value = bytes && [...entriesOf(bytes, shape[0] || MOST, bits)]
    }
    // none stands for 65,536 entries, which 16 bits cannot say
    if (shape[0] === 0) shape[0] = MOST
  }
}

/** Entries take two bytes each, those of 8 bits one where there are no more bytes than entries.
 * @param {Uint8Array} bytes @param {number} count @param {number} bits */
const entriesOf = (bytes, count, bits) =>
  bits === 8 && bytes.length < 2 * count ? bytes.subarray(0, count) : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)

/** @param {import('./dicom-json.js').Element} element @param {number} bits */
async function numbersOf(element, bits) {
  const bytes = await bytesOf(element)
  return bytes && bits === 16 ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1) : bytes
}

/** The entries that segments stand for: values as they are, straight lines, and copies of earlier segments.
 * @param {ArrayLike<number>} words @param {number} [bits] of an entry, which are those of a word */
export function expand(words, bits = 16) {
  /** @type {number[]} */
  const entries = []
  const wide = bits === 8 ? 4 : 2
  const offsetAt = (/** @type {number} */ at) =>
    Array.from({ length: wide }, (_, place) => words[at + place] * 2 ** (bits * place)).reduce((sum, part) => sum + part, 0)
  const read = (/** @type {number} */ from, /** @type {number} */ most, /** @type {boolean} */ isCopy) => {
    let at = from
    for (let count = 0; count < most && at + 1 < words.length && entries.length < MOST; count++) {
      const [kind, length] = [words[at], words[at + 1]]
      if (kind === 0) {
        for (let place = 0; place < length; place++) entries.push(words[at + 2 + place] ?? 0)
        at += 2 + length
      } else if (kind === 1) {
        const [start, end] = [entries[entries.length - 1] ?? 0, words[at + 2]]
        for (let place = 1; place <= length; place++) entries.push(Math.round(start + place * (end - start) / length))
        at += 3
      } else if (kind === 2 && !isCopy) {
        read(Math.floor(offsetAt(at + 2) / (bits / 8)), length, true)
        at += 2 + wide
      } else return
    }
  }
  read(0, Infinity, false)
  return entries.slice(0, MOST)
}
