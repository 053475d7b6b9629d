// Picking rows of a list: ranges, all on the page, and what was picked on other pages of it, kept for this tab.
// What is kept are keys of rows, never anything about a patient. Without this, the check boxes of one page work.

const form = () => /** @type {HTMLFormElement | null} */ (document.querySelector('#selection'))
const boxes = () => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('.pick input[name="pick"]')])

/** The keys that are picked, of this page and of others. @type {Set<string>} */
let picked = new Set()
/** @type {HTMLInputElement | null} */
let last = null

/** @param {HTMLElement} element @param {string} [list] */
const place = (element, list = element.dataset.list) => `picked:${element.dataset.user}:${list}`

/** @param {HTMLFormElement} own */
function read(own) {
  try {
    picked = new Set((sessionStorage.getItem(place(own)) ?? '').split(',').filter(Boolean))
  } catch {
    // a browser that keeps nothing
  }
}

/** @param {HTMLFormElement} own */
function keep(own) {
  try {
    if (picked.size) sessionStorage.setItem(place(own), [...picked].join(','))
    else sessionStorage.removeItem(place(own))
  } catch {
    // the form still has what is picked
  }
}

/** @param {number} number @param {HTMLFormElement} own */
const counted = (number, own) =>
  `${number.toLocaleString('en')} ${number === 1 ? own.dataset.noun : own.dataset.nouns}`

/** Show what is picked: in the boxes, in the form, in words. */
function show() {
  const own = form()
  if (!own) return
  const here = boxes()
  for (const box of here) box.checked = picked.has(box.value)
  const shown = new Set(here.map(box => box.value))
  const elsewhere = [...picked].filter(key => !shown.has(key))
  const field = /** @type {HTMLInputElement} */ (own.elements.namedItem('elsewhere'))
  field.value = elsewhere.join(',')
  own.toggleAttribute('data-elsewhere', elsewhere.length > 0)
  const whole = here.length > 0 && elsewhere.length + here.length === picked.size
  for (const all of document.querySelectorAll('[data-pick-all]')) {
    /** @type {HTMLElement} */ (all).hidden = !here.length
    if (all instanceof HTMLInputElement) {
      all.checked = whole
      all.indeterminate = !whole && elsewhere.length < picked.size
    } else {
      /** @type {HTMLButtonElement} */ (all).disabled = whole
    }
  }
  say(own, elsewhere.length)
}

/** @param {HTMLFormElement} own @param {number} elsewhere */
function say(own, elsewhere) {
  const [words, more] = own.querySelectorAll('output > *')
  const text = picked.size ? counted(picked.size, own) : 'Nothing'
  if (words.textContent !== text) words.textContent = text
  more.textContent = elsewhere ? `${elsewhere.toLocaleString('en')} not on this page` : ''
}

function changed() {
  const own = form()
  if (own) keep(own)
  show()
}

/** @param {HTMLInputElement} box @param {boolean} on */
function pick(box, on) {
  if (on) picked.add(box.value)
  else picked.delete(box.value)
}

/** Pick or drop all from the last row that was touched to this one.
 * @param {HTMLInputElement} box @param {boolean} on */
function pickUpTo(box, on) {
  const all = boxes()
  const from = last ? all.indexOf(last) : -1
  const [first, end] = [from < 0 ? all.indexOf(box) : from, all.indexOf(box)].sort((a, b) => a - b)
  all.slice(first, end + 1).forEach(other => pick(other, on))
  last = box
  changed()
}

/** The row that the keyboard is on. @param {boolean} range */
export function pickRow(range) {
  const row = document.activeElement?.closest('tr, li')
  const box = /** @type {HTMLInputElement | null} */ (row?.querySelector('.pick input[name="pick"]') ?? null)
  if (!box) return
  if (range) pickUpTo(box, true)
  else {
    pick(box, !box.checked)
    last = box
    changed()
  }
}

/** Forget what is picked, on all pages of the list. */
export function clearPicks() {
  picked.clear()
  last = null
  changed()
}

/** @param {boolean} on */
function pickAll(on) {
  boxes().forEach(box => pick(box, on))
  changed()
}

addEventListener('click', event => {
  const target = /** @type {Element} */ (event.target)
  const all = target.closest('[data-pick-all]')
  if (all) pickAll(!(all instanceof HTMLInputElement) || all.checked)
  else if (target.matches('.pick input[name="pick"]')) {
    const box = /** @type {HTMLInputElement} */ (target)
    if (event.shiftKey) pickUpTo(box, box.checked)
    else {
      pick(box, box.checked)
      last = box
      changed()
    }
  } else if (target.matches('.pick')) {
    /** @type {HTMLElement | null} */ (target.querySelector('input:not([hidden])'))?.click()
  }
})

document.addEventListener('submit', event => {
  const sent = /** @type {HTMLFormElement} */ (event.target)
  const button = /** @type {SubmitEvent} */ (event).submitter
  if (sent === form()) {
    // filters and pages change the address without a new form
    const back = /** @type {HTMLInputElement} */ (sent.elements.namedItem('back'))
    back.value = location.pathname + location.search
    if (button?.matches('[data-copy-list]') && navigator.clipboard) {
      event.preventDefault()
      copyList(sent, /** @type {HTMLElement} */ (button))
    }
  }
  if (sent.dataset.unpicks) {
    sessionStorage.removeItem(place(sent, sent.dataset.unpicks))
  }
})

/** @param {HTMLFormElement} own @param {HTMLElement} button */
async function copyList(own, button) {
  const live = document.querySelector('#announce')
  const address = button.getAttribute('formaction') ?? ''
  const body = new FormData(own)
  try {
    const answer = await fetch(address, { method: 'POST', body, headers: { Accept: 'text/plain' }, mode: 'same-origin' })
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText)
    await navigator.clipboard.writeText(await answer.text())
    button.classList.add('copied')
    setTimeout(() => button.classList.remove('copied'), 1500)
    if (live) live.textContent = 'Copied'
  } catch {
    own.requestSubmit()
  }
}

document.addEventListener('htmx:afterSettle', show)

function begin() {
  const own = form()
  if (!own) return
  read(own)
  show()
}

// also when the browser takes a page out of its cache, with boxes as they were then
addEventListener('pageshow', begin)
begin()
