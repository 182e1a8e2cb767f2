// What axe-core does not look at: headings, tables, pictures, the keyboard, enlarged and spaced text. Each check returns sentences, none when all is well.

// structure runs in the page.
export function structure() {
  const wrong = []
  const levels = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])
  if (levels.filter(l => l === 1).length !== 1) wrong.push(`headings: ${levels.filter(l => l === 1).length} h1`)
  levels.forEach((l, i) => { if (i > 0 && l > levels[i - 1] + 1) wrong.push(`headings: h${levels[i - 1]} then h${l}`) })
  for (const t of document.querySelectorAll('table')) {
    if (!t.caption || !t.caption.textContent.trim()) wrong.push(`table: no caption: ${t.textContent.trim().slice(0, 60)}`)
    for (const th of t.querySelectorAll('th')) if (!th.scope) wrong.push(`table: th without scope: ${th.textContent.trim().slice(0, 40)}`)
    if (!t.querySelector('th')) wrong.push('table: no header cell')
  }
  const count = s => document.querySelectorAll(s).length
  if (!document.doctype) wrong.push('no doctype')
  if (!document.documentElement.lang) wrong.push('no language')
  if (count('main') !== 1) wrong.push(`landmarks: ${count('main')} main`)
  if (count('body > header') && count('body > footer') !== 1) wrong.push('landmarks: a header without a footer')
  for (const nav of document.querySelectorAll('nav')) if (!nav.getAttribute('aria-label')) wrong.push('landmarks: nav without a name')
  for (const e of document.querySelectorAll('[style]')) if (!e.closest('.maplibregl-map')) wrong.push(`inline style on ${e.tagName}`)
  for (const a of document.querySelectorAll('a[target=_blank]')) wrong.push(`a link that opens a window: ${a.textContent}`)
  return wrong
}

// pictures runs in the page: an alternative is there, and is no file name.
export function pictures() {
  return [...document.images].filter(i => !i.hasAttribute('alt') || /\.(png|jpe?g|svg|webp)$/i.test(i.alt)).map(i => `picture: alt ${JSON.stringify(i.getAttribute('alt'))} of ${i.src}`)
}

// lost runs in the page: text that its box cuts, and boxes that leave the page sideways. What scrolls by itself, or is there for those who listen, is not lost.
function lost() {
  const wrong = []
  const wide = document.documentElement.scrollWidth
  if (wide > innerWidth + 1) {
    const out = [...document.querySelectorAll('main *, header *, footer *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.deroule, pre')).at(-1)
    wrong.push(`${wide} pixels wide in a window of ${innerWidth}: ${out?.outerHTML.slice(0, 160)}`)
  }
  for (const e of document.querySelectorAll('body *')) {
    const s = getComputedStyle(e)
    if (!/hidden|clip/.test(s.overflowX + s.overflowY) || s.clipPath !== 'none' || e.closest('svg, .maplibregl-map') || !e.textContent.trim() || !e.checkVisibility()) continue
    if (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) wrong.push(`cut: ${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 60)}`)
  }
  return wrong
}

async function under(page, css, what) {
  const sheet = await page.addStyleTag({ content: css })
  const wrong = (await page.evaluate(lost)).map(w => `${what}: ${w}`)
  await sheet.evaluate(e => e.remove())
  return wrong
}

// enlarged doubles the size of the text (WCAG 1.4.4).
export const enlarged = (page, width) => under(page, 'html { font-size: 200% !important }', `text at 200 %, ${width} pixels`)

// spaced sets the spacing of WCAG 1.4.12.
export const spaced = (page, width) => under(page,
  '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }', `spaced text, ${width} pixels`)

// stops runs in the page: what the keyboard should reach, in the order of the document.
function stops() {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
  const groups = new Set()
  return all.filter(e => {
    if (e.disabled || e.tabIndex < 0 || e.type === 'hidden' || !e.checkVisibility({ visibilityProperty: true })) return false
    const closed = e.closest('details:not([open])')
    if (closed && !(e.tagName === 'SUMMARY' && e.parentElement === closed) && !e.checkVisibility({ contentVisibilityAuto: true })) return false
    if (e.type === 'radio') {
      const group = e.name + (e.form ? e.form.action : '')
      if (groups.has(group)) return false
      groups.add(group)
    }
    return true
  }).map((e, i) => { e.dataset.stop = i; return e.outerHTML.slice(0, 100) })
}

// held runs in the page: where the focus is, and whether one sees it.
function held() {
  const e = document.activeElement
  if (!e || e === document.body || e === document.documentElement) return null
  const s = getComputedStyle(e)
  return { stop: e.dataset.stop === undefined ? -1 : +e.dataset.stop, html: e.outerHTML.slice(0, 100), ring: s.outlineStyle !== 'none' ? parseFloat(s.outlineWidth) : 0,
    seen: e.getBoundingClientRect().width > 0, scroller: e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight }
}

// walk goes through the page with Tab, then back with Shift and Tab.
export async function walk(page) {
  const wrong = []
  const expected = await page.evaluate(stops)
  const most = Math.min(expected.length, 120)
  await page.evaluate(() => { // the walk starts at the top, wherever the last one ended
    document.body.tabIndex = -1
    document.body.focus()
    document.body.removeAttribute('tabindex')
    scrollTo(0, 0)
  })
  const reached = []
  for (let i = 0; i < most + 8 && reached.length < most; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(held)
    if (!at) continue
    if (at.stop < 0) {
      if (!at.scroller) wrong.push(`keyboard: stops at ${at.html}`)
      continue
    }
    if (at.ring < 2) wrong.push(`keyboard: a ring of ${at.ring} pixels around ${at.html}`)
    reached.push(at.stop)
  }
  const ordered = reached.every((s, i) => s === i)
  if (!ordered || reached.length < most) {
    const i = reached.findIndex((s, i) => s !== i)
    wrong.push(`keyboard: ${reached.length} of ${expected.length} controls reached; ${i < 0 ? `then nothing before ${expected[reached.length]}` : `${expected[reached[i]]} instead of ${expected[i]}`}`)
  }
  for (let i = reached.length - 2; i >= Math.max(0, reached.length - 12); i--) {
    await page.keyboard.down('Shift')
    await page.keyboard.press('Tab')
    await page.keyboard.up('Shift')
    const at = await page.evaluate(held)
    if (at && at.stop < 0 && at.scroller) { i++; continue }
    if (!at || at.stop !== reached[i]) { wrong.push(`keyboard: backwards, ${at ? at.html : 'nothing'} instead of ${expected[reached[i]]}`); break }
  }
  await page.evaluate(() => document.querySelectorAll('[data-stop]').forEach(e => delete e.dataset.stop))
  return wrong
}
