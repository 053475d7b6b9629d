// The page of a structured report: printing it and copying it as text. Without scripts it is printed by the browser's
// own menu and taken along as a file.

for (const button of document.querySelectorAll('[data-print], [data-copy-from]')) {
  button.removeAttribute('hidden')
}

document.addEventListener('click', async event => {
  const target = /** @type {Element} */ (event.target)
  if (target.closest('[data-print]')) window.print()
  const copy = /** @type {HTMLElement | null} */ (target.closest('[data-copy-from]'))
  if (copy) await copyFrom(copy.dataset.copyFrom ?? '')
})

/**
 * Copy the text at an address and say so.
 * @param {string} address
 */
async function copyFrom(address) {
  try {
    const response = await fetch(address)
    if (!response.ok) throw new Error(String(response.status))
    await navigator.clipboard.writeText(await response.text())
    say('Report copied')
  } catch {
    say('The report could not be copied; the file Text holds it')
  }
}

/**
 * Tell people about what happened.
 * @param {string} words
 */
function say(words) {
  const region = document.getElementById('announce')
  if (region) region.textContent = words
}
