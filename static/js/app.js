// What HTML cannot do by itself on every page: shortcuts, copying, the theme, and telling people about swaps.
// Every page works without it.

import { clearPicks, pickRow } from './selection.js';

/**
 * @template {Element} E
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {E | null}
 */
const find = (selector, root = document) => root.querySelector(selector)

/** @param {string} text Said by screen readers. */
const say = text => {
  const live = find('#announce')
  if (live) live.textContent = text
}

// ---------------------------------------------------------------- shortcuts

const ROWS = 'table.data tbody tr:has(> th[scope="row"] a), .study-card, .series-card, .instances > li:has(> a)'
const ROW_LINK = 'th[scope="row"] a, a.title, h3 a, .instances > li > a'
let leader = 0

/** @returns {HTMLElement[]} */
const rows = () => [...document.querySelectorAll(ROWS)].filter(row => row.checkVisibility())

/** @param {number} step */
function moveRow(step) {
  const all = rows()
  const at = all.findIndex(row => row.contains(document.activeElement))
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]
  if (next) /** @type {HTMLElement} */ (find(ROW_LINK, next)).focus()
}

/** @type {Record<string, () => void>} */
const KEYS = {
  '?': () => /** @type {HTMLDialogElement | null} */ (find('#shortcuts'))?.showModal(),
  '/': () => { const box = /** @type {HTMLInputElement | null} */ (find('#q')); box?.focus(); box?.select() },
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: () => pickRow(false),
  X: () => pickRow(true),
  u: () => [...document.querySelectorAll('.crumbs a')].at(-1)?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true })),
  Escape: clearPicks,
}

/** An element says its own key: <a aria-keyshortcuts="d">. A field is focused, anything else clicked.
 * @param {string} key */
function ownKey(key) {
  const target = /** @type {HTMLElement | null} */ (
    [...document.querySelectorAll('[aria-keyshortcuts]')].find(
      element => element.getAttribute('aria-keyshortcuts') === key && element.checkVisibility()))
  if (!target) return false
  if (target.matches('input, select, textarea')) target.focus()
  else target.click()
  return true
}

addEventListener('keydown', event => {
  const target = /** @type {Element} */ (event.target)
  if (event.ctrlKey || event.altKey || event.metaKey || document.body.dataset.shortcuts === 'off') return
  if (target.closest?.('input:not([type="checkbox"]), select, textarea, dialog[open], [contenteditable], [role="tree"]')) {
    if (event.key !== '/' && event.key !== '?' || !target.closest('[role="tree"]')) return
  }
  if (leader && event.timeStamp - leader < 1500) {
    leader = 0
    const link = /** @type {HTMLAnchorElement | null} */ (find(`a[data-go="${CSS.escape(event.key)}"]`))
    if (link) { location.assign(link.href); event.preventDefault() }
    return
  }
  if (event.key === 'g') { leader = event.timeStamp; return }
  if (KEYS[event.key]) KEYS[event.key]()
  else if (!ownKey(event.key)) return
  event.preventDefault()
})

// ---------------------------------------------------------------- copying, theme, dialogs

addEventListener('click', async event => {
  const target = /** @type {Element} */ (event.target)
  const copy = /** @type {HTMLElement | null} */ (target.closest('[data-copy]'))
  if (copy) await copyText(copy)
  if (target.closest('[data-clear]')) clearPicks()
  // browsers without invoker commands
  const opener = target.closest('button[commandfor]')
  if (opener && !('commandForElement' in HTMLButtonElement.prototype)) {
    const dialog = document.getElementById(opener.getAttribute('commandfor') ?? '')
    if (dialog instanceof HTMLDialogElement) dialog.showModal()
  }
})

/** @param {HTMLElement} button */
async function copyText(button) {
  const text = button.dataset.copy ?? ''
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else copyBySelection(text)
    say('Copied')
  } catch {
    say('The browser did not allow copying')
  }
  button.classList.add('copied')
  setTimeout(() => button.classList.remove('copied'), 1500)
}

/** Pages over plain http on another host have no clipboard API.
 * @param {string} text */
function copyBySelection(text) {
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'visually-hidden'
  document.body.append(field)
  field.select()
  document.execCommand('copy')
  field.remove()
}

find('[data-theme-form]')?.addEventListener('submit', event => {
  event.preventDefault()
  const root = document.documentElement
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  root.dataset.theme = dark ? 'light' : 'dark'
  const form = /** @type {HTMLFormElement} */ (event.target)
  const body = new FormData(form)
  body.set('theme', root.dataset.theme)
  fetch(form.action, { method: 'POST', body, mode: 'same-origin' }).catch(() => {})
  say(`${root.dataset.theme} theme`)
})

// ---------------------------------------------------------------- swaps

/** @param {Event} event */
const detail = event => /** @type {CustomEvent} */ (event).detail

document.addEventListener('htmx:configRequest', event => {
  const token = /** @type {HTMLMetaElement | null} */ (find('meta[name="csrf-token"]'))
  if (token && detail(event).verb !== 'get') detail(event).headers['X-CSRFToken'] = token.content
})

document.addEventListener('htmx:beforeRequest', event => {
  if (!detail(event).requestConfig.headers['X-Poll']) detail(event).target?.setAttribute('aria-busy', 'true')
})

document.addEventListener('htmx:afterRequest', event => detail(event).target?.removeAttribute('aria-busy'))

document.addEventListener('htmx:afterSettle', event => {
  const target = /** @type {Element} */ (detail(event).elt)
  const polled = detail(event).requestConfig?.headers['X-Poll']
  if (polled) return
  const said = target.matches('[data-announce]') ? target : find('[data-announce]', target)
  if (said) say(/** @type {HTMLElement} */ (said).dataset.announce ?? '')
  // htmx keeps the focus on an element of the same id; what has gone hands it to what the answer names
  if (document.activeElement === document.body) {
    const heir = /** @type {HTMLElement | null} */ (find('[data-focus]', target) ?? find('#main'))
    heir?.focus({ preventScroll: true })
  }
})

for (const name of ['htmx:responseError', 'htmx:sendError', 'htmx:timeout']) {
  document.addEventListener(name, event => {
    if (detail(event).requestConfig?.headers['X-Poll']) return
    const number = detail(event).xhr?.getResponseHeader?.('X-Request-Number')
    say(`The server did not answer as expected.${number ? ` Request ${number}.` : ''} Reload the page to go on.`)
  })
}
