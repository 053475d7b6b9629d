// Asks for what the first viewport will show while the rest of the viewer is still on its way.

/** @type {Map<string, Promise<any>>} */
const asked = new Map()

/** JSON of an address; of one that was asked for early, the answer to that. @param {string} url @returns {Promise<any>} */
export function getJson(url) {
  const early = asked.get(url)
  asked.delete(url)
  return early ?? request(url)
}

/** The address of a series. Where patients share its study's UID, the page says whose it is, and so does the address.
 * @param {string} dicomweb @param {{stack: string, study: string, series: string}} reference */
export function seriesRoot(dicomweb, { stack, study, series }) {
  const holder = new URLSearchParams(stack.split('?')[1]).get('holder')
  return `${dicomweb}${holder ? `/holders/${holder}` : ''}/studies/${study}/series/${series}`
}

/** @param {string} url */
async function request(url) {
  const response = await fetch(url, { headers: { Accept: 'application/dicom+json, application/json' } })
  if (response.ok) return response.json()
  const { detail } = await response.json().catch(() => ({}))
  throw Object.assign(new Error(detail || String(response.status)), { status: response.status, detail })
}

/** @param {string} url */
function ask(url) {
  const answer = request(url)
  // whoever takes the answer sees the failure
  answer.catch(() => {})
  asked.set(url, answer)
  return answer
}

/** The series that the page says is current, and of it the instance that the address names. */
async function start() {
  const link = /** @type {HTMLElement | null} */ (document.querySelector('.viewer-strip a[aria-current][data-kind="images"]'))
  const { stack, study, series } = link?.dataset ?? {}
  if (!stack) return
  const { instances } = await ask(stack)
  const pictured = instances.filter((/** @type {any} */ one) => one.pixels)
  const named = new URLSearchParams(location.search).get('instance')
  const first = pictured.find((/** @type {any} */ one) => one.uid === named) ?? pictured[0]
  const root = seriesRoot(document.body.dataset.dicomweb ?? '', { stack, study: study ?? '', series: series ?? '' })
  if (first) ask(`${root}/instances/${first.uid}/metadata`)
}

if (typeof document !== 'undefined') start().catch(() => {})
