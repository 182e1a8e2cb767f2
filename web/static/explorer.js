// The only script of the portal: it copies an address, and opens a map. Pages say all without it.
'use strict'

for (const button of document.querySelectorAll('[data-copie]')) {
  if (!navigator.clipboard) break
  button.hidden = false
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copie).textContent.trim())
    button.textContent = 'Adresse copiée'
  })
}

// Choosing a column changes nothing by itself (WCAG 3.2.2): the links « filtrer » of the table lead to the form of a column.
if (new URLSearchParams(location.search).has('filtrer')) document.querySelector('#filtrer #condition')?.focus()

const place = document.getElementById('carte')
const opener = document.getElementById('ouvrir-carte')
const told = document.getElementById('etat-carte')
if (place && opener) {
  opener.hidden = false
  opener.addEventListener('click', () => {
    opener.disabled = true
    told.textContent = 'La carte se prépare…'
    openMap().then(
      () => { opener.hidden = true },
      (fault) => {
        console.error(fault)
        opener.disabled = false
        told.textContent = 'La carte n’a pas pu s’ouvrir dans ce navigateur. Le dessin et le tableau disent la même chose.'
      },
    )
  })
}

const words = {
  'Map.Title': 'Carte', 'NavigationControl.ZoomIn': 'Agrandir', 'NavigationControl.ZoomOut': 'Réduire', 'NavigationControl.ResetBearing': 'Remettre le nord en haut',
  'Popup.Close': 'Fermer', 'AttributionControl.ToggleAttribution': 'Sources du fond de carte',
}

async function openMap() {
  const set = place.dataset
  const [library, answer] = await Promise.all([import(set.script), fetch(set.geojson), sheet(set.feuille)])
  if (!answer.ok) throw new Error(`places: ${answer.status}`)
  const data = await answer.json()
  data.features = data.features.filter((f) => f.geometry)
  const frame = extent(data.features)
  const onlyPoints = data.features.every((f) => f.geometry.type === 'Point')
  library.setWorkerUrl(new URL(set.worker, location.href).href)
  const holder = document.createElement('div')
  holder.className = 'carte-vive'
  place.append(holder)
  const tint = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  let map
  try {
    map = new library.Map({
      container: holder, bounds: frame, fitBoundsOptions: { padding: 40, maxZoom: 15 }, locale: words, dragRotate: false, pitchWithRotate: false,
      attributionControl: set.fond ? { compact: true } : false, fadeDuration: 0,
      style: set.fond || { version: 8, sources: {}, layers: [{ id: 'fond', type: 'background', paint: { 'background-color': tint('--creux') } }] },
    })
  } catch (fault) {
    holder.remove()
    throw fault
  }
  map.getCanvas().setAttribute('aria-label', `${set.nom}. Flèches pour se déplacer, plus et moins pour agrandir ou réduire.`)
  map.addControl(new library.NavigationControl({ showCompass: false }), 'top-right')
  await new Promise((done, fail) => {
    map.once('load', done)
    map.once('error', (e) => fail(e.error))
  })
  draw(map, data, onlyPoints, tint)
  listen(map, library, JSON.parse(set.titres))
  await new Promise((done) => map.once('idle', done))
  place.querySelector('svg').hidden = true
  const shown = map.queryRenderedFeatures({ layers: ['points', 'groupes', 'lignes', 'surfaces'].filter((l) => map.getLayer(l)) })
  set.dessines = shown.length
  told.textContent = `${data.features.length >= 20000 ? 'Les premiers ' : ''}${data.features.length.toLocaleString('fr')} lieux. Flèches pour se déplacer, plus et moins pour agrandir ou réduire ; le tableau ci-dessous dit la même chose.`
  map.getCanvas().focus({ preventScroll: true })
}

// sheet adds the library's style sheet.
function sheet(address) {
  return new Promise((done, fail) => {
    const link = document.createElement('link')
    link.rel = 'stylesheet'
    link.href = address
    link.onload = done
    link.onerror = fail
    document.head.append(link)
  })
}

function extent(features) {
  const box = [180, 90, -180, -90]
  const walk = (c) => {
    if (typeof c[0] !== 'number') return c.forEach(walk)
    box[0] = Math.min(box[0], c[0])
    box[1] = Math.min(box[1], c[1])
    box[2] = Math.max(box[2], c[0])
    box[3] = Math.max(box[3], c[1])
  }
  for (const f of features) for (const g of f.geometry.geometries ?? [f.geometry]) walk(g.coordinates)
  return box
}

// draw adds points in groups, lines and surfaces. There are no texts on the map: they would need fonts from somewhere.
function draw(map, data, onlyPoints, tint) {
  const colour = tint('--teinte')
  const rim = tint('--carte')
  map.addSource('lieux', { type: 'geojson', data, cluster: onlyPoints, clusterRadius: 36, clusterMaxZoom: 13 })
  const circle = { 'circle-color': colour, 'circle-stroke-color': rim, 'circle-stroke-width': 1.5 }
  if (!onlyPoints) {
    map.addLayer({ id: 'surfaces', type: 'fill', source: 'lieux', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': colour, 'fill-opacity': 0.25 } })
    map.addLayer({ id: 'lignes', type: 'line', source: 'lieux', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colour, 'line-width': 2 } })
  }
  map.addLayer({ id: 'points', type: 'circle', source: 'lieux', filter: ['all', ['==', ['geometry-type'], 'Point'], ['!', ['has', 'point_count']]], paint: { ...circle, 'circle-radius': 5.5 } })
  if (onlyPoints) {
    map.addLayer({ id: 'groupes', type: 'circle', source: 'lieux', filter: ['has', 'point_count'],
      paint: { ...circle, 'circle-opacity': 0.85, 'circle-radius': ['interpolate', ['linear'], ['ln', ['get', 'point_count']], 0, 8, 9, 34] } })
  }
}

// listen tells what a place is when it is clicked; a group opens.
function listen(map, library, titles) {
  const layers = ['groupes', 'points', 'lignes', 'surfaces'].filter((l) => map.getLayer(l))
  map.on('mousemove', (e) => { map.getCanvas().style.cursor = map.queryRenderedFeatures(e.point, { layers }).length ? 'pointer' : '' })
  map.on('click', async (e) => {
    const [found] = map.queryRenderedFeatures(e.point, { layers })
    if (!found) return
    if (found.properties.cluster) {
      const zoom = await map.getSource('lieux').getClusterExpansionZoom(found.properties.cluster_id)
      map.easeTo({ center: found.geometry.coordinates, zoom, animate: !matchMedia('(prefers-reduced-motion: reduce)').matches })
      return
    }
    new library.Popup({ maxWidth: '20rem' }).setLngLat(e.lngLat).setDOMContent(card(found.properties, titles)).addTo(map)
  })
}

// card writes what is known of a place, as text and nothing but text.
function card(properties, titles) {
  const list = document.createElement('dl')
  list.className = 'lieu'
  for (const [name, title] of Object.entries(titles)) {
    const value = properties[name]
    if (value == null || value === '') continue
    const term = document.createElement('dt')
    const said = document.createElement('dd')
    term.textContent = title
    said.textContent = typeof value === 'number' ? value.toLocaleString('fr', { useGrouping: !/ann|code|num/i.test(name) }) : String(value).slice(0, 300)
    list.append(term, said)
  }
  return list
}
