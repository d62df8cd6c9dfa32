// Leads a first visit: each button opens its tab, the first one presses Start training there. The one that comes next is lit.
// `element`, `props` and `watch` are given by gr.HTML.
const list = element.querySelector('.first-steps'), visited = new Set();
const STEPS = [
  {tab: 'Train', text: {start: 'Train the quick demo', wait: 'Training…', done: 'Trained'}},
  {tab: 'Evaluate', text: {start: 'Is it better?', wait: 'Is it better?', done: 'Is it better?'}},
  {tab: 'Explore', text: {start: 'Walk its map', wait: 'Walk its map', done: 'Walk its map'}},
];

function open(name) {
  [...document.querySelectorAll('[role=tab]')].find(tab => tab.textContent.trim() === name)?.click();
}

function show() {
  const far = props.value || '';
  if (far !== 'done') visited.clear();
  const works = place => place ? far === 'done' : far === 'start';
  const next = STEPS.findIndex((step, place) => works(place) && !visited.has(step.tab));
  list.replaceChildren(...(far ? STEPS : []).map((step, place) => {
    const line = document.createElement('li'), button = document.createElement('button'), number = document.createElement('i');
    button.type = 'button'; button.disabled = !works(place); button.className = place === next ? 'next' : '';
    number.textContent = (place ? visited.has(step.tab) : far === 'done') ? '✓' : place + 1;
    number.setAttribute('aria-hidden', 'true');
    button.append(number, step.text[far]);
    button.addEventListener('click', () => press(step, place));
    line.append(button);
    return line;
  }));
}

// A tab that was never opened has no button yet.
async function start() {
  let button = null;
  for (let tries = 0; tries < 200 && !button; tries += 1) {
    await new Promise(done => setTimeout(done, 50));
    button = document.querySelector('#start-training');
  }
  button?.click();
}

function press(step, place) {
  open(step.tab);
  if (!place) {
    // Not twice; where nothing was started it can be pressed again.
    list.querySelector('button').disabled = true;
    setTimeout(show, 6000);
    start();
    return;
  }
  visited.add(step.tab);
  show();
  // The button that had the focus was made anew.
  list.querySelectorAll('button')[place].focus();
}
watch('value', show);
show();
