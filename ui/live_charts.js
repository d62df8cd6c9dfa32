// What the live figure draws: pure functions from a run's series to plotly's traces. Comes before live.js, or overlay.js.
const COLOURS = {
  loss: '#6366f1', raw: 'rgba(99,102,241,.3)', band: 'rgba(99,102,241,.13)', untouched: '#94a3b8', other: '#64748b', spikes: 'rgba(100,116,139,.35)',
  sets: ['#0d9488', '#f59e0b', '#8b5cf6', '#ec4899'], best: '#eab308', positives: '#0d9488', negatives: '#ef4444',
};
const FIGURES = {
  spearman_cosine: 'Spearman of cosines', spearman: 'Spearman', pearson_cosine: 'Pearson of cosines', cosine_accuracy: 'triplet accuracy',
};
const last = list => list && list.length ? list[list.length - 1] : null;
const asNumber = value => value == null ? '–' : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(3));
const asTime = seconds => seconds == null ? '–' : seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
const asBytes = bytes => bytes == null ? '–' : bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
const nameOfSet = data => data.replace('/', ' ');
const nameOfFigure = name => FIGURES[name] || name.replace(/_/g, ' ').replace(/^(mrr|ndcg|map|auc)\b/, word => word.toUpperCase());

// Debiased exponential moving average, as training dashboards draw it.
function smoothed(values, by) {
  let sum = 0, weight = 1;
  return values.map(value => {
    sum = by * sum + (1 - by) * value;
    weight *= by;
    return sum / (1 - weight);
  });
}

function lossTraces(steps, along, smoothing) {
  const x = steps[along] || [], lone = x.length < 2 ? 'markers' : 'lines';
  const traces = [
    {x, y: steps.loss || [], name: 'raw', line: {color: COLOURS.raw, width: 1.2}, mode: 'lines'},
    {x, y: smoothed(steps.loss || [], smoothing), name: 'smoothed', line: {color: COLOURS.loss, width: 2.6}, mode: lone},
  ];
  // Where a point stands for several steps, their spikes stay in sight.
  if ((steps.steps || []).some(count => count > 1)) {
    const edge = {x, mode: 'lines', line: {width: 0, color: COLOURS.band}, hoverinfo: 'skip', legendgroup: 'band'};
    traces.push({...edge, y: steps.loss_min, showlegend: false});
    traces.push({...edge, y: steps.loss_max, name: 'least to greatest', fill: 'tonexty', fillcolor: COLOURS.band});
  }
  return traces;
}

// Each set's curve and its untouched model's figure, of the same pairs; the yardstick comes first.
function curvesOf(evaluations) {
  const sets = [...new Set(evaluations.map(event => event.data))];
  sets.sort((one, other) => Number(one.startsWith('own/')) - Number(other.startsWith('own/')));
  return sets.map(data => {
    const all = evaluations.filter(event => event.data === data && event.value != null);
    const newest = last(all.filter(event => !event.untouched)) || last(all);
    if (!newest) return null;
    const same = all.filter(event => event.pairs === newest.pairs && event.figure === newest.figure);
    const bases = same.filter(event => event.untouched);
    const base = last(bases.filter(event => event.precision === newest.precision)) || last(bases);
    const points = same.filter(event => !event.untouched || event === base).sort((one, other) => one.step - other.step);
    return {data, newest, base, points, best: last(same.filter(event => event.best))};
  }).filter(Boolean);
}

const sizeOf = event => event.of_pairs > event.pairs
  ? `${event.pairs.toLocaleString('en')} of ${event.of_pairs.toLocaleString('en')} pairs` : `${event.pairs.toLocaleString('en')} pairs`;

function curveName(curve, alone) {
  const {newest} = curve, parts = [alone ? 'this run' : nameOfSet(curve.data)];
  if (newest.of_pairs > newest.pairs) parts.push(sizeOf(newest));
  if (newest.precision && newest.precision !== 'fp32') parts.push(newest.precision);
  return parts.join(', ');
}

function evaluationTitle(curves) {
  if (!curves.length) return 'Evaluation';
  const told = curves.map(curve => `${nameOfFigure(curve.newest.figure)}, ${nameOfSet(curve.data)}`);
  return curves.length > 1 ? told.join('; ') : `${told[0]} · ${sizeOf(curves[0].newest)}`;
}

function evaluationTraces(curves, along, reach) {
  const alone = curves.length === 1;
  return curves.flatMap((curve, place) => {
    const colour = COLOURS.sets[place % COLOURS.sets.length], shared = {showlegend: place === 0, legendrank: 2000};
    const traces = [{
      x: curve.points.map(event => event[along]), y: curve.points.map(event => event.value), name: curveName(curve, alone),
      mode: 'lines+markers', line: {color: colour, width: 2.4}, marker: {size: 6},
    }];
    if (curve.base) traces.push({
      ...shared, x: [0, reach], y: [curve.base.value, curve.base.value], name: alone ? 'untouched model' : 'untouched model of each',
      mode: 'lines', line: {color: alone ? COLOURS.untouched : colour, width: 1.6, dash: 'dash'}, opacity: alone ? 1 : .6,
    });
    if (curve.best) traces.push({
      ...shared, x: [curve.best[along]], y: [curve.best.value], name: 'best', mode: 'markers',
      marker: {symbol: 'star', size: 15, color: COLOURS.best, line: {color: colour, width: 1.2}},
    });
    return traces;
  });
}

const lineTraces = (x, y) => [{x, y, mode: x.length < 2 ? 'markers' : 'lines', line: {color: COLOURS.other, width: 1.8}, connectgaps: false}];

// The mean of each point's steps, and behind it the greatest: a lone spike is what one looks for.
const normTraces = (x, steps) => [
  {x, y: steps.grad_norm_max, mode: 'lines', line: {color: COLOURS.spikes, width: 1}, name: 'greatest', connectgaps: false},
  {...lineTraces(x, steps.grad_norm)[0], name: 'mean'},
];

function histogramTraces(histogram) {
  return ['positives', 'negatives'].map(side => {
    const counts = histogram[side], width = 2 / Math.max(1, counts.length), total = Math.max(1, counts.reduce((sum, count) => sum + count, 0));
    return {
      type: 'bar', name: `${side} (${total.toLocaleString('en')})`, x: counts.map((_, bin) => +(-1 + (bin + .5) * width).toFixed(4)),
      y: counts.map(count => count / total), width: counts.map(() => width), marker: {color: COLOURS[side]}, opacity: .6,
      hovertemplate: '%{x:.2f}: %{y:.1%}<extra></extra>',
    };
  });
}
