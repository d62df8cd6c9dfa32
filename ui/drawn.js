// Shows a piece of HTML with figures in it. `drawFigures` and `clearFigures` stand in figures.js, which comes before.
// `element`, `props`, `watch` and `trigger` are given by gr.HTML.
const place = element.querySelector('.drawn');

function show() {
  clearFigures(place);
  // The server has escaped every text in it.
  place.innerHTML = props.value || '';
  drawFigures(place);
}

place.addEventListener('click', event => {
  const button = event.target.closest('[data-set]');
  if (button) trigger('choose', JSON.parse(button.dataset.set));
});
new ResizeObserver(() => drawFigures(place)).observe(element);
watch('value', show);
show();
