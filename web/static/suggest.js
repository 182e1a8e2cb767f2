// Suggestions
const doc = document, field = doc.querySelector('[data-suggest]'), el = (tag, more) => Object.assign(doc.createElement(tag), more)
const list = el('ul', {id: 'propositions', hidden: true, role: 'listbox', ariaLabel: 'Propositions'})
const said = el('span', {className: 'lu', role: 'status'})
let at = -1, wait, all = []

function mark(n) {
  if (all[at]) all[at].ariaSelected = false
  at = n
  field.removeAttribute('aria-activedescendant')
  const one = all[n]
  if (!one) return
  one.ariaSelected = true
  one.scrollIntoView({block: 'nearest'})
  field.setAttribute('aria-activedescendant', one.id)
}
function open(yes) {
  mark(-1)
  list.hidden = !yes
  field.ariaExpanded = yes
}
function show(data) {
  open(false)
  all = data.map((x, i) => {
    const li = el('li', {id: 'p' + i, role: 'option', ariaSelected: false, textContent: x.label}), to = new URL(x.page)
    li.append(el('small', {textContent: ' ' + x.detail}))
    li.onclick = () => location = to.pathname + to.search
    return li
  })
  list.replaceChildren(...all)
  open(data.length > 0)
  said.textContent = data.length ? 'Propositions : ' + data.length : ''
}
async function ask() {
  const q = field.value, r = await fetch('/api/1/suggestions?q=' + encodeURIComponent(q)).catch(() => {})
  if (r?.ok && q == field.value) show((await r.json()).data)
}
if (field) {
  Object.assign(field, {role: 'combobox', ariaAutoComplete: 'list', ariaExpanded: false})
  field.setAttribute('aria-controls', list.id)
  field.form.append(list, said)
  list.onmousedown = e => e.preventDefault()
  field.oninput = () => { clearTimeout(wait); wait = setTimeout(ask, 120) }
  field.onblur = () => open(false)
  field.onkeydown = e => {
    const n = all.length, to = {ArrowDown: (at + 2) % (n + 1) - 1, ArrowUp: (at + n + 1) % (n + 1) - 1}[e.key]
    if (list.hidden) return
    if (to !== undefined) mark(to)
    else if (e.key === 'Escape') open(false)
    else if (e.key === 'Enter' && all[at]) all[at].click()
    else return
    e.preventDefault()
  }
}
