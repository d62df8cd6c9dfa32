// Draws every figure of a piece of HTML: nodes with `data-figure` hold a plotly figure as JSON. Shared by the scripts of several views.
// Plotly is kept at load: other bundles overwrite the global.
const P = window.Plotly;
const colour = name => getComputedStyle(element).getPropertyValue(name).trim();

// What scrolls within itself is reached by the keyboard too, and says what it is.
function reachScrolls(place) {
  for (const node of place.querySelectorAll('.scroll')) {
    const scrolls = node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight;
    const title = scrolls && node.closest('details, .card')?.querySelector('summary, h3')?.textContent.trim();
    for (const [name, value] of Object.entries({tabindex: '0', role: 'region', 'aria-label': title || 'Table'})) {
      if (scrolls) node.setAttribute(name, value); else node.removeAttribute(name);
    }
  }
}
element.addEventListener('toggle', () => reachScrolls(element), true);

function drawFigures(place) {
  if (!element.offsetWidth) return;
  reachScrolls(place);
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
