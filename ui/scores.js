// Shows a run's scores, and fills every `data-pairs` place of this tab, those in a measured card too, with pictures of its pairs.
// `drawFigures` and `clearFigures` stand in figures.js, which comes before. `element`, `props`, `server` and `watch` are given by gr.HTML.
const place = element.querySelector('.drawn'), home = element.closest('[role=tabpanel]') || document.body;
const filled = new Map();
let shown = null;

function draw(node) {
  drawFigures(node);
  for (const plot of node.querySelectorAll('.pair-scatter [data-figure]')) {
    if (!plot.on) continue;
    // A figure that was cleared meanwhile has forgotten its listener; one that was not must not have two.
    plot.removeAllListeners('plotly_click');
    plot.on('plotly_click', event => readPair(node, event.points[0].customdata));
  }
}

async function readPair(node, row) {
  const line = node.querySelector('.pair-line'), asked = JSON.parse(node.dataset.pairs);
  try {
    // The server has escaped every text in it.
    line.innerHTML = (await server.pair_at([visitor(), ...asked, row])).html;
  } catch (error) {
    line.textContent = 'The app does not answer. Reload the page once it runs again.';
  }
}

async function fill(node) {
  const key = node.dataset.pairs;
  node.classList.add('filled');
  // What is drawn already keeps its zoom, the pair that is read and the list that is open.
  if (filled.has(key)) { node.replaceWith(filled.get(key)); draw(filled.get(key)); return; }
  filled.set(key, node);
  node.textContent = 'Reading the pairs…';
  try {
    node.innerHTML = (await server.pairs_of([visitor(), ...JSON.parse(key)])).html;
    draw(node);
  } catch (error) {
    node.textContent = 'The app does not answer. Reload the page once it runs again.';
    filled.delete(key);
  }
}

function look() {
  for (const node of home.querySelectorAll('[data-pairs]:not(.filled)')) fill(node);
  for (const [key, node] of filled) {
    if (!node.isConnected) { clearFigures(node); filled.delete(key); }
  }
}

function show() {
  const html = props.value || '';
  if (html === shown) return;
  shown = html;
  // The server has escaped every text in it.
  place.innerHTML = html;
  reachScrolls(place);
  look();
}

new ResizeObserver(() => { reachScrolls(place); for (const node of filled.values()) draw(node); }).observe(element);
new MutationObserver(look).observe(home, {childList: true, subtree: true});
watch('value', show);
show();
