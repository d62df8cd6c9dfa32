// What the explorer draws with: colours, and a film as the desk sends it, opened.
// EXPLORER_COLOURS stand before this script: those of core/figures.py. Where there are more groups than colours, each colour comes again in another shape.
const SHAPES = ['circle', 'triangle-up', 'square'], GREY = '#94a3b8';
const GAP_COLOURS = ['#1d4ed8', '#60a5fa', '#94a3b8', '#fb923c', '#dc2626'];
const REACH = 8, PLACE_STEPS = 32000;
// Without it the same picture is drawn as SVG, only slower.
const HAS_WEBGL = (() => {
  const context = document.createElement('canvas').getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return Boolean(context);
})();
const CONTINUOUS = {
  movement: {title: 'Movement', reading: 'How far training has turned each text: 1 minus the cosine of before and after. 0 is unmoved.', scale: 'Viridis'},
  recall: {title: 'Trust in this spot', reading: 'Share of a text\'s ten nearest by cosine that are among its ten nearest on the map. 1: the map tells the truth here.', scale: 'RdYlGn'},
  gold: {title: 'Gold score', reading: 'What is said of the pairs that a text is in, on average: 1 belongs together, 0 does not. Grey: it is in none.', scale: 'Viridis', ofPairs: true},
  error: {title: 'Error', reading: 'How far the kept model\'s cosines of a text\'s pairs are from what is said of them, on average. 0 is right. Grey: it is in none.', scale: 'YlOrRd', ofPairs: true},
};

function bytesOf(packed) {
  const text = atob(packed), bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes.buffer;
}

// What the desk sent, as arrays.
function openFilm(sent) {
  const places = new Int16Array(bytesOf(sent.places)), texts = sent.texts, count = sent.count || 0;
  const film = {...sent, at: (frame, row, axis) => places[(frame * texts + row) * 2 + axis] * (REACH / PLACE_STEPS), frames: sent.steps.length, told: sent.frames};
  if (sent.neighbours) {
    film.near = {};
    for (const [name, side] of Object.entries(sent.neighbours)) {
      const rows = new Uint16Array(bytesOf(side.rows)), cosines = new Int16Array(bytesOf(side.cosines));
      film.near[name] = row => Array.from({length: count}, (_, rank) => ({row: rows[row * count + rank], cosine: cosines[row * count + rank] / 10000}));
    }
    film.movement = new Float32Array(bytesOf(sent.movement));
    film.recall = new Float32Array(bytesOf(sent.recall));
    Object.assign(film, ofPairs(sent.pairs, texts));
    film.clusters = new Uint16Array(bytesOf(sent.clusters));
  }
  return film;
}

// Each text's mean gold score and mean error over the pairs that it is in, null where it is in none.
function ofPairs(pairs, texts) {
  const count = new Array(texts).fill(0), gold = new Array(texts).fill(0), error = new Array(texts).fill(0);
  for (const [first, second, wanted, , after] of pairs) for (const row of [first, second]) { count[row] += 1; gold[row] += wanted; error[row] += Math.abs(after - wanted); }
  const mean = sums => sums.map((sum, row) => count[row] ? sum / count[row] : null);
  return {gold: mean(gold), error: mean(error)};
}

// Turns and mirrors a film about the origin until its first frame lies as near another film's as can be.
function turnOnto(film, aim) {
  let best = {error: Infinity};
  for (const mirror of [1, -1]) {
    let dot = 0, cross = 0;
    for (let row = 0; row < film.texts; row += 1) {
      const x = film.at(0, row, 0), y = mirror * film.at(0, row, 1), u = aim.at(0, row, 0), v = aim.at(0, row, 1);
      dot += x * u + y * v;
      cross += x * v - y * u;
    }
    const size = Math.hypot(dot, cross) || 1;
    if (-size < best.error) best = {error: -size, mirror, cos: dot / size, sin: cross / size};
  }
  const at = film.at;
  return {...film, at: (frame, row, axis) => {
    const x = at(frame, row, 0), y = best.mirror * at(frame, row, 1);
    return axis ? best.sin * x + best.cos * y : best.cos * x - best.sin * y;
  }};
}

// Groups by name; beyond what colours and shapes can tell apart the rarest are one.
function groupsOf(labels) {
  const count = new Map(), most = EXPLORER_COLOURS.length * SHAPES.length;
  for (const label of labels) count.set(label, (count.get(label) || 0) + 1);
  const names = [...count.keys()].sort(), kept = names.length <= most ? names : [...names].sort((one, other) => count.get(other) - count.get(one)).slice(0, most).sort();
  const rest = `${names.length - kept.length} others`, known = new Set(kept);
  return {names: kept.length < names.length ? [...kept, rest] : kept, own: labels.map(label => known.has(label) ? label : rest), hasRest: kept.length < names.length};
}

const lookOf = (place, isRest) => isRest ? {colour: GREY, shape: 0} : {colour: EXPLORER_COLOURS[place % EXPLORER_COLOURS.length], shape: Math.floor(place / EXPLORER_COLOURS.length) % SHAPES.length};

const escaped = text => String(text).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);
const wrapped = text => escaped(text.length > 300 ? `${text.slice(0, 300)}…` : text).replace(/(.{1,56})(\s|$)/g, '$1<br>').replace(/<br>$/, '');
const signed = value => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
// A table's program reckons what begins so: an apostrophe before it makes a text of it. Numbers are none.
const harmless = cell => /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(cell) && !/^[+-]?\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
const asCsv = rows => rows.map(row => row.map(cell => `"${harmless(String(cell)).replace(/"/g, '""')}"`).join(',')).join('\r\n');

function download(name, content, type) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], {type}));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
