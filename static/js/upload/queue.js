// The queue of an upload: asks which files are known, sends the others in small parallel batches, and goes on after
// a lost connection. It knows nothing of the page; what happens is told to `onChange` and `onLine`.

import {
  LoggedOut, Refused, Stopped, Unreachable, ask, digestOf, isReachable, isReadable, send,
} from './transport.js';

/**
 * @typedef {import('./transport.js').Addresses} Addresses
 * @typedef {import('./transport.js').Line} Line
 * @typedef {import('./transport.js').Entry} Entry
 * @typedef {'idle' | 'running' | 'paused' | 'waiting' | 'logged-out' | 'stopped' | 'done' | 'cancelled'} State
 */

const BATCH_FILES = 100
const BATCH_BYTES = 8 * 2 ** 20
const IN_FLIGHT = 3
const OFFERED = 500
const TRIES = 4
// Hashing costs time: after so many files that were not here, only one in so many is hashed until one is here again.
const MISSES = 64
const SAMPLE = 32
const LONGEST_WAIT = 15_000

export class Queue {
  /**
   * @param {{ begin: string, health: string }} addresses
   * @param {{ onChange: () => void, onLine: (entry: Entry) => void }} listener
   */
  constructor(addresses, listener) {
    this.begin = addresses.begin
    this.health = addresses.health
    this.listener = listener
    /** @type {Addresses | null} */
    this.delivery = null
    this.label = ''
    /** @type {State} */
    this.state = 'idle'
    this.problem = ''
    this.walking = 0
    this.total = { files: 0, bytes: 0 }
    this.settled = { files: 0, bytes: 0 }
    /** @type {Entry[]} */
    this.fresh = []
    /** @type {Entry[]} */
    this.ready = []
    /** @type {Set<Entry[]>} */
    this.flying = new Set()
    /** @type {Entry[]} */
    this.failed = []
    this.asking = false
    this.misses = 0
    this.hashed = 0
    this.finishing = false
    this.aborter = new AbortController()
  }

  get isActive() {
    return ['running', 'paused', 'waiting', 'logged-out', 'stopped'].includes(this.state)
  }

  /** Bytes that are settled or on their way. */
  get bytes() {
    let sum = this.settled.bytes
    for (const batch of this.flying) for (const entry of batch) sum += entry.sent
    return sum
  }

  /**
   * Adds files as they are found.
   * @param {AsyncIterable<import('./walk.js').Found>} found
   */
  async add(found) {
    if (this.state === 'done' || this.state === 'cancelled' || this.state === 'idle') this.setState('running')
    this.aborter = this.aborter.signal.aborted ? new AbortController() : this.aborter
    this.walking++
    try {
      for await (const { file, path } of found) {
        if (this.state === 'cancelled') return
        this.total.files++
        this.label ||= path.includes('/') ? path.split('/')[0] : path
        if (!file) {
          this.fail(entryOf(new File([], path), path), 'The browser cannot read it. It may have been moved, or may not be read.')
          continue
        }
        this.total.bytes += file.size
        this.fresh.push(entryOf(file, path))
        if (this.fresh.length % OFFERED === 0) this.pump()
      }
    } finally {
      this.walking--
      this.pump()
    }
  }

  pause() {
    if (this.state === 'running' || this.state === 'waiting') this.setState('paused')
  }

  resume() {
    if (['paused', 'logged-out', 'stopped'].includes(this.state)) {
      this.problem = ''
      this.setState('running')
      this.pump()
    }
  }

  /** Stops for good; what was not sent is counted as not sent. */
  cancel() {
    this.setState('cancelled')
    this.aborter.abort()
    this.fresh = []
    this.ready = []
    if (this.delivery) ask(this.delivery.finish, {}).catch(() => {})
  }

  /** Sends what failed again. */
  retry() {
    const again = this.failed
    this.failed = []
    if (this.aborter.signal.aborted) this.aborter = new AbortController()
    for (const entry of again) {
      this.settled.files--
      this.settled.bytes -= entry.size
      this.fresh.push(Object.assign(entryOf(entry.file, entry.path), { alone: true }))
    }
    this.setState('running')
    this.pump()
  }

  /** @param {State} state */
  setState(state) {
    this.state = state
    this.listener.onChange()
  }

  /** Starts whatever can be started now. Called after every change. */
  pump() {
    this.listener.onChange()
    if (this.state !== 'running') return
    if (!this.delivery) return void this.open()
    if (this.fresh.length && !this.asking && this.ready.length < 4 * OFFERED) this.inquire()
    while (this.flying.size < IN_FLIGHT && this.ready.length && this.isWorthSending()) this.launch(this.takeBatch())
    this.finishIfDone()
  }

  /** A part batch waits as long as more files are being asked about. */
  isWorthSending() {
    if (!this.asking && !this.fresh.length) return true
    let bytes = 0
    for (const entry of this.ready.slice(0, BATCH_FILES)) bytes += entry.size
    return this.ready.length >= BATCH_FILES || bytes >= BATCH_BYTES
  }

  async open() {
    if (this.asking) return
    this.asking = true
    await this.guarded(async () => { this.delivery = await ask(this.begin, { label: this.label }) })
    this.asking = false
    this.pump()
  }

  /** Asks about the next files, first by path, size and time, then by digest. */
  async inquire() {
    this.asking = true
    const batch = this.fresh.splice(0, OFFERED)
    const done = await this.guarded(async () => {
      const unknown = await this.settleKnown(batch, false)
      const again = unknown.filter(entry => !entry.asked)
      const left = again.length ? await this.settleKnown(again, true) : []
      const missing = new Set(left)
      this.ready.push(...unknown.filter(entry => entry.asked || missing.has(entry)))
      for (const entry of unknown) entry.asked = true
    })
    if (!done) this.fresh.unshift(...batch.filter(entry => !entry.line && !this.ready.includes(entry)))
    this.asking = false
    this.pump()
  }

  /**
   * @param {Entry[]} batch
   * @param {boolean} byDigest
   * @returns {Promise<Entry[]>} those that have to be sent
   */
  async settleKnown(batch, byDigest) {
    const offers = []
    for (const entry of batch) {
      const offer = { path: entry.path, size: entry.size, modified: entry.modified, sha256: '' }
      if (byDigest && this.isWorthHashing()) offer.sha256 = await digestOf(entry.file)
      offers.push(offer)
    }
    if (byDigest && !offers.some(offer => offer.sha256)) return batch
    const known = (await ask(/** @type {Addresses} */ (this.delivery).known, { files: offers })).files
    const unknown = []
    for (const [at, entry] of batch.entries()) {
      if (offers[at].sha256) this.misses = known[at] ? 0 : this.misses + 1
      if (known[at]) this.settle(entry, known[at])
      else unknown.push(entry)
    }
    return unknown
  }

  isWorthHashing() {
    this.hashed++
    return this.misses < MISSES || this.hashed % SAMPLE === 0
  }

  /** @returns {Entry[]} */
  takeBatch() {
    const batch = [/** @type {Entry} */ (this.ready.shift())]
    let bytes = batch[0].size
    while (!batch[0].alone && this.ready.length && batch.length < BATCH_FILES) {
      if (this.ready[0].alone || bytes + this.ready[0].size > BATCH_BYTES) break
      bytes += this.ready[0].size
      batch.push(/** @type {Entry} */ (this.ready.shift()))
    }
    return batch
  }

  /** @param {Entry[]} batch */
  async launch(batch) {
    this.flying.add(batch)
    const { signal } = this.aborter
    try {
      const delivery = /** @type {Addresses} */ (this.delivery)
      const lines = await send(delivery.files, batch, sent => { spread(batch, sent); this.listener.onChange() }, signal)
      this.flying.delete(batch)
      batch.forEach((entry, at) => this.settle(entry, lines[at]))
    } catch (problem) {
      this.flying.delete(batch)
      for (const entry of batch) entry.sent = 0
      if (!signal.aborted) await this.afterFailure(batch, problem)
    }
    this.pump()
  }

  /**
   * @param {Entry} entry
   * @param {Line} line
   */
  settle(entry, line) {
    entry.line = line
    this.settled.files++
    this.settled.bytes += entry.size
    if (line.outcome === 'failed' || line.code === 'changed') this.failed.push(entry)
    this.listener.onLine(entry)
  }

  /**
   * Decides what becomes of a batch that did not get through. It is asked about again before it is sent again: the
   * server may have it, and only its answer was lost.
   * @param {Entry[]} batch
   * @param {unknown} problem
   */
  async afterFailure(batch, problem) {
    if (problem instanceof LoggedOut || problem instanceof Stopped) {
      this.fresh.unshift(...batch)
      return this.halt(problem)
    }
    if (problem instanceof Refused) return batch.forEach(entry => this.fail(entry, problem.message))
    const readable = await Promise.all(batch.map(entry => isReadable(entry.file)))
    const left = batch.filter((entry, at) => {
      if (!readable[at]) this.fail(entry, 'The file cannot be read: it was moved or changed since it was chosen.')
      return readable[at]
    })
    if (!left.length || left.length < batch.length) return void this.fresh.unshift(...left)
    await this.tryAgain(left)
  }

  /** @param {Entry[]} batch */
  async tryAgain(batch) {
    const reached = await isReachable(this.health)
    for (const entry of batch.toReversed()) {
      // as long as the server cannot be reached, it is nobody's fault
      if (reached) entry.tries++
      entry.alone ||= batch.length > 1 && entry.tries >= 2
      if (entry.tries >= TRIES) this.fail(entry, `The connection broke at ${clock()}. Tried ${entry.tries} times.`)
      else this.fresh.unshift(entry)
    }
    if (reached) await pauseFor(500 * 2 ** Math.min(batch[0].tries, 4) * (0.75 + Math.random() / 2))
    else await this.waitForServer()
  }

  /**
   * @param {Entry} entry
   * @param {string} reason
   */
  fail(entry, reason) {
    this.settle(entry, { name: entry.path, size: entry.size, outcome: 'failed', label: 'Failed', reason })
  }

  /** Waits until the server answers, asking ever more seldom, at once when the browser is online again. */
  async waitForServer() {
    if (this.state !== 'running') return
    this.setState('waiting')
    let wait = 1000
    while (this.state === 'waiting' && !(await isReachable(this.health))) {
      await pauseFor(wait * (0.75 + Math.random() / 2), true)
      wait = Math.min(wait * 2, LONGEST_WAIT)
    }
    if (this.state === 'waiting') this.setState('running')
  }

  /** @param {Error} problem */
  halt(problem) {
    if (this.state !== 'running' && this.state !== 'waiting') return
    this.problem = problem.message
    this.setState(problem instanceof LoggedOut ? 'logged-out' : 'stopped')
  }

  /**
   * Runs something that talks to the server.
   * @param {() => Promise<void>} work
   * @returns {Promise<boolean>} whether it was done
   */
  async guarded(work) {
    try {
      await work()
      return true
    } catch (problem) {
      if (problem instanceof Unreachable) {
        if (await isReachable(this.health)) await pauseFor(2000)
        else await this.waitForServer()
      } else {
        this.halt(problem instanceof LoggedOut ? problem : new Stopped(/** @type {Error} */ (problem).message))
      }
      return false
    }
  }

  async finishIfDone() {
    if (this.walking || this.asking || this.finishing || this.fresh.length || this.ready.length || this.flying.size) return
    this.finishing = true
    const done = await this.guarded(async () => { await ask(/** @type {Addresses} */ (this.delivery).finish, {}) })
    this.finishing = false
    if (done && this.state === 'running' && !this.fresh.length && !this.ready.length) this.setState('done')
    else this.pump()
  }
}

/**
 * @param {File} file
 * @param {string} path
 * @returns {Entry}
 */
function entryOf(file, path) {
  const modified = String(file.lastModified)
  return { file, path, size: file.size, modified, tries: 0, alone: false, asked: false, sent: 0, line: null }
}

/**
 * Spreads the bytes sent over a batch's files in order.
 * @param {Entry[]} batch
 * @param {number} sent
 */
function spread(batch, sent) {
  for (const entry of batch) {
    entry.sent = Math.min(entry.size, Math.max(0, sent))
    sent -= entry.size
  }
}

const clock = () => new Date().toLocaleTimeString('en-GB')

/**
 * @param {number} time
 * @param {boolean} [untilOnline] end at once when the browser says that it is online again
 * @returns {Promise<void>}
 */
function pauseFor(time, untilOnline = false) {
  return new Promise(resolve => {
    const end = () => { clearTimeout(timer); removeEventListener('online', end); resolve() }
    const timer = setTimeout(end, time)
    if (untilOnline) addEventListener('online', end)
  })
}
