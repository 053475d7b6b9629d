// The tag browser: sequences whose items are loaded fold away and open again; a linked element opens its explanation.
// Without it a sequence is a link to its items.

/** @param {Element} row @param {string} path */
const isWithin = (row, path) => row.getAttribute('data-path')?.startsWith(`${path}/`) ?? false

/** Rows that lie inside of the sequence of this row.
 * @param {HTMLTableRowElement} row */
function inside(row) {
  const path = row.dataset.path ?? ''
  const found = []
  for (let next = row.nextElementSibling; next && isWithin(next, path); next = next.nextElementSibling) found.push(next)
  return found
}

/** Shows or hides the items of a sequence; what is folded deeper stays folded.
 * @param {HTMLTableRowElement} row @param {boolean} open */
function fold(row, open) {
  row.querySelector('.twist')?.setAttribute('aria-expanded', String(open))
  const closed = inside(row).filter(other => other.querySelector('.twist[aria-expanded="false"]'))
  for (const other of inside(row)) {
    const path = other.getAttribute('data-path') ?? ''
    const isHidden = closed.some(parent => path.startsWith(`${parent.getAttribute('data-path')}/`))
    other.toggleAttribute('hidden', !open || isHidden)
  }
}

addEventListener('click', event => {
  const twist = /** @type {Element} */ (event.target).closest('.twist[aria-expanded]')
  const row = twist?.closest('tr')
  if (!row || !inside(row).length) return
  event.preventDefault()
  fold(row, twist.getAttribute('aria-expanded') !== 'true')
}, true)

document.addEventListener('htmx:afterSwap', event => {
  const asker = /** @type {CustomEvent} */ (event).detail.requestConfig?.elt
  if (asker?.matches?.('.twist')) asker.setAttribute('aria-expanded', 'true')
})

function openTarget() {
  if (!location.hash.startsWith('#tag-')) return
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  row?.querySelector('details.explain')?.setAttribute('open', '')
}
addEventListener('hashchange', openTarget)
openTarget()
