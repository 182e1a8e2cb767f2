// Looks at pages in Chromium, each in both themes and at two widths, with axe-core and with checks of our own (checks.mjs), and prints what is wrong as
// JSON, one line a look; then one line a page with what it weighs. Arguments: addresses (http or file). "form=ADDRESS FILE" drops the file on the
// page's form first. GRENIER_TEST_AXE_SHOTS names a folder for pictures, of which there are three widths.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import puppeteer from 'puppeteer-core'
import { structure, enlarged, spaced, pictures, walk } from './checks.mjs'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.env.GRENIER_TEST_AXE_SHOTS
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--lang=fr-FR'],
})

// open leads a page to what an argument names.
async function open(page, target) {
  if (!target.startsWith('form=')) return page.goto(target, { waitUntil: 'load' })
  const [address, file] = target.slice(5).split(' ')
  await page.goto(address, { waitUntil: 'load' })
  await (await page.$('#file')).uploadFile(file)
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click('.depot button')])
}

// pictured names the pictures of a page.
const pictured = target => target.replace(/^(form=)?\w+:\/+[^/]+/, '').replace(/\W+/g, '_').slice(0, 60).replace(/^_/, '') || 'accueil'

// settle lets what the page's own script loads arrive: nothing for most pages.
const settle = page => page.waitForNetworkIdle({ idleTime: 150, timeout: 8000 }).catch(() => {})

async function axe(page) {
  return page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ['violations'] })
    return found.violations.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(x => x.html.slice(0, 160)).join(' | ')}`)
  })
}

async function look(page, target, width, theme) {
  const violations = await axe(page)
  if (await page.evaluate(() => globalThis.__xss)) violations.push('script: a text of the data was run')
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  if (wide > width) violations.push(`reflow: ${wide} pixels wide in a window of ${width}`)
  if (width === 1280 && theme === 'light') violations.push(...await page.evaluate(structure), ...await page.evaluate(pictures), ...await walk(page), ...await enlarged(page, 1280), ...await spaced(page, 1280))
  if (width === 320 && theme === 'dark') violations.push(...await spaced(page, 320))
  console.log(JSON.stringify({ target, width, theme, title: await page.title(), violations }))
}

// weigh loads a page as somebody does who comes for the first time, then as somebody who comes back.
async function weigh(target) {
  const page = await browser.newPage()
  const wire = await page.createCDPSession()
  let bytes = 0, requests = 0
  const hosts = new Set()
  await wire.send('Network.enable')
  wire.on('Network.loadingFinished', e => { bytes += e.encodedDataLength })
  wire.on('Network.requestWillBeSent', e => { if (!e.request.url.startsWith('data:')) { requests++; hosts.add(new URL(e.request.url).host) } })
  try {
    await page.setViewport({ width: 1280, height: 900 })
    await wire.send('Network.clearBrowserCache')
    await page.goto(target, { waitUntil: 'load' })
    await settle(page)
    const first = { bytes, requests, nodes: await page.evaluate(() => document.getElementsByTagName('*').length) }
    const cookies = (await page.cookies()).length
    bytes = requests = 0
    await page.goto(target, { waitUntil: 'load' })
    await settle(page)
    console.log(JSON.stringify({ target, title: await page.title(), weight: { ...first, again: bytes, hosts: [...hosts], cookies } }))
  } finally {
    await page.close()
  }
}

try {
  const page = await browser.newPage()
  page.setDefaultTimeout(20000)
  await page.setBypassCSP(true) // axe is a script; the pages themselves have next to none
  for (const target of process.argv.slice(2)) {
    await open(page, target)
    await settle(page)
    await page.evaluate(source)
    for (const theme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
      for (const width of [320, 768, 1280]) {
        if (width === 768 && !shots) continue
        await page.setViewport({ width, height: 900 })
        if (shots) await page.evaluate(() => document.activeElement?.blur())
        if (shots) await page.screenshot({ path: `${shots}/${pictured(target)}-${width}-${theme}.png`, fullPage: true })
        if (width !== 768) await look(page, target, width, theme)
      }
    }
    if (/^https?:/.test(target)) await weigh(target)
  }
} finally {
  await browser.close()
}
