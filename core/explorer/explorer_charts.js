// The charts below the map, locked to the frame that is shown. Comes before explorer.js.
const CHART = {height: 190, margin: {l: 44, r: 10, t: 8, b: 34}, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, hovermode: 'closest'};
// A legend above its lines hides none of them.
const LEGEND = {margin: {l: 44, r: 10, t: 26, b: 34}, legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', bgcolor: 'rgba(0,0,0,0)'}};
const MARK = {mode: 'markers', marker: {size: 12, color: '#facc15', line: {width: 2, color: '#4f46e5'}}, hoverinfo: 'skip'};

function filmCharts(P) {
  return function charts(explorer, frame) {
    const film = explorer.films[0], root = explorer.root, told = film.told, steps = film.steps, style = getComputedStyle(root);
    const ink = style.getPropertyValue('--body-text-color') || '#111', rule = style.getPropertyValue('--border-color-primary') || '#ddd';
    const axis = title => ({title: {text: title, font: {size: 11}}, gridcolor: rule, zeroline: false, linecolor: rule, automargin: true});
    // All are shown or hidden before one is drawn: a chart takes the width that it finds.
    const charts = [], draw = (name, data, layout) => {
      const figure = root.querySelector(`[data-chart=${name}]`);
      figure.hidden = !data;
      if (data) charts.push(() => P.react(figure.querySelector('div'), data, {...CHART, font: {color: ink, size: 11, family: 'Inter, system-ui, sans-serif'}, ...layout}, {responsive: true, displayModeBar: false}));
    };
    const isFilm = film.frames > 2, space = told.map(each => each.space || {});
    const loss = explorer.space.loss;
    draw('loss', isFilm && loss && loss.step.length ? [
      {x: loss.step, y: loss.loss, mode: 'lines', line: {color: '#6366f1', width: 2}, hovertemplate: 'step %{x}: %{y:.3f}<extra></extra>'},
      {...MARK, x: [steps[frame]], y: [valueAt(loss, steps[frame])]},
    ] : null, {xaxis: axis('step'), yaxis: axis('')});
    const along = space.map(each => each.alignment), across = space.map(each => each.uniformity), has = along.some(value => value != null);
    draw('path', has ? [
      {x: across, y: along, mode: 'lines+markers', line: {color: '#0d9488', width: 1.5}, marker: {size: 5}, text: steps.map(step => `step ${step}`), hovertemplate: '%{text}: uniformity %{x:.2f}, alignment %{y:.2f}<extra></extra>'},
      {...MARK, x: [across[frame]], y: [along[frame]]},
      {x: [0], y: [0], mode: 'markers+text', text: ['collapse'], textposition: 'top left', marker: {symbol: 'x', size: 9, color: '#dc2626'}, textfont: {color: '#dc2626', size: 11}, hoverinfo: 'skip'},
    ] : null, {xaxis: axis('uniformity'), yaxis: {...axis('alignment'), rangemode: 'tozero'}});
    const now = space[frame], share = list => { const all = list.reduce((sum, count) => sum + count, 0) || 1; return list.map(count => count / all); };
    const middles = now.positives ? now.positives.map((_, place) => -1 + (place + 0.5) * 2 / now.positives.length) : [];
    draw('histogram', middles.length ? [
      {x: middles, y: share(now.positives), type: 'bar', marker: {color: 'rgba(13,148,136,.65)'}, name: 'together', hovertemplate: 'together: %{y:.0%} at %{x:.2f}<extra></extra>'},
      {x: middles, y: share(now.negatives), type: 'bar', marker: {color: 'rgba(239,68,68,.55)'}, name: 'unrelated', hovertemplate: 'unrelated: %{y:.0%} at %{x:.2f}<extra></extra>'},
    ] : null, {barmode: 'overlay', bargap: 0, showlegend: true, ...LEGEND, xaxis: {...axis('cosine'), range: [-0.5, 1]}, yaxis: {...axis(''), tickformat: '.0%'}});
    const groups = Object.keys(told[0].purity || {});
    draw('purity', isFilm && groups.length ? groups.flatMap((name, place) => [
      {x: steps, y: told.map(each => each.purity[name]), mode: 'lines+markers', name, line: {color: EXPLORER_COLOURS[place], width: 2}, marker: {size: 5}, hovertemplate: `${name}, step %{x}: %{y:.2f}<extra></extra>`},
      {...MARK, x: [steps[frame]], y: [told[frame].purity[name]], showlegend: false},
    ]) : null, {showlegend: groups.length > 1, ...groups.length > 1 ? LEGEND : {}, xaxis: axis(film.frames > 2 ? 'step' : ''), yaxis: {...axis(''), rangemode: 'tozero'}});
    charts.forEach(chart => chart());
  };
}

function valueAt(loss, step) {
  let best = 0;
  for (let place = 0; place < loss.step.length; place += 1) if (loss.step[place] <= step) best = place;
  return loss.loss[best];
}
