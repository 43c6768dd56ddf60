// Menus are <details>: they work without this. With it, Escape and a click elsewhere close them,
// and "/" leads to the field that finds, but where the page has a filter with that key.
const open = () => document.querySelectorAll('details.menu[open]')

document.addEventListener('click', (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target)) menu.open = false
  }
})

document.addEventListener('keydown', (event) => {
  const writing = event.target.closest('input, select, textarea, [contenteditable]')
  if (event.key === '/' && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.getElementById('find')
    if (field?.offsetParent && !document.querySelector('[data-key="/"]')) {
      event.preventDefault()
      field.focus()
    }
    return
  }
  if (event.key !== 'Escape') return
  for (const menu of open()) {
    menu.open = false
    menu.querySelector('summary').focus()
  }
})

// An answer of htmx comes closed; what somebody opened stays open.
let opened = []

document.addEventListener('htmx:beforeSwap', ({ target }) => {
  opened = [...target.querySelectorAll('details[data-stays][open]')].map(({ id }) => id)
})

document.addEventListener('htmx:afterSwap', () => {
  for (const id of opened) document.getElementById(id)?.setAttribute('open', '')
})
