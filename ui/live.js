// Follows one run: asks for the events it has not drawn yet, and draws four charts from them.
// `element`, `props`, `server`, `watch` are given by gr.HTML. Plotly is kept at load: other bundles overwrite the global.
const P = window.Plotly;
const SMOOTHING = 0.6, MOST_POINTS = 4000, PULL_MS = 400, SLOW_MS = 3000;
const COLOURS = {loss: '#6366f1', raw: 'rgba(99,102,241,.28)', evaluation: '#0d9488', untouched: '#94a3b8', other: '#64748b'};
const find = selector => element.querySelector(selector);
const plots = Object.fromEntries([...element.querySelectorAll('.plot')].map(node => [node.dataset.plot, node]));
let run = '', drawn = 0, generation = 0, timer = null, turn = 0, steps = {}, evaluations = [], lines = [];

const colour = name => getComputedStyle(element).getPropertyValue(name).trim();
const shortNumber = value => value == null ? '–' : value >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(3));
const asTime = seconds => seconds == null ? '–' : seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
// A cross-encoder gives scores, not cosines.
const spearman = figures => figures.spearman_cosine ?? figures.spearman;
const last = list => list && list.length ? list[list.length - 1] : null;

function layout(extra) {
  const axis = {gridcolor: colour('--border-color-primary'), zeroline: false, linecolor: colour('--border-color-primary'), automargin: true};
  const small = extra.small;
  return {
    uirevision: run, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true,
    font: {color: colour('--body-text-color'), size: 12, family: 'Inter, system-ui, sans-serif'},
    margin: {l: 52, r: 14, t: 8, b: small ? 28 : 38}, hovermode: 'x unified', hoverlabel: {bgcolor: colour('--background-fill-primary')},
    legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', font: {size: 11}}, showlegend: !small,
    xaxis: {...axis, title: small ? undefined : {text: 'step', standoff: 6}, rangemode: 'tozero'}, yaxis: {...axis, ...extra.yaxis},
  };
}

// Debiased exponential moving average, as training dashboards draw it.
function smoothed(values) {
  let sum = 0, weight = 1;
  return values.map(value => {
    sum = SMOOTHING * sum + (1 - SMOOTHING) * value;
    weight *= SMOOTHING;
    return sum / (1 - weight);
  });
}

function draw() {
  const x = steps.step || [], options = {responsive: true, displaylogo: false, displayModeBar: false};
  P.react(plots.loss, [
    {x, y: steps.loss, name: 'raw', line: {color: COLOURS.raw, width: 1.2}, mode: 'lines'},
    {x, y: smoothed(steps.loss || []), name: 'smoothed', line: {color: COLOURS.loss, width: 2.6}, mode: x.length < 2 ? 'markers' : 'lines'},
  ], layout({}), options);
  const untouched = evaluations.find(event => event.untouched);
  const figure = event => spearman(event.figures);
  const reach = Math.max(last(steps.total_steps) || 0, last(x) || 0, 1);
  const traces = [{
    x: evaluations.map(event => event.step), y: evaluations.map(figure), name: 'this run', mode: 'lines+markers',
    line: {color: COLOURS.evaluation, width: 2.4}, marker: {size: 6},
  }];
  if (untouched) traces.push({
    x: [0, reach], y: [figure(untouched), figure(untouched)], name: 'untouched model', mode: 'lines',
    line: {color: COLOURS.untouched, width: 1.6, dash: 'dash'},
  });
  P.react(plots.evaluation, traces, layout({yaxis: {tickformat: '.4~g'}}), options);
  const lone = x.length < 2 ? 'markers' : 'lines';
  P.react(plots.rate, [{x, y: steps.learning_rate, mode: lone, line: {color: COLOURS.other, width: 1.8}}], layout({small: true, yaxis: {exponentformat: 'e'}}), options);
  P.react(plots.speed, [{x, y: steps.examples_per_second, mode: lone, line: {color: COLOURS.other, width: 1.8}}], layout({small: true, yaxis: {rangemode: 'tozero'}}), options);
}

function tile(name, value) {
  const box = document.createElement('div'), label = document.createElement('small'), text = document.createElement('b');
  box.className = 'tile'; label.textContent = name; text.textContent = value;
  box.append(label, text);
  return box;
}

function say(news) {
  const {status, final} = news, untouched = evaluations.find(event => event.untouched), newest = last(evaluations);
  find('.says').textContent = `${status.state[0].toUpperCase()}${status.state.slice(1)}${status.text ? ' · ' + status.text : ''}`;
  const progress = news.progress;
  find('.bar').hidden = !progress || final;
  if (progress) find('.bar div').style.width = `${100 * progress.done / Math.max(1, progress.total)}%`;
  find('.trouble').replaceChildren();
  if (status.fault) {
    const box = document.createElement('div');
    box.className = 'problem'; box.setAttribute('role', 'alert');
    box.textContent = [status.fault, ...(status.log.length ? ['', 'Last lines of its log:', ...status.log] : [])].join('\n');
    box.style.whiteSpace = 'pre-wrap';
    find('.trouble').append(box);
  }
  const name = newest ? `${newest.data.replace('/', ' ')} · ${newest.pairs.toLocaleString('en')} pairs` : '';
  find('[data-title=evaluation]').textContent = newest ? `Spearman of cosines, ${name}` : 'Evaluation';
  const score = newest ? spearman(newest.figures) : null;
  find('.tiles').replaceChildren(
    tile('Step', steps.step && steps.step.length ? `${last(steps.step).toLocaleString('en')} of ${last(steps.total_steps).toLocaleString('en')}` : '–'),
    tile('Loss', shortNumber(last(steps.loss))),
    tile('Spearman now', score == null ? '–' : score.toFixed(4)),
    tile('Untouched model', untouched ? spearman(untouched.figures).toFixed(4) : '–'),
    tile('Learning rate', last(steps.learning_rate) == null ? '–' : last(steps.learning_rate).toExponential(1)),
    tile('Examples a second', shortNumber(last(steps.examples_per_second))),
    final ? tile('Took', asTime(status.seconds)) : tile('Time left', status.state === 'training' ? asTime(last(steps.seconds_left)) : '–'),
  );
  find('.log pre').textContent = lines.join('\n');
  find('.shown').hidden = !(evaluations.length || (steps.step || []).length || lines.length);
}

function take(news) {
  if (news.whole) { steps = {}; evaluations = []; lines = []; }
  for (const [name, values] of Object.entries(news.steps)) steps[name] = (steps[name] || []).concat(values);
  evaluations = evaluations.concat(news.evaluations);
  lines = lines.concat(news.lines.map(line => {
    const clock = new Date(line.t * 1000).toLocaleTimeString();
    return `${clock}  ${line.type === 'state' ? [line.state, line.detail].filter(Boolean).join(': ') : line.text}`;
  })).slice(-400);
  drawn = news.last; generation = news.generation;
  if ((steps.step || []).length > MOST_POINTS) drawn = 0;
}

async function pull(mine) {
  let wait = PULL_MS;
  try {
    const news = await server.news_of_run([run, drawn, generation]);
    if (mine !== turn) return;
    if (news.gone) { find('.says').textContent = 'This run was deleted.'; find('.shown').hidden = true; return; }
    const fresh = news.whole || news.steps.step.length || news.evaluations.length;
    take(news);
    say(news);
    if (fresh && !find('.shown').hidden) draw();
    if (news.final && news.last === drawn) return;
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
  turn += 1; run = props.value || ''; drawn = 0; generation = 0; steps = {}; evaluations = []; lines = [];
  Object.values(plots).forEach(node => P.purge(node));
  find('.trouble').replaceChildren(); find('.bar').hidden = true; find('.shown').hidden = true;
  find('.says').textContent = run ? 'Opening the run…' : 'No run yet. Press “Start training”: the quick demo takes a few seconds.';
  if (run) pull(turn);
}

// A figure drawn in a hidden tab has no size: draw it again once it can be seen.
new ResizeObserver(() => { if (element.offsetWidth && !find('.shown').hidden) Object.values(plots).forEach(node => P.Plots.resize(node)); }).observe(element);
watch('value', start);
start();
