// The upload page: what a person drops or chooses goes into the queue, and the view shows the queue.

import { Queue } from './queue.js';
import { View, say } from './view.js';
import { filesOfDrop, filesOfInput } from './walk.js';

const drop = /** @type {HTMLFormElement} */ (document.getElementById('drop'))
const view = new View()
const queue = new Queue(
  { begin: drop.dataset.begin ?? '', health: drop.dataset.health ?? '' },
  { onChange: () => { view.show(queue); react() }, onLine: entry => view.addLine(entry) },
)
let reacted = ''

if (drop.dataset.into) {
  const base = drop.dataset.into
  queue.delivery = {
    id: '', report: base, files: `${base}files`, known: `${base}known`, finish: `${base}finish`, csv: `${base}csv`,
  }
}

/** What follows on a change of state: the report of the server when all is sent. */
function react() {
  if (reacted === queue.state) return
  reacted = queue.state
  const ended = queue.state === 'done' || queue.state === 'cancelled'
  const result = /** @type {HTMLElement} */ (document.getElementById('upload-result'))
  if (ended && queue.delivery) {
    htmx.ajax('GET', queue.delivery.report, { target: result, swap: 'innerHTML' })
  } else {
    result.replaceChildren()
  }
}

/** @param {AsyncIterable<import('./walk.js').Found>} found */
function take(found) {
  queue.add(found)
  const title = document.getElementById('upload-title')
  view.draw(queue)
  title?.focus({ preventScroll: true })
  say('Upload started')
}

// ---------------------------------------------------------------- choosing and dropping

for (const part of drop.querySelectorAll('[data-js]')) part.removeAttribute('hidden')
for (const part of drop.querySelectorAll('[data-plain]')) part.remove()
drop.addEventListener('submit', event => event.preventDefault())

drop.addEventListener('click', event => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-choose]'))
  if (button) document.getElementById(`${button.dataset.choose}-input`)?.click()
})

for (const id of ['folder-input', 'files-input']) {
  const input = /** @type {HTMLInputElement} */ (document.getElementById(id))
  input.addEventListener('change', () => {
    // copied, because emptying the input empties its list
    if (input.files?.length) take(filesOfInput(/** @type {any} */ ([...input.files])))
    input.value = ''
  })
}

/** @param {DragEvent} event */
const hasFiles = event => event.dataTransfer?.types.includes('Files') ?? false
let inside = 0

// The whole page takes a drop: one beside the frame would open the file instead.
addEventListener('dragenter', event => { if (hasFiles(event)) { inside++; drop.classList.add('over') } })
addEventListener('dragleave', event => { if (hasFiles(event) && --inside <= 0) { inside = 0; drop.classList.remove('over') } })
addEventListener('dragover', event => { if (hasFiles(event)) event.preventDefault() })
addEventListener('drop', event => {
  inside = 0
  drop.classList.remove('over')
  if (!event.dataTransfer || !hasFiles(event)) return
  event.preventDefault()
  take(filesOfDrop(event.dataTransfer))
})

// ---------------------------------------------------------------- while it runs

document.getElementById('upload-pause')?.addEventListener('click', () => {
  if (queue.state === 'paused') queue.resume()
  else queue.pause()
})
document.getElementById('upload-stop')?.addEventListener('click', () => queue.cancel())
document.getElementById('upload-continue')?.addEventListener('click', () => queue.resume())
document.getElementById('upload-retry')?.addEventListener('click', () => {
  view.clearFailed()
  queue.retry()
  document.getElementById('upload-title')?.focus({ preventScroll: true })
})

addEventListener('beforeunload', event => {
  if (queue.isActive) event.preventDefault()
})
