// Which files a person meant: those of a drop, folders walked to their end, or of an input.

/** @typedef {{ file: File | null, path: string }} Found  no file: it is there but cannot be read */

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
      yield { file, path: pathOf(entry) }
    } else {
      const { entries: inside, whole } = await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry))
      if (!whole) yield { file: null, path: `${pathOf(entry)}/` }
      waiting.push(...inside.reverse())
    }
  }
}

/** @param {FileSystemEntry} entry */
const pathOf = entry => entry.fullPath.replace(/^\//, '')

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File | null>} null: it is gone or may not be read
 */
const fileOf = entry => new Promise(resolve => entry.file(resolve, () => resolve(null)))

/**
 * All entries of a folder. One call gives at most 100 of them, so it is asked until it gives none.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<{ entries: FileSystemEntry[], whole: boolean }>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader()
  /** @type {FileSystemEntry[]} */
  const all = []
  for (;;) {
    /** @type {FileSystemEntry[] | null} */
    const some = await new Promise(resolve => reader.readEntries(resolve, () => resolve(null)))
    if (!some?.length) return { entries: all, whole: some !== null }
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
