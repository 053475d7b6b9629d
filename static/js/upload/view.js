// What the page shows of a queue: progress, counts, one line a file that was not simply stored, and what to do next.

/**
 * @typedef {import('./queue.js').Queue} Queue
 * @typedef {import('./transport.js').Entry} Entry
 */

const MOST_LINES = 500
const SKIPPED = ['not_dicom', 'dicomdir']
const TONES = { rejected: 'bad', failed: 'bad', conflict: 'warn', variant: 'warn' }
const EVERY = 200

/** @param {string} id */
const byId = id => /** @type {HTMLElement} */ (document.getElementById(id))

/** @param {string} text */
export const say = text => { byId('announce').textContent = text }

export class View {
  constructor() {
    this.panel = byId('upload')
    this.lines = byId('upload-lines')
    /** @type {Record<string, number>} */
    this.counts = {}
    this.shown = 0
    this.looked = 0
    this.due = 0
    this.state = ''
    /** @type {{ time: number, bytes: number }[]} */
    this.marks = []
    /** @type {Map<Entry, HTMLElement>} */
    this.failedRows = new Map()
    this.fragment = document.createDocumentFragment()
    this.quarter = 0
  }

  /** @param {Queue} queue */
  show(queue) {
    if (this.due) return
    this.due = setTimeout(() => { this.due = 0; this.draw(queue) }, this.state === queue.state ? EVERY : 0)
  }

  /** @param {Entry} entry */
  addLine(entry) {
    const line = /** @type {import('./transport.js').Line} */ (entry.line)
    const bin = SKIPPED.includes(line.outcome) ? 'skipped' : line.outcome
    this.counts[bin] = (this.counts[bin] ?? 0) + 1
    if (line.outcome === 'stored' || line.outcome === 'unpacking') return
    this.looked++
    if (this.shown >= MOST_LINES && line.outcome !== 'failed') return
    this.shown++
    const row = rowOf(line)
    if (line.outcome === 'failed') this.failedRows.set(entry, row)
    this.fragment.append(row)
  }

  /** The lines of what failed are taken away: it is tried again. */
  clearFailed() {
    for (const row of this.failedRows.values()) row.remove()
    this.shown -= this.failedRows.size
    this.looked -= this.failedRows.size
    this.failedRows.clear()
    this.counts.failed = 0
  }

  /** @param {Queue} queue */
  draw(queue) {
    const changed = this.state !== queue.state
    this.state = queue.state
    this.panel.hidden = false
    byId('upload-label').textContent = queue.label || 'Upload'
    this.drawProgress(queue)
    this.drawCounts(queue)
    this.drawButtons(queue)
    if (changed) this.drawState(queue)
    if (queue.delivery) {
      byId('upload-report').setAttribute('href', queue.delivery.report)
      byId('upload-csv').setAttribute('href', queue.delivery.csv)
    }
  }

  /** @param {Queue} queue */
  drawProgress(queue) {
    const bar = /** @type {HTMLProgressElement} */ (byId('upload-progress'))
    const bytes = Math.min(queue.bytes, queue.total.bytes)
    const { files } = queue.settled
    bar.max = Math.max(1, queue.total.bytes + queue.total.files)
    bar.value = bytes + files
    byId('upload-files').textContent = `${number(files)} of ${number(queue.total.files)} ${queue.total.files === 1 ? 'file' : 'files'}${queue.walking ? ', still looking' : ''}`
    const rate = this.rateOf(queue, bytes)
    byId('upload-bytes').textContent = `${size(bytes)} of ${size(queue.total.bytes)}${rate ? `, ${size(rate)}/s` : ''}`
    byId('upload-left').textContent = rate ? left((queue.total.bytes - bytes) / rate) : ''
    const quarter = Math.floor((4 * bar.value) / bar.max)
    if (queue.state === 'running' && quarter > this.quarter) say(`${25 * quarter} % sent`)
    this.quarter = quarter
  }

  /**
   * Bytes a second over the last ten seconds; 0 when that cannot be said.
   * @param {Queue} queue
   * @param {number} bytes
   */
  rateOf(queue, bytes) {
    const time = performance.now()
    if (queue.state !== 'running') this.marks = []
    else this.marks.push({ time, bytes })
    while (this.marks.length > 2 && time - this.marks[0].time > 10_000) this.marks.shift()
    const first = this.marks[0]
    return first && time - first.time > 1000 ? Math.max(0, ((bytes - first.bytes) * 1000) / (time - first.time)) : 0
  }

  /** @param {Queue} queue */
  drawCounts(queue) {
    for (const cell of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-count]'))) {
      const count = this.counts[cell.dataset.count ?? ''] ?? 0
      cell.textContent = number(count)
      cell.className = count ? cell.dataset.tone ?? '' : ''
    }
    this.lines.append(this.fragment)
    const over = queue.state === 'done' || queue.state === 'cancelled'
    this.leaveToReport(over)
    byId('upload-table').hidden = over ? !this.failedRows.size : !this.shown
    byId('upload-look').textContent = over ? ending(this.failedRows.size) : this.looked
      ? `${number(this.looked)} ${this.looked === 1 ? 'file' : 'files'} not simply stored`
      : queue.settled.files ? 'Every file so far was simply stored' : 'No file is stored yet'
    const more = byId('upload-more')
    more.hidden = over || this.looked <= this.shown
    more.textContent = `The first ${number(this.shown)} are shown. The report has all.`
  }

  /**
   * When all is sent, the report of the server says the rest; only what failed is known here alone.
   * @param {boolean} over
   */
  leaveToReport(over) {
    byId('upload-stats').hidden = over
    byId('upload-csv').hidden = over
    const failed = new Set(this.failedRows.values())
    for (const row of /** @type {Iterable<HTMLElement>} */ (this.lines.children)) row.hidden = over && !failed.has(row)
  }

  /** @param {Queue} queue */
  drawButtons(queue) {
    const pause = byId('upload-pause')
    const active = queue.isActive
    pause.hidden = !['running', 'paused', 'waiting'].includes(queue.state)
    pause.querySelector('span')?.replaceChildren(queue.state === 'paused' ? 'Go on' : 'Pause')
    byId('upload-stop').hidden = !active
    byId('upload-hint').hidden = !active
    const retry = byId('upload-retry')
    retry.hidden = !queue.failed.length || active
    retry.querySelector('span')?.replaceChildren(`Retry ${number(queue.failed.length)} failed`)
  }

  /** @param {Queue} queue */
  drawState(queue) {
    const notice = byId('upload-notice')
    const unsent = queue.total.files - queue.settled.files
    const words = {
      paused: 'Paused. What is on its way is finished first.',
      waiting: 'The server cannot be reached. It goes on by itself when the connection is back.',
      'logged-out': 'Your session has ended. Log in again in another tab, then continue.',
      stopped: queue.problem || 'The server cannot take more now.',
      cancelled: `Stopped. ${number(unsent)} ${unsent === 1 ? 'file was' : 'files were'} not sent; drop the same folder again to send the rest.`,
    }[/** @type {string} */ (queue.state)] ?? ''
    notice.hidden = !words
    notice.querySelector('p')?.replaceChildren(words)
    byId('upload-continue').hidden = !['logged-out', 'stopped'].includes(queue.state)
    byId('upload-progress').classList.toggle('good', queue.state === 'done')
    if (queue.state === 'done') say(`Upload finished: ${number(queue.settled.files)} files, ${number(this.looked)} not simply stored`)
    else if (words) say(words)
  }
}

/** @param {import('./transport.js').Line} line */
function rowOf(line) {
  const template = /** @type {HTMLTemplateElement} */ (byId('line-template'))
  const row = /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild)
  /** @param {string} name */
  const part = name => /** @type {HTMLElement} */ (row.querySelector(`[data-part="${name}"]`))
  part('name').textContent = line.name
  part('size').textContent = size(line.size)
  part('reason').textContent = line.reason || 'none'
  const badge = part('outcome')
  badge.textContent = line.label
  const tone = TONES[/** @type {keyof typeof TONES} */ (line.outcome)]
  if (tone) {
    badge.classList.add(tone)
    badge.prepend(/** @type {HTMLTemplateElement} */ (byId(`icon-${tone}`)).content.cloneNode(true))
  }
  if (line.url) {
    const open = part('open')
    open.setAttribute('href', line.url)
    open.setAttribute('aria-label', `Open ${line.name}`)
    open.hidden = false
  }
  return row
}

/** @param {number} failed */
function ending(failed) {
  if (!failed) return 'The report says what became of each file'
  return failed === 1 ? '1 file could not be sent' : `${number(failed)} files could not be sent`
}

const number = new Intl.NumberFormat('en').format

/** @param {number} bytes decimal units, as everywhere on the pages */
function size(bytes) {
  let amount = bytes
  for (const unit of ['bytes', 'kB', 'MB', 'GB']) {
    if (amount < 999.5) return unit === 'bytes' ? `${Math.round(amount)} ${unit}` : `${amount.toFixed(amount < 9.95 ? 1 : 0)} ${unit}`
    amount /= 1000
  }
  return `${amount.toFixed(1)} TB`
}

/** @param {number} seconds */
function left(seconds) {
  if (!Number.isFinite(seconds)) return ''
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s left`
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min left` : `about ${(seconds / 3600).toFixed(1)} h left`
}
