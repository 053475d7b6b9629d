// How files and questions reach the server: one multipart/related body a batch, made of blobs that the browser reads
// from disk while it sends, and JSON for the rest. What goes wrong is thrown as one of four errors.

/**
 * @typedef {{ path: string, size: number, modified: string, sha256?: string }} Offer
 * @typedef {{ name: string, size: number, outcome: string, label: string, reason: string, code?: string, url?: string, job?: string }} Line
 * @typedef {{ id: string, files: string, known: string, finish: string, report: string, csv: string }} Addresses
 * @typedef {{ file: File, path: string, size: number, modified: string, tries: number, alone: boolean,
 *             asked: boolean, sent: number, line: Line | null }} Entry
 */

/** The server was not reached, or did not answer: the connection, a restart. */
export class Unreachable extends Error {}
/** The session has ended. */
export class LoggedOut extends Error {}
/** The server cannot take anything now; its words say why. */
export class Stopped extends Error {}
/** The server refused this request and would again. */
export class Refused extends Error {}

// An upload that moves no byte, or an answer that does not come, for this long is given up and tried again.
const STALLED = 60_000
const ANSWER = 300_000

/** @returns {string} the CSRF token, fresh: a login in another tab changes it */
function token() {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1]
    ?? document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? ''
}

/**
 * @param {string} url
 * @param {object} value
 * @returns {Promise<any>}
 */
export async function ask(url, value) {
  let response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRFToken': token() },
      body: JSON.stringify(value),
      redirect: 'manual',
      signal: AbortSignal.timeout(STALLED),
    })
    if (response.ok) return await response.json()
  } catch {
    throw new Unreachable()
  }
  throw problemOf(response.type === 'opaqueredirect' ? 302 : response.status, await response.text().catch(() => ''))
}

/**
 * @param {number} status
 * @param {string} text
 * @returns {Error}
 */
function problemOf(status, text) {
  const words = saidIn(text)
  if (status === 302 || status === 401) return new LoggedOut()
  if (status === 403) return new LoggedOut()
  if (status === 507) return new Stopped(words || 'The server’s disk is full.')
  if (status >= 500 || status === 0 || status === 408 || status === 429) return new Unreachable(words)
  if (status === 404) return new Refused('This upload is not yours, or is gone. Load the page again.')
  return new Refused(words || `The server answered ${status}.`)
}

/** @param {string} text */
function saidIn(text) {
  try {
    return String(JSON.parse(text).error ?? '')
  } catch {
    return ''
  }
}

/**
 * Sends a batch.
 * @param {string} url
 * @param {Entry[]} batch
 * @param {(sent: number) => void} onProgress bytes of the body that are on their way
 * @param {AbortSignal} signal
 * @returns {Promise<Line[]>} one line a file, in order
 */
export function send(url, batch, onProgress, signal) {
  const boundary = `pacs-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    let timer = 0
    /** @param {number} time */
    const wait = time => {
      clearTimeout(timer)
      timer = setTimeout(() => request.abort(), time)
    }
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    const stop = () => request.abort()
    signal.addEventListener('abort', stop)
    request.upload.onprogress = event => { wait(STALLED); onProgress(event.loaded) }
    request.upload.onload = () => wait(ANSWER)
    request.onerror = request.onabort = () => { end(); reject(new Unreachable()) }
    request.onload = () => { end(); settle(request, url, batch, resolve, reject) }
    request.open('POST', url)
    request.setRequestHeader('Content-Type', `multipart/related; boundary="${boundary}"`)
    request.setRequestHeader('X-CSRFToken', token())
    wait(STALLED)
    request.send(bodyOf(batch, boundary))
  })
}

/**
 * @param {XMLHttpRequest} request
 * @param {string} url
 * @param {Entry[]} batch
 * @param {(lines: Line[]) => void} resolve
 * @param {(problem: Error) => void} reject
 */
function settle(request, url, batch, resolve, reject) {
  // a redirect to the login page is followed by the browser unseen
  if (new URL(request.responseURL).pathname !== url) return reject(new LoggedOut())
  if (request.status !== 200) return reject(problemOf(request.status, request.responseText))
  try {
    const lines = JSON.parse(request.responseText).files
    if (lines.length !== batch.length) throw new Error()
    resolve(lines)
  } catch {
    reject(new Unreachable())
  }
}

/**
 * @param {Entry[]} batch
 * @param {string} boundary
 * @returns {Blob}
 */
function bodyOf(batch, boundary) {
  /** @type {BlobPart[]} */
  const parts = []
  for (const entry of batch) {
    const headers = `Content-Location: ${encodeURIComponent(entry.path.toWellFormed?.() ?? entry.path)}\r\n`
      + `Content-Length: ${entry.size}\r\nX-Modified: ${entry.modified}\r\n`
    parts.push(`\r\n--${boundary}\r\n${headers}\r\n`, entry.file)
  }
  parts.push(`\r\n--${boundary}--\r\n`)
  return new Blob(parts)
}

/**
 * Whether the server answers.
 * @param {string} url
 */
export async function isReachable(url) {
  try {
    return (await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(5000) })).ok
  } catch {
    return false
  }
}

/**
 * Whether a file still is what it was when it was chosen.
 * @param {File} file
 */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer()
    return true
  } catch {
    return false
  }
}

/**
 * The SHA-256 of a file in hexadecimal digits; '' where the browser does not compute it (no TLS) or it is large.
 * @param {File} file
 */
export async function digestOf(file) {
  if (!globalThis.crypto?.subtle || file.size > 64 * 2 ** 20) return ''
  try {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
    return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('')
  } catch {
    return ''
  }
}
