// A tree of links that works from the keyboard (WAI-ARIA Authoring Practices, Tree View): one tab stop, arrows move, open and
// close, Home, End, letters and * jump or open. Without it the tree is a nested list of links, all open.

const ITEM = '[role="treeitem"]'
const TYPED_TOGETHER = 600

/** @param {Element} tree */
function makeTree(tree) {
  let typed = ''
  let typedAt = 0

  /** @returns {HTMLAnchorElement[]} The items that can be seen, in their order. */
  const visible = () => /** @type {HTMLAnchorElement[]} */ ([...tree.querySelectorAll(ITEM)]).filter(item => item.checkVisibility())

  /** @param {Element} item */
  const groupOf = item => document.getElementById(item.getAttribute('aria-owns') ?? '')

  /** @param {Element} item @returns {HTMLAnchorElement | null} */
  const parentOf = item => {
    const group = item.closest('[role="group"]')
    return group && tree.querySelector(`${ITEM}[aria-owns="${CSS.escape(group.id)}"]`)
  }

  /** @param {HTMLAnchorElement} item */
  function makeStop(item) {
    for (const other of tree.querySelectorAll(`${ITEM}[tabindex="0"]`)) other.setAttribute('tabindex', '-1')
    item.tabIndex = 0
  }

  /** @param {HTMLAnchorElement | null | undefined} item */
  function go(item) {
    if (!item) return
    makeStop(item)
    item.focus()
    remember()
  }

  /** @param {Element} item @param {boolean} open */
  function toggle(item, open) {
    if (!item.hasAttribute('aria-expanded')) return
    const inside = !open && groupOf(item)?.contains(document.activeElement)
    item.setAttribute('aria-expanded', String(open))
    if (open) groupOf(item)?.dispatchEvent(new Event('tree-open'))
    if (inside) go(/** @type {HTMLAnchorElement} */ (item))
    const stop = /** @type {HTMLElement | null} */ (tree.querySelector(`${ITEM}[tabindex="0"]`))
    if (stop && !stop.checkVisibility()) makeStop(/** @type {HTMLAnchorElement} */ (item))
    remember()
  }

  /** What is open and where the focus was belongs to this entry of the history: Back and reload find it again. */
  function remember() {
    const open = [...tree.querySelectorAll(`${ITEM}[aria-expanded="true"]`)].map(item => item.id)
    const at = tree.querySelector(`${ITEM}[tabindex="0"]`)?.id
    history.replaceState({ ...history.state, tree: { open, at } }, '')
  }

  /** @param {string} letter @param {number} time */
  function jump(letter, time) {
    typed = time - typedAt < TYPED_TOGETHER ? typed + letter : letter
    typedAt = time
    const all = visible()
    const here = all.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement))
    const order = [...all.slice(here + (typed.length > 1 ? 0 : 1)), ...all.slice(0, here + 1)]
    go(order.find(item => nameOf(item).startsWith(typed)))
  }

  /** @param {Element} item */
  function nameOf(item) {
    const label = item.querySelector(':scope > span:not(.mod, .warned, .end)')
    return (label?.textContent ?? '').trim().toLowerCase()
  }

  /** @param {HTMLAnchorElement} item */
  function openSiblings(item) {
    const list = item.closest('ul')
    if (list) for (const sibling of list.querySelectorAll(`:scope > li > ${ITEM}`)) toggle(sibling, true)
  }

  /** @type {Record<string, (item: HTMLAnchorElement, all: HTMLAnchorElement[], at: number) => void>} */
  const KEYS = {
    ArrowDown: (_item, all, at) => go(all[at + 1]),
    ArrowUp: (_item, all, at) => go(all[at - 1]),
    Home: (_item, all) => go(all[0]),
    End: (_item, all) => go(all.at(-1)),
    ArrowRight: (item, all, at) => {
      if (item.getAttribute('aria-expanded') === 'false') toggle(item, true)
      else if (item.getAttribute('aria-expanded') === 'true' && groupOf(item)?.contains(all[at + 1])) go(all[at + 1])
    },
    ArrowLeft: item => {
      if (item.getAttribute('aria-expanded') === 'true') toggle(item, false)
      else go(parentOf(item))
    },
    '*': item => openSiblings(item),
  }

  tree.addEventListener('keydown', raw => {
    const event = /** @type {KeyboardEvent} */ (raw)
    const item = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest(ITEM))
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return
    const all = visible()
    if (KEYS[event.key]) KEYS[event.key](item, all, all.indexOf(item))
    else if (/^[\p{L}\p{N}]$/u.test(event.key)) jump(event.key.toLowerCase(), event.timeStamp)
    else return
    event.preventDefault()
  })

  tree.addEventListener('click', raw => {
    const target = /** @type {Element} */ (raw.target)
    const item = /** @type {HTMLAnchorElement | null} */ (target.closest(ITEM))
    if (!item) return
    makeStop(item)
    remember()
    if (!target.closest('.icon') || target.closest('.warned')) return
    raw.preventDefault()
    toggle(item, item.getAttribute('aria-expanded') !== 'true')
  })

  tree.addEventListener('htmx:afterSwap', event => {
    const group = /** @type {Element} */ (event.target)
    const owner = tree.querySelector(`${ITEM}[aria-owns="${CSS.escape(group.id)}"]`)
    const level = Number(owner?.getAttribute('aria-level') ?? 0) + 1
    for (const item of group.querySelectorAll(`:scope > li > ${ITEM}`)) {
      item.setAttribute('aria-level', String(level))
      item.setAttribute('tabindex', '-1')
    }
  })

  const kept = history.state?.tree
  for (const item of tree.querySelectorAll(ITEM)) {
    item.setAttribute('tabindex', '-1')
    const lazy = groupOf(item)?.hasAttribute('hx-get')
    if (kept && !lazy) item.setAttribute('aria-expanded', String(kept.open.includes(item.id)))
    else if (item.hasAttribute('data-closed')) item.setAttribute('aria-expanded', 'false')
    if (!item.hasAttribute('aria-owns')) item.removeAttribute('aria-expanded')
  }
  const stop = /** @type {HTMLAnchorElement | null} */ (kept?.at ? document.getElementById(kept.at) : null)
  const first = /** @type {HTMLAnchorElement | null} */ (tree.querySelector(ITEM))
  const start = stop?.matches(ITEM) && stop.checkVisibility() ? stop : first
  if (start) makeStop(start)
}

document.querySelectorAll('[role="tree"]').forEach(makeTree)
