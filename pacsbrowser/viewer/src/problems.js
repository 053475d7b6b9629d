// Why can't I see this? Which step failed, in words, and what to do.

/**
 * @typedef {{step: string, what: string, todo: string}} Problem
 * @typedef {{status?: number, detail?: string, message?: string, syntax: string, pixels: boolean, kind: string,
 *   whole?: boolean}} Failure
 */

const TELL = 'Download the file to look at it with other software, or ask the administrator.'

/** @param {Failure} failure @returns {Problem} */
export function explain({ status, detail = '', message = '', syntax, pixels, kind }) {
  if (!pixels) {
    return { step: 'No pixel data, by design', what: `This is ${article(kind)}: it holds no picture.`, todo: 'Its own page shows what is in it.' }
  }
  if (status === 401 || status === 403) {
    return { step: 'Not logged in', what: 'The session has ended.', todo: 'Log in again and reload this page.' }
  }
  if (status === 404) return { step: 'Not found', what: detail || 'The server has no such frame.', todo: 'It may have been deleted. Reload the page.' }
  if (status === 410) return { step: 'File missing', what: detail || 'Its file is not in the store.', todo: 'Ask the administrator to check the archive.' }
  if (status === 413) return { step: 'Too large', what: detail, todo: TELL }
  if (status === 406) return { step: stepOf(detail, syntax), what: detail || `The server cannot give frames of ${syntax}.`, todo: TELL }
  if (status === 503) return { step: 'Server busy', what: detail || 'The server is busy.', todo: 'Try again in a moment.' }
  if (status === 0) return { step: 'No connection', what: 'The server did not answer.', todo: 'Check the connection and reload.' }
  if (status) return { step: 'Server error', what: detail || `The server answered ${status}.`, todo: 'Try again; if it stays, tell the administrator.' }
  return { ...decoding(message, syntax), todo: `The server’s own picture is shown if it can make one. ${TELL}` }
}

/** @param {string} message @param {string} syntax */
function decoding(message, syntax) {
  if (/missing|truncat|too (short|small)|out of bounds|length|RangeError|fill/i.test(message)) {
    return { step: 'Truncated pixel data', what: `There are fewer bytes than the picture needs (${syntax}).` }
  }
  if (/no decoder|transfer syntax/i.test(message)) return { step: 'Transfer syntax', what: `This browser has no decoder for ${syntax}.` }
  if (/wasm|WebAssembly|fetch|import/i.test(message)) return { step: 'Codec missing', what: `The decoder for ${syntax} could not be loaded.` }
  return { step: 'Decoding', what: `The picture could not be decoded (${syntax}).` }
}

/** @param {string} detail @param {string} syntax */
function stepOf(detail, syntax) {
  if (/shorter|truncat|\bcut\b|fewer|\bends?\b|missing|needs .* bytes/i.test(detail)) return 'Truncated pixel data'
  if (/decod|compress|codec/i.test(detail)) return 'Codec missing'
  return syntax ? 'Transfer syntax' : 'Pixel data'
}

/** @param {string} kind */
const article = kind => (/^[AEIOS]R?\b/i.test(kind) && !/^s[a-z]/.test(kind) ? `an ${kind}` : `a ${kind}`)
