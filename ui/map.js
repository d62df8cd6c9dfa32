// Draws one run's texts before and after training. Plotly is kept at load: other bundles overwrite the global.
const P = window.Plotly, plot = element.querySelector('.map-plot'), says = element.querySelector('.says');
let turn = 0, figure = null;
const colour = name => getComputedStyle(element).getPropertyValue(name).trim();

function draw() {
  if (!figure || !element.offsetWidth) return;
  const layout = {...figure.layout, uirevision: props.value.run, autosize: true, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: {color: colour('--body-text-color'), size: 12.5, family: 'Inter, system-ui, sans-serif'},
    hoverlabel: {bgcolor: colour('--background-fill-primary'), bordercolor: colour('--border-color-primary'), font: {color: colour('--body-text-color')}, align: 'left'}};
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) layout[name] = {...layout[name], linecolor: colour('--border-color-primary')};
  }
  P.react(plot, figure.data, layout, {responsive: true, displaylogo: false, modeBarButtonsToRemove: ['lasso2d', 'select2d', 'autoScale2d']});
}

async function show() {
  const mine = ++turn, asked = props.value || {};
  let answer;
  try {
    answer = await server.map_of_run([asked.run || '', asked.colour_by || 'topic']);
  } catch (error) {
    answer = {says: 'The app does not answer. Reload the page once it runs again.'};
  }
  if (mine !== turn) return;
  says.textContent = answer.says;
  figure = answer.figure ? JSON.parse(answer.figure) : null;
  plot.hidden = !figure;
  draw();
}

// A hidden tab has no size: draw when it can be seen.
new ResizeObserver(draw).observe(element);
watch('value', show);
show();
