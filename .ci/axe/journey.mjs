// The journey of somebody who reuses data, with the keyboard alone: home, « subventions », a town, a filter, the Parquet file.
// Usage: node journey.mjs HOME FOLDER TOWN [noscript]. Prints {"tabs":n,"file":path,"steps":[…]} or fails with what stood in the way.
import { readdirSync, mkdirSync } from 'node:fs'
import puppeteer from 'puppeteer-core'

const [home, folder, town, mode] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--lang=fr-FR'] })
let tabs = 0
const steps = []
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(20000)
  await page.setViewport({ width: 1280, height: 900 })
  if (mode === 'noscript') await page.setJavaScriptEnabled(false)
  const wire = await browser.target().createCDPSession()
  await wire.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder })

  // at says what has the focus: its words, its name, or its label.
  const at = () => page.evaluate(() => {
    const e = document.activeElement
    return `${e.tagName} ${e.id} ${e.labels?.[0]?.textContent ?? ''} ${e.tagName === 'SELECT' ? '' : e.textContent}`.replace(/\s+/g, ' ').trim().slice(0, 120)
  })
  // reach presses Tab, with a key held or none, until what has the focus matches.
  const reach = async (what, most = 12, held) => {
    for (let i = 0; i < most; i++) {
      if (held) await page.keyboard.down(held)
      await page.keyboard.press('Tab')
      if (held) await page.keyboard.up(held)
      tabs++
      if (what.test(await at())) return
    }
    throw new Error(`${tabs} Tab: ${what} is not within ${most} of where one was; now at ${await at()}; ${page.url()}`)
  }
  const enter = async () => {
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.keyboard.press('Enter')])
    steps.push(`${tabs} Tab: ${await page.title()}`)
  }
  // skip uses the link that leads to the content.
  const skip = async () => {
    await reach(/Aller au contenu/, 1)
    await page.keyboard.press('Enter')
  }

  await page.goto(home, { waitUntil: 'load' })
  await skip()
  await reach(/^INPUT q /)
  await page.keyboard.type('subventions')
  await enter()

  await skip()
  await reach(/^INPUT q /)
  await page.keyboard.press('End')
  await page.keyboard.type(` ${town}`)
  await enter()

  await skip()
  await reach(new RegExp(`lignes de ${town}`))
  await enter()

  await skip()
  await reach(/^SUMMARY .*Filtrer/)
  await page.keyboard.press('Space')
  await reach(/^SELECT colonne/, 1)
  await page.keyboard.type('Montant')
  await reach(/^SELECT condition/, 1)
  await page.keyboard.type('au moins')
  await reach(/^INPUT valeur/, 1)
  await page.keyboard.type('5000')
  await enter()
  const told = await page.evaluate(() => document.querySelector('main caption')?.textContent ?? '')

  // The filtered rows are where one now is: what downloads them comes just before.
  await reach(/^SUMMARY .*Télécharger/, 3, 'Shift')
  await page.keyboard.press('Space')
  await reach(/Parquet/, 3)
  await page.keyboard.press('Enter')
  let file
  for (let i = 0; i < 100 && !file; i++) {
    await new Promise(done => setTimeout(done, 100))
    file = readdirSync(folder).find(name => name.endsWith('.parquet'))
  }
  if (!file) throw new Error(`${tabs} Tab: no file came; now at ${await at()}`)
  console.log(JSON.stringify({ tabs, file: `${folder}/${file}`, told, steps }))
} finally {
  await browser.close()
}
