// Sorts a table by the column whose heading is pressed. Comes after the script of a job's view, which gives `element`.
// Headings are buttons, so the keyboard reaches them; a cell's `data-value` is what it is sorted by, and a cell without one stays last.
function valueOf(row, column) {
  const said = row.cells[column].dataset.value;
  if (said === undefined || said === '') return null;
  return Number.isNaN(Number(said)) ? said : Number(said);
}

function inOrder(one, other) {
  if (typeof one === 'string' || typeof other === 'string') return String(one).localeCompare(String(other));
  return one - other;
}

element.addEventListener('click', event => {
  const button = event.target.closest('button.sort');
  if (!button) return;
  const head = button.closest('th'), body = head.closest('table').tBodies[0], column = head.cellIndex;
  const first = head.dataset.first || 'ascending', other = first === 'ascending' ? 'descending' : 'ascending';
  const way = head.getAttribute('aria-sort') === first ? other : first;
  for (const each of head.parentNode.cells) each.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', way);
  const rows = [...body.rows].map(row => ({row, value: valueOf(row, column)}));
  rows.sort((one, next) => {
    if (one.value === null || next.value === null) return (one.value === null) - (next.value === null);
    return (way === 'ascending' ? 1 : -1) * inOrder(one.value, next.value);
  });
  body.append(...rows.map(each => each.row));
});
