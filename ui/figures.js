// Draws every figure of a piece of HTML: nodes with `data-figure` hold a plotly figure as JSON. Shared by the scripts of several views.
// Plotly is kept at load: other bundles overwrite the global.
const P = window.Plotly;
const colour = name => getComputedStyle(element).getPropertyValue(name).trim();

function drawFigures(place) {
  if (!element.offsetWidth) return;
  for (const node of place.querySelectorAll('[data-figure]')) {
    const figure = JSON.parse(node.dataset.figure);
    const axis = {gridcolor: colour('--border-color-primary'), zeroline: false, linecolor: colour('--border-color-primary')};
    const layout = {...figure.layout, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true,
      font: {color: colour('--body-text-color'), size: 11.5, family: 'Inter, system-ui, sans-serif'},
      xaxis: {...axis, ...figure.layout.xaxis}, yaxis: {...axis, ...figure.layout.yaxis}};
    P.react(node, figure.data, layout, {responsive: true, displayModeBar: false});
  }
}

function clearFigures(place) {
  for (const node of place.querySelectorAll('[data-figure]')) P.purge(node);
}
