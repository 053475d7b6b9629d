// Small makers of elements: text is always set as text, never as markup.

/** @param {string} selector @param {ParentNode} [root] @returns {any} */
export const find = (selector, root = document) => root.querySelector(selector)

/** @param {string} selector @param {ParentNode} [root] @returns {any[]} */
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)]

/** @param {string} tag @param {Record<string, any>} [properties] @param {(Node | string)[]} children @returns {any} */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== 'list') /** @type {any} */ (element)[name] = value
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

/** An icon of the sprite. @param {string} name */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(space, 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(space, 'use')
  use.setAttribute('href', `${document.body.dataset.icons}#${name}`)
  svg.append(use)
  return svg
}

/** Said by screen readers. @param {string} text */
export function say(text) {
  const live = find('#announce')
  if (live) live.textContent = text
}
