// The address says what is seen: each viewport's series, instance, frame and window, and the segmentation over them.
// Those of viewport 1 have plain names, those of the others their number after it.

/**
 * @typedef {{study: string, series: string, instance: string, frame: number, window: string}} View
 * @typedef {{layout: number, views: View[], segments: string}} State
 */

const LAYOUTS = [1, 2, 4]

/** @param {string} search the query of the address @param {string} study the study of the page @returns {State} */
export function readState(search, study) {
  const query = new URLSearchParams(search)
  const asked = Number(query.get('layout'))
  const layout = LAYOUTS.includes(asked) ? asked : 1
  const views = Array.from({ length: layout }, (_, at) => {
    const end = at ? String(at + 1) : ''
    const get = (/** @type {string} */ name) => query.get(name + end) ?? ''
    return {
      study: get('study') || study, series: get('series'), instance: get('instance'),
      frame: Math.max(1, Math.floor(Number(get('frame'))) || 1), window: get('window'),
    }
  })
  return { layout, views, segments: query.get('segments') ?? '' }
}

/** @param {string} search the present query, of which what is not ours is kept
 * @param {string} study @param {State} state @returns {string} */
export function writeState(search, study, { layout, views, segments }) {
  const query = new URLSearchParams()
  const holder = new URLSearchParams(search).get('holder')
  if (holder) query.set('holder', holder)
  if (layout > 1) query.set('layout', String(layout))
  views.slice(0, layout).forEach((view, at) => {
    if (!view?.series) return
    const end = at ? String(at + 1) : ''
    if (view.study !== study) query.set(`study${end}`, view.study)
    query.set(`series${end}`, view.series)
    if (view.instance) query.set(`instance${end}`, view.instance)
    if (view.frame > 1) query.set(`frame${end}`, String(view.frame))
    if (view.window) query.set(`window${end}`, view.window)
  })
  if (segments) query.set('segments', segments)
  return query.size ? `?${query}`.replaceAll('%2C', ',') : ''
}
