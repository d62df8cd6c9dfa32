// Asks now and then whether anything about the runs changed, and says so to the page. The value is the mark of what it shows.
// `element`, `props`, `server`, `trigger`, `watch` are given by gr.HTML.
const SLOW_MS = 3000, EMPTY_MS = 5000;
const away = element.querySelector('.away');
let timer = null, turn = 0;

async function ask(mine) {
  let wait = SLOW_MS;
  try {
    const told = await server.has_news([visitor(), props.value, window.chosenRun]);
    if (mine !== turn) return;
    away.hidden = true;
    if (told.news) trigger('arrived', {});
    wait = told.wait || SLOW_MS;
  } catch (error) {
    // The app restarts or the network blinks: keep asking, slower.
    if (mine !== turn) return;
    away.hidden = false;
  }
  timer = setTimeout(() => ask(mine), wait);
}

function start() {
  clearTimeout(timer); turn += 1;
  const mine = turn;
  // A page that shows nothing is being filled, or that has failed.
  timer = setTimeout(() => ask(mine), props.value ? 1000 : EMPTY_MS);
}

watch('value', start);
start();
