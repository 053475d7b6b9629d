// Which files a person meant: those of a drop, folders walked to their end, or of an input.

/** @typedef {{ file: File, path: string }} Found */

/**
 * The files of a drop. The entries are taken at once: after the event the browser forgets them.
 * @param {DataTransfer} transfer
 * @returns {AsyncGenerator<Found>}
 */
export function filesOfDrop(transfer) {
  const items = [...transfer.items].filter(item => item.kind === 'file')
  const entries = items.map(item => item.webkitGetAsEntry?.() ?? null)
  const plain = items.map((item, at) => (entries[at] ? null : item.getAsFile()))
  return walk(entries, plain)
}

/**
 * @param {(FileSystemEntry | null)[]} entries
 * @param {(File | null)[]} plain
 * @returns {AsyncGenerator<Found>}
 */
async function* walk(entries, plain) {
  for (const file of plain) if (file) yield { file, path: file.name }
  const waiting = entries.filter(entry => entry !== null).reverse()
  while (waiting.length) {
    const entry = /** @type {FileSystemEntry} */ (waiting.pop())
    if (entry.isFile) {
      const file = await fileOf(/** @type {FileSystemFileEntry} */ (entry))
      if (file) yield { file, path: entry.fullPath.replace(/^\//, '') }
    } else {
      waiting.push(...(await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry))).reverse())
    }
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File | null>} null: it is gone or may not be read
 */
const fileOf = entry => new Promise(resolve => entry.file(resolve, () => resolve(null)))

/**
 * All entries of a folder. One call gives at most 100 of them, so it is asked until it gives none.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader()
  /** @type {FileSystemEntry[]} */
  const all = []
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise(resolve => reader.readEntries(resolve, () => resolve([])))
    if (!some.length) return all
    all.push(...some)
  }
}

/**
 * The files of an input; those of a folder input carry their path.
 * @param {FileList} files
 * @returns {AsyncGenerator<Found>}
 */
export async function* filesOfInput(files) {
  for (const file of files) yield { file, path: file.webkitRelativePath || file.name }
}
