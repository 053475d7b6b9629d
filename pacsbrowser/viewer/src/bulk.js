// Bytes of an element: those that stand in the metadata, or at the address that stands there instead.

/** @param {import('./dicom-json.js').Element | undefined} element @returns {Promise<Uint8Array | undefined>} */
export async function bytesOf(element) {
  if (element?.InlineBinary) return Uint8Array.from(atob(element.InlineBinary), letter => letter.charCodeAt(0))
  if (!element?.BulkDataURI) return undefined
  const response = await fetch(element.BulkDataURI, { headers: { Accept: 'application/octet-stream' } })
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
}
