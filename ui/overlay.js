// Draws runs over each other, and asks again while one of them goes on. `drawFigures` and `clearFigures` stand in figures.js, which comes before.
// `element`, `props`, `server` and `watch` are given by gr.HTML.
const PULL_MS = 2000;
const place = element.querySelector('.overlaid'), table = element.querySelector('.differences');
let turn = 0, timer = null, mark = '', shown = '';

function show(news) {
  if (!news.loss) clearFigures(place);
  place.hidden = !news.loss;
  // The server has escaped every text in it.
  table.innerHTML = news.html;
  element.querySelector('[data-title=overlay]').textContent = news.title;
  for (const node of place.querySelectorAll('[data-part]')) {
    const figure = news[node.dataset.part];
    if (figure) node.dataset.figure = JSON.stringify(figure); else delete node.dataset.figure;
  }
  drawFigures(place);
}

async function pull(mine) {
  let final = false;
  // Nobody sees a closed block: it is asked for when it opens.
  if (element.offsetWidth) try {
    const news = await server.news_of_overlay([visitor(), props.value || {}, mark]);
    if (mine !== turn) return;
    if (news.mark !== mark) { mark = news.mark; show(news); }
    final = news.final;
  } catch (error) {
    if (mine !== turn) return;
  }
  if (mine === turn && !final) timer = setTimeout(() => pull(mine), PULL_MS);
}

function start() {
  // A block that opens again is the same choice: what it shows need not be asked for anew.
  const chosen = JSON.stringify(props.value || {});
  if (chosen !== shown) { mark = ''; shown = chosen; }
  clearTimeout(timer); turn += 1; pull(turn);
}

let wasSeen = false;
new ResizeObserver(() => {
  const isSeen = element.offsetWidth > 0;
  if (isSeen && !wasSeen) start();
  wasSeen = isSeen;
  if (isSeen) drawFigures(place);
}).observe(element);
watch('value', start);
start();
