// Shows a job's folder: asks for its view until it is whole, draws the pictures in it, and tells which button was pressed.
// `element`, `props`, `server`, `watch` and `trigger` are given by gr.HTML.
// `drawFigures` and `clearFigures` stand in figures.js, which comes before.
const PULL_MS = 250, SLOW_MS = 3000;
const place = element.querySelector('.job-view'), working = element.querySelector('.working');
const opened = new Set();
let turn = 0, timer = null, mark = '', sawWorking = false;

function showThreshold() {
  const slider = place.querySelector('.threshold');
  if (!slider) return;
  const shares = JSON.parse(slider.dataset.shares), name = Number(slider.value).toFixed(2);
  place.querySelector('.threshold-at').textContent = name;
  place.querySelector('.threshold-share').textContent = `${(100 * shares[name]).toFixed(1)} %`;
}

function put(html) {
  clearFigures(place);
  // The server has escaped every text in it.
  place.innerHTML = html;
  place.classList.remove('stale');
  for (const node of place.querySelectorAll('details')) node.open = opened.has(node.dataset.name);
  drawFigures(place);
  showThreshold();
}

function showWorking(told) {
  working.hidden = !told;
  if (!told) { working.querySelector('button').disabled = false; return; }
  working.querySelector('span').textContent = told.text;
  working.querySelector('.bar div').style.width = `${100 * told.share}%`;
  working.querySelector('.bar').setAttribute('aria-valuenow', Math.round(100 * told.share));
}

async function pull(mine) {
  let wait = PULL_MS;
  try {
    const news = await server.news_of_job([visitor(), props.value || {}, mark]);
    if (mine !== turn) return;
    showWorking(news.working);
    if (news.mark !== mark) { mark = news.mark; put(news.html); }
    sawWorking = sawWorking || Boolean(news.working);
    if (news.final) { if (news.ended || sawWorking) trigger('ended', {}); return; }
  } catch (error) {
    if (mine !== turn) return;
    wait = SLOW_MS;
  }
  if (mine === turn) timer = setTimeout(() => pull(mine), wait);
}

function start() { clearTimeout(timer); turn += 1; mark = ''; sawWorking = false; place.classList.add('stale'); pull(turn); }

place.addEventListener('click', event => {
  const button = event.target.closest('[data-set]');
  if (button && !button.disabled) {
    button.disabled = true;
    // A press that changes nothing leaves the view as it is.
    setTimeout(() => { button.disabled = false; }, 1500);
    trigger('choose', JSON.parse(button.dataset.set));
  }
});
working.querySelector('button').addEventListener('click', event => {
  event.target.disabled = true;
  trigger('choose', {cancel: true});
});
place.addEventListener('toggle', event => {
  if (event.target.isConnected) opened[event.target.open ? 'add' : 'delete'](event.target.dataset.name);
}, true);
place.addEventListener('input', event => { if (event.target.matches('.threshold')) showThreshold(); });
new ResizeObserver(() => drawFigures(place)).observe(element);
watch('value', start);
start();
