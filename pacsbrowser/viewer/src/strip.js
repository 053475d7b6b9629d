// The strip of series: what the page lists is what can be opened.

import { findAll } from './dom.js'

/**
 * @typedef {import('./stack.js').Reference & {kind: string, date: string, over: string, description: string,
 *   count: number, link: HTMLAnchorElement}} Entry
 */

/** @returns {Entry[]} */
export const readStrip = () => findAll('.viewer-strip a[data-series]').map(link => ({
  study: link.dataset.study, series: link.dataset.series, stack: link.dataset.stack, modality: link.dataset.modality,
  kind: link.dataset.kind, date: link.dataset.date, over: link.dataset.over, description: link.title,
  count: Number((link.querySelector('.over')?.textContent ?? '0').replaceAll(',', '')), link,
}))

/** Marks the series that are seen. @param {Entry[]} entries @param {{study: string, series: string}[]} seen @param {string} active */
export function markSeen(entries, seen, active) {
  for (const entry of entries) {
    const is = seen.some(one => one.series === entry.series && one.study === entry.study)
    if (entry.series === active) entry.link.setAttribute('aria-current', 'true')
    else entry.link.removeAttribute('aria-current')
    entry.link.classList.toggle('seen', is)
  }
}
