// Leads a first visit: each button opens its tab, the first one presses Start training there. The one that comes next is lit.
// `element`, `props` and `watch` are given by gr.HTML.
const list = element.querySelector('.first-steps'), visited = new Set(kept());
const STEPS = [
  {tab: 'Train', text: {start: 'Train a first model', wait: 'Training…', done: 'Trained'}},
  {tab: 'Evaluate', text: {start: 'Is it better?', wait: 'Is it better?', done: 'Is it better?'}},
  {tab: 'Explore', text: {start: 'Walk its map', wait: 'Walk its map', done: 'Walk its map'}},
];
// So long a press is taken to be on its way: a busy studio may tell of the run late, and nobody wants two.
const ON_ITS_WAY_MS = 60000;
let pressedAt = -Infinity, before = '';

// The ticks outlive a reload. A browser that keeps nothing, as in a frame of another site, does without.
function kept() {
  try { return [...JSON.parse(localStorage.getItem('contrastive-studio-steps') || '[]')]; } catch { return []; }
}
function keep() {
  try { localStorage.setItem('contrastive-studio-steps', JSON.stringify([...visited])); } catch { /* It keeps nothing. */ }
}

// They are made once, for one that is made anew has lost the keyboard's focus.
const buttons = STEPS.map((step, place) => {
  const line = document.createElement('li'), button = document.createElement('button'), number = document.createElement('i');
  button.type = 'button';
  number.setAttribute('aria-hidden', 'true');
  button.append(number, '');
  button.addEventListener('click', () => { if (button.getAttribute('aria-disabled') === 'false') press(step, place); });
  line.append(button);
  list.append(line);
  return button;
});

function show() {
  const far = props.value || '';
  list.hidden = !far;
  if (!far) return;
  if (far !== before) { before = far; pressedAt = -Infinity; }
  if (far !== 'done' && visited.size) { visited.clear(); keep(); }
  const works = place => place ? far === 'done' : far === 'start' && performance.now() - pressedAt > ON_ITS_WAY_MS;
  const next = STEPS.findIndex((step, place) => works(place) && !visited.has(step.tab));
  STEPS.forEach((step, place) => {
    const button = buttons[place], isDone = place ? visited.has(step.tab) : far === 'done';
    button.setAttribute('aria-disabled', String(!works(place)));
    button.className = place === next ? 'next' : '';
    button.firstChild.textContent = isDone ? '✓' : place + 1;
    button.lastChild.textContent = step.text[far];
  });
}

// On a narrow page some tabs lie in a menu.
function open(name) {
  const tab = [...document.querySelectorAll('[role=tab], .overflow-dropdown button')].find(node => node.textContent.trim() === name);
  tab?.click();
  return Boolean(tab);
}

// A tab that was never opened has no button yet.
async function start() {
  let button = null;
  for (let tries = 0; tries < 200 && !button; tries += 1) {
    await new Promise(done => setTimeout(done, 50));
    button = document.querySelector('#start-training');
  }
  if (!button) pressedAt = -Infinity;
  button?.click();
  show();
}

function press(step, place) {
  if (!open(step.tab)) return;
  if (place) { visited.add(step.tab); keep(); show(); return; }
  pressedAt = performance.now();
  show();
  setTimeout(show, ON_ITS_WAY_MS + 100);
  start();
}
watch('value', show);
show();
