// Orders: of slices to fetch ahead around the one that is seen, and of series when one is looked for beside another.

/** Indices around `index`, the nearest first, those ahead before those behind, `limit` at most, `index` not among them.
 * @param {number} index @param {number} length @param {number} limit @param {number} [direction] 1 or -1 */
export function around(index, length, limit, direction = 1) {
  const found = []
  for (let step = 1; step < length && found.length < limit; step++) {
    for (const at of [index + direction * step, index - direction * step]) {
      if (at >= 0 && at < length && found.length < limit) found.push(at)
    }
  }
  return found
}

/** How many pictures fit into a part of the cache. @param {number} bytes @param {number} each bytes of one picture */
export const fitting = (bytes, each) => Math.max(4, Math.floor(bytes / Math.max(each, 1)))

/**
 * @typedef {{study: string, modality: string, description: string, date: string, count: number}} Candidate
 */

/** The series of another study that is most like one: modality first, then words of the description, then how recent.
 * @template {Candidate} C @param {Candidate} series @param {C[]} candidates @returns {C | undefined} */
export function mostAlike(series, candidates) {
  const words = new Set(series.description.toLowerCase().split(/\W+/).filter(Boolean))
  const score = (/** @type {Candidate} */ one) => {
    const common = one.description.toLowerCase().split(/\W+/).filter(word => words.has(word)).length
    return (one.modality === series.modality ? 100 : 0) + 10 * common + (one.count > 1 === series.count > 1 ? 5 : 0)
  }
  return candidates
    .filter(one => one.study !== series.study)
    .sort((a, b) => score(b) - score(a) || b.date.localeCompare(a.date))[0]
}
