// Follows one run: asks for the events it has not drawn yet, and draws its charts from them. The traces are made in live_charts.js.
// `element`, `props`, `server`, `watch` are given by gr.HTML. Plotly is kept at load: other bundles overwrite the global.
const P = window.Plotly;
const PULL_MS = 400, SLOW_MS = 3000, MOST_LINES = 400;
// Side figures are looked at less: they are drawn less often, for the processor is the training's.
const SIDE_MS = 2000, SIDE = ['rate', 'norm', 'speed', 'tokens'];
const OPTIONS = {responsive: true, displaylogo: false, displayModeBar: false};
const MEASURES = ['alignment', 'uniformity', 'random_cosine', 'auc'];
const find = selector => element.querySelector(selector);
const plots = Object.fromEntries([...element.querySelectorAll('.plot')].map(node => [node.dataset.plot, node]));
const choice = {smoothing: 0.6, log: false, along: 'step'};
let run = '', timer = null, turn = 0, drawn, generation, steps, now, evaluations, measures, histogram, lines, spaceWasOpened, drawMs = 0, sideAt = 0, reached = 0;
const stale = new Set();

const colour = name => getComputedStyle(element).getPropertyValue(name).trim();

function forget() {
  drawn = 0; generation = 0; steps = {}; now = null; evaluations = []; measures = []; histogram = null; lines = [];
}

function layout({small = false, legend = !small, along = choice.along, yaxis = {}, xaxis = {}, ...rest}) {
  const axis = {gridcolor: colour('--border-color-primary'), zeroline: false, linecolor: colour('--border-color-primary'), automargin: true};
  const title = {step: 'step', epoch: 'epoch', seconds: 'seconds of training'}[along];
  return {
    uirevision: run, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true,
    font: {color: colour('--body-text-color'), size: small ? 11 : 12, family: 'Inter, system-ui, sans-serif'},
    margin: {l: small ? 40 : 52, r: 14, t: 8, b: small ? 26 : 38}, hovermode: 'x unified', hoverlabel: {bgcolor: colour('--background-fill-primary')},
    legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', font: {size: 11}}, showlegend: legend,
    // A zoom holds as long as the axis counts the same.
    xaxis: {...axis, title: small ? undefined : {text: title, standoff: 6}, rangemode: 'tozero', uirevision: run + along, nticks: small ? 5 : undefined, ...xaxis},
    yaxis: {...axis, uirevision: `${run}${yaxis.type || ''}`, ...yaxis}, ...rest,
  };
}

function reach() {
  const at = last(steps[choice.along]) || 0, step = last(steps.step) || 0;
  const points = evaluations.map(event => event[choice.along] || 0);
  const whole = choice.along === 'seconds' ? at : choice.along === 'step' ? last(steps.total_steps) || 0 : step ? at * last(steps.total_steps) / step : 0;
  return Math.max(whole, at, ...points, choice.along === 'step' ? 1 : 1e-3);
}

// How each chart is drawn: a figure, or nothing where its series is empty.
const line = (name, yaxis = {}) => () => {
  const values = steps[name] || [];
  return values.some(value => value != null) && [lineTraces(steps[choice.along], values), layout({small: true, yaxis})];
};
const measure = name => () => {
  const known = measures.filter(event => event[name] != null);
  return known.length > 0 && [lineTraces(known.map(event => event[choice.along]), known.map(event => event[name])), layout({small: true})];
};
const FIGURES_OF = {
  loss: () => [lossTraces(steps, choice.along, choice.smoothing), layout({yaxis: {type: choice.log ? 'log' : 'linear'}})],
  evaluation: () => [evaluationTraces(curvesOf(evaluations), choice.along, reach()), layout({yaxis: {tickformat: '.4~g'}})],
  rate: line('learning_rate', {exponentformat: 'e'}), norm: () => (steps.grad_norm || []).some(value => value != null) && [normTraces(steps[choice.along], steps), layout({small: true})],
  speed: line('examples_per_second', {rangemode: 'tozero'}), tokens: line('tokens_per_second', {rangemode: 'tozero'}),
  ...Object.fromEntries(MEASURES.map(name => [name, measure(name)])),
  histogram: () => histogram && [histogramTraces(histogram), layout({
    small: true, legend: true, barmode: 'overlay', bargap: 0, along: '', hovermode: 'closest', xaxis: {range: [-1, 1], rangemode: 'normal'}, yaxis: {tickformat: '.0%'},
  })],
};

function draw(everything = false) {
  // A figure drawn in a hidden tab has no size: it stays stale until it can be seen.
  if (!element.offsetWidth || find('.shown').hidden) return;
  const began = performance.now(), sideIsDue = began - sideAt >= SIDE_MS;
  if (sideIsDue) sideAt = began;
  for (const name of [...stale]) {
    if (SIDE.includes(name) && plots[name].data && !sideIsDue && !everything) continue;
    const figure = FIGURES_OF[name](), box = plots[name].closest('.chart');
    box.hidden = !figure;
    if (!figure) { stale.delete(name); continue; }
    if (!plots[name].offsetWidth) continue;
    P.react(plots[name], ...figure, OPTIONS);
    stale.delete(name);
  }
  drawMs = performance.now() - began;
}

function renew(...names) { names.forEach(name => stale.add(name)); }

function tiles(news) {
  const {status, final, machine} = news, curve = curvesOf(evaluations)[0], figure = curve ? nameOfFigure(curve.newest.figure) : 'Spearman';
  const score = event => event && event.value != null ? event.value.toFixed(4) : '–';
  // The scores of the Evaluate and Runs tabs are of all pairs.
  const part = curve && curve.newest.of_pairs > curve.newest.pairs ? `, ${curve.newest.pairs} pairs` : '';
  const told = [
    ['Step', now ? `${now.step.toLocaleString('en')} of ${now.total_steps.toLocaleString('en')}` : '–'],
    ['Loss', asNumber(now?.loss)],
    [`${figure.replace(' of cosines', '')} now${part}`, score(curve?.newest)],
    [`Untouched model${part}`, score(curve?.base)],
    ['Learning rate', now?.learning_rate == null ? '–' : now.learning_rate.toExponential(1)],
    ['Gradient norm', asNumber(now?.grad_norm)],
    ['Examples a second', asNumber(now?.examples_per_second)],
    now?.tokens_per_second != null && ['Tokens a second', asNumber(now.tokens_per_second)],
    now?.padding != null && ['Padding', `${(100 * now.padding).toFixed(1)} %`],
    final ? ['Took', asTime(status.seconds)] : ['Time left', status.state === 'training' ? asTime(now?.seconds_left) : '–'],
  ];
  if (machine && machine.alive && !final) told.push(
    ['Processor', machine.cpu_percent == null ? '–' : `${(machine.cpu_percent / 100).toFixed(1)} of ${machine.cores} cores`],
    ['Memory', asBytes(machine.memory_bytes)],
    machine.gpu_percent != null && ['GPU', `${Math.round(machine.gpu_percent)} %`],
    machine.gpu_memory_bytes != null && ['GPU memory', asBytes(machine.gpu_memory_bytes)],
  );
  put(find('.tiles'), told.filter(Boolean));
}

// Texts change in place: a box that is made anew on each pull is one to collect.
function put(place, told) {
  while (place.children.length > told.length) place.lastChild.remove();
  told.forEach(([name, value], index) => {
    let box = place.children[index];
    if (!box) {
      box = document.createElement('div'); box.className = 'tile';
      box.append(document.createElement('small'), document.createElement('b'));
      place.append(box);
    }
    if (box.firstChild.textContent !== name) box.firstChild.textContent = name;
    if (box.lastChild.textContent !== value) box.lastChild.textContent = value;
  });
}

function say(news) {
  const {status, final, machine} = news, progress = final ? null : news.progress;
  const freed = final && machine && !machine.alive ? `${/[.!?…]$/.test(status.text) ? '' : '.'} Its process has ended; all of its memory is free.` : '';
  const says = `${status.state[0].toUpperCase()}${status.state.slice(1)}${status.text ? ' · ' + status.text : ''}${freed}`;
  // It is read out when it changes.
  if (find('.says').textContent !== says) find('.says').textContent = says;
  const share = progress ? progress.done / Math.max(1, progress.total) : now && status.state === 'training' ? now.step / now.total_steps : null;
  bar(final ? null : share, progress ? `${progress.phase}: ${progress.done.toLocaleString('en')} of ${progress.total.toLocaleString('en')}` : '');
  trouble(status);
  find('[data-title=evaluation]').textContent = evaluationTitle(curvesOf(evaluations));
  tiles(news);
  find('.space .hint').hidden = measures.length > 0; find('.space .charts').hidden = !measures.length;
  if (measures.length && !spaceWasOpened) { spaceWasOpened = true; find('.space').open = true; }
  find('.shown').hidden = !(evaluations.length || now || lines.length);
}

function bar(share, phase) {
  find('.bar').hidden = share == null;
  find('.phase').textContent = share == null ? '' : phase;
  if (share == null) return;
  find('.bar div').style.width = `${100 * share}%`;
  find('.bar').setAttribute('aria-valuenow', Math.round(100 * share));
}

function trouble(status) {
  const text = status.fault ? [status.fault, ...(status.log.length ? ['', 'Last lines of its log:', ...status.log] : [])].join('\n') : '';
  if (find('.trouble').textContent === text) return;
  find('.trouble').replaceChildren();
  if (!text) return;
  const box = document.createElement('div');
  box.className = 'problem'; box.setAttribute('role', 'alert'); box.style.whiteSpace = 'pre-wrap'; box.textContent = text;
  find('.trouble').append(box);
}

function take(news) {
  if (news.whole) { forget(); renew(...Object.keys(plots)); }
  if (news.steps.step.length) {
    for (const [name, values] of Object.entries(news.steps)) steps[name] = (steps[name] || []).concat(values);
    renew('loss', ...SIDE);
    // The dashed line goes as far as the run will.
    if (reach() !== reached) { reached = reach(); renew('evaluation'); }
  }
  if (news.evaluations.length) { evaluations = evaluations.concat(news.evaluations); renew('evaluation'); }
  if (news.measures.length) { measures = measures.concat(news.measures); renew(...MEASURES); }
  if (news.histogram) { histogram = news.histogram; renew('histogram'); }
  if (news.lines.length) {
    lines = lines.concat(news.lines.map(each => {
      const text = each.type === 'state' ? [each.state, each.detail].filter(Boolean).join(': ') : each.text;
      return `${new Date(each.t * 1000).toLocaleTimeString()}  ${text}`;
    })).slice(-MOST_LINES);
  }
  if (news.whole || news.lines.length) find('.log pre').textContent = lines.join('\n');
  now = news.now; drawn = news.last; generation = news.generation;
}

async function pull(mine) {
  // A page that is slow to draw asks less often: the processor is the training's.
  let wait = Math.max(PULL_MS, 6 * drawMs);
  try {
    const news = await server.news_of_run([visitor(), run, drawn, generation]);
    if (mine !== turn) return;
    if (news.fault !== undefined) { find('.says').textContent = news.fault; find('.shown').hidden = true; bar(null); return; }
    if (news.gone) { find('.says').textContent = 'This run was deleted.'; find('.shown').hidden = true; bar(null); return; }
    if (news.reading) {
      find('.says').textContent = `Reading what was written so far… ${Math.round(100 * news.share_read)} %`;
      wait = 0;
    } else {
      take(news); say(news); draw(news.final);
      if (news.final && news.share_read === 1 && !news.machine?.alive) return;
    }
  } catch (error) {
    if (mine !== turn) return;
    // The app restarts or the network blinks: the run goes on, so keep asking, slower.
    find('.says').textContent = 'The app does not answer; the run goes on without it. Trying again…';
    wait = SLOW_MS;
  }
  if (mine === turn) timer = setTimeout(() => pull(mine), wait);
}

function start() {
  clearTimeout(timer);
  turn += 1; run = (props.value || '').split(' ')[0]; spaceWasOpened = false; forget(); stale.clear();
  Object.values(plots).forEach(node => { P.purge(node); node.closest('.chart').hidden = false; });
  find('.trouble').replaceChildren(); bar(null); find('.shown').hidden = true; find('.space').open = false;
  find('.says').textContent = run ? 'Opening the run…' : 'No run yet. Press “Start training”: the quick demo takes a few seconds.';
  if (run) pull(turn);
}

// What is chosen holds for every run that is shown after.
for (const node of element.querySelectorAll('[data-control]')) node.addEventListener('input', () => {
  const name = node.dataset.control;
  choice[name] = name === 'log' ? node.checked : name === 'smoothing' ? Number(node.value) : node.value;
  find('.controls output').textContent = choice.smoothing.toFixed(2);
  renew(...(name === 'along' ? Object.keys(plots) : ['loss']));
  draw(true);
});
find('.space').addEventListener('toggle', () => draw());
new ResizeObserver(() => {
  if (!element.offsetWidth || find('.shown').hidden) return;
  Object.values(plots).forEach(node => { if (node.data && node.offsetWidth) P.Plots.resize(node); });
  draw();
}).observe(element);
watch('value', start);
start();
