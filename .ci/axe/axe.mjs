// Looks at pages with axe-core in Chromium, each in both themes and at two widths, and prints what is wrong as JSON, one page a line.
// Arguments: addresses (http or file). "form=ADDRESS FILE" drops the file on the page's form first. GRENIER_TEST_AXE_SHOTS names a folder for pictures.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import puppeteer from 'puppeteer-core'

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

async function look(page, target, width, theme, n) {
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ['violations'] })
    return found.violations.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(x => x.html.slice(0, 160)).join(' | ')}`)
  })
  if (await page.evaluate(() => globalThis.__xss)) violations.push('script: a text of the data was run')
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  if (wide > width) violations.push(`reflow: ${wide} pixels wide in a window of ${width}`)
  if (shots) await page.screenshot({ path: `${shots}/${n}-${width}-${theme}.png`, fullPage: true })
  console.log(JSON.stringify({ target, width, theme, title: await page.title(), violations }))
}

try {
  const page = await browser.newPage()
  page.setDefaultTimeout(20000)
  await page.setBypassCSP(true) // axe is a script; the pages themselves have none
  let n = 0
  for (const target of process.argv.slice(2)) {
    await open(page, target)
    await page.evaluate(source)
    n++
    for (const theme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
      for (const width of [320, 1280]) {
        await page.setViewport({ width, height: 900 })
        await look(page, target, width, theme, n)
      }
    }
  }
} finally {
  await browser.close()
}
