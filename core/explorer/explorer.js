// The explorer: a space's frames on a plane, with a slider, colours and neighbours. It stands alone:
// `mountExplorer(root, source)` is all that the page, or a saved file, calls. Comes after explorer_film.js.
const TWEEN_MS = 320, HOLD_MS = 220, FADED = 0.12, MOST_TWEENED = 6000;

class Explorer {
  constructor(root, source) {
    this.root = root; this.source = source; this.P = source.plotly;
    this.space = null; this.films = []; this.frame = 0; this.position = 0; this.chosen = null; this.picked = []; this.typed = null; this.words = '';
    this.hidden = new Set(); this.playing = false; this.follows = true; this.drawn = false; this.turn = 0; this.tween = null;
    for (const name of ['says', 'plot', 'side', 'slider', 'told', 'legend', 'player', 'body', 'empty', 'step']) this[name] = root.querySelector(`[data-part=${name}]`);
    this.wire();
  }

  wire() {
    const on = (selector, event, work) => this.root.querySelectorAll(selector).forEach(node => node.addEventListener(event, work));
    on('[data-choice]', 'change', event => { const {choice} = event.target.dataset; this.choose(choice); });
    on('[data-part=slider]', 'input', () => { this.pause(); this.follows = false; this.show(Number(this.slider.value)); });
    on('[data-act=play]', 'click', () => this.playing ? this.pause() : this.play());
    on('[data-act=png]', 'click', () => this.P.downloadImage(this.plot, {format: 'png', width: 1600, height: 1000, filename: 'map'}));
    on('[data-act=csv]', 'click', () => this.saveCsv(this.picked.length ? this.picked : this.space.texts.map((_, row) => row)));
    on('[data-act=html]', 'click', event => this.saveHtml(event.target));
    on('[data-part=words]', 'input', event => { this.words = event.target.value.trim().toLowerCase(); this.paint(); this.tell(); });
    on('form', 'submit', event => { event.preventDefault(); this.type(); });
    this.legend.addEventListener('click', event => {
      const chip = event.target.closest('[data-group]');
      if (!chip) return;
      const name = chip.dataset.group;
      this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
      this.paint(); this.drawLegend();
    });
    this.side.addEventListener('click', event => {
      const row = event.target.closest('[data-row]');
      if (row) this.pick(Number(row.dataset.row));
      else if (event.target.closest('[data-act=back]')) { this.chosen = null; this.picked = []; this.paint(); this.tell(); }
      else if (event.target.closest('[data-act=save]')) this.saveCsv(this.picked);
    });
    this.plot.addEventListener('keydown', event => this.press(event));
    // Its width alone: sentences below the map change the height with every frame.
    new ResizeObserver(() => { if (this.films.length && this.root.offsetWidth && this.plot.offsetWidth !== this.width) this.draw(); }).observe(this.root);
  }

  value(name) {
    const nodes = [...this.root.querySelectorAll(`[data-choice=${name}]`)];
    const node = nodes.find(each => each.type !== 'radio' || each.checked);
    return !node ? null : node.type === 'checkbox' ? node.checked : node.value;
  }

  // What the page has: a space's texts and one or several films of them; or why there is none.
  set(space, films) {
    const isNew = !this.space || this.space.id !== space.id;
    this.space = space;
    const opened = films.map(openFilm);
    this.films = opened.map((film, place) => place ? turnOnto(film, opened[0]) : film);
    this.edge = null;
    if (isNew) { this.stand(); this.chosen = null; this.picked = []; this.typed = null; this.hidden.clear(); this.follows = true; this.fillColours(); }
    this.empty.hidden = true; this.body.hidden = false;
    this.slider.max = this.films[0].frames - 1;
    this.player.hidden = this.films[0].frames < 2;
    if (this.follows || this.frame >= this.films[0].frames) { this.frame = this.films[0].isLive ? this.films[0].frames - 1 : this.films[0].kept; this.position = this.frame; }
    this.slider.value = this.frame;
    this.draw(); this.tell();
    // A typed text has another place by another method.
    if (this.typed && !this.typed.fault && this.typed.method !== this.films[0].method) this.place(this.typed.texts);
  }

  say(text) {
    this.stand(); this.space = null; this.films = [];
    this.empty.textContent = text; this.empty.hidden = false; this.body.hidden = true;
  }

  fillColours() {
    const select = this.root.querySelector('select[data-choice=colour]'), before = select.value;
    const options = [...Object.keys(this.space.groups).map(name => [name, name[0].toUpperCase() + name.slice(1)]), ['cluster', 'Cluster'], ...Object.entries(CONTINUOUS).filter(([, about]) => !about.ofPairs || this.space.loss).map(([name, about]) => [name, about.title])];
    select.innerHTML = options.map(([name, title]) => `<option value="${escaped(name)}">${escaped(title)}</option>`).join('');
    if (options.some(([name]) => name === before)) select.value = before;
  }

  choose(choice) {
    if (choice === 'method' || choice === 'neighbours' || choice === 'min_dist') return this.source.ask();
    if (choice === 'colour') this.hidden.clear();
    this.draw(); this.tell();
  }

  get shows() { return this.value('shows') || 'film'; }

  panels() {
    const [film] = this.films;
    if (this.shows === 'both' && film.frames > 1) return [{film, frame: 0, title: {name: 'Untouched', more: ''}}, {film, frame: film.kept, title: {name: film.frames > 2 ? `After step ${film.steps[film.kept]}` : 'Tuned', more: ''}}];
    const share = film.frames > 1 ? this.position / (film.frames - 1) : 0;
    return this.films.map((each, place) => ({film: each, frame: place ? share * (each.frames - 1) : this.position, title: this.films.length > 1 ? this.titleOf(each, Math.round(place ? share * (each.frames - 1) : this.position)) : null}));
  }

  // In a race: which run it is, and how it stands at this moment.
  titleOf(film, frame) {
    const told = film.told && film.told[frame], [name] = told ? Object.keys(told.purity) : [];
    return {name: film.title.replace(/^\d+-\d+-/, ''), more: name ? `step ${film.steps[frame]}, same ${name} ${told.purity[name].toFixed(2)}` : ''};
  }

  // Each text's place between two frames.
  coordinates({film, frame}) {
    const low = Math.floor(frame), high = Math.min(film.frames - 1, low + 1), share = frame - low, x = new Float32Array(film.texts), y = new Float32Array(film.texts);
    for (let row = 0; row < film.texts; row += 1) {
      x[row] = (1 - share) * film.at(low, row, 0) + share * film.at(high, row, 0);
      y[row] = (1 - share) * film.at(low, row, 1) + share * film.at(high, row, 1);
    }
    return {x, y};
  }

  // The groups that points are coloured by: their names in order, each text's own, and what each looks like.
  grouping() {
    const by = this.value('colour'), [film] = this.films;
    if (this.grouped && this.grouped.by === by && this.grouped.film === film) return this.grouped;
    const labels = by === 'cluster' ? film.clusters && Array.from(film.clusters, own => film.cluster_names[own]) : this.space.groups[by];
    if (!labels) return null;
    const groups = groupsOf(labels), looks = new Map(groups.names.map((name, place) => [name, lookOf(place, groups.hasRest && place === groups.names.length - 1)]));
    return (this.grouped = {...groups, looks, by, film});
  }

  colouring() {
    const by = this.value('colour'), [film] = this.films;
    if (CONTINUOUS[by]) {
      const values = film[by];
      return values ? {color: values, colorscale: CONTINUOUS[by].scale, cmin: 0, cmax: by === 'recall' || by === 'gold' ? 1 : Math.max(0.05, ...values), showscale: true, colorbar: {thickness: 10, len: 0.6, outlinewidth: 0}} : {color: GREY};
    }
    const groups = this.grouping();
    if (!groups) return {color: GREY};
    const look = groups.own.map(name => groups.looks.get(name));
    return {color: look.map(each => each.colour), ...groups.names.length > EXPLORER_COLOURS.length ? {symbol: look.map(each => SHAPES[each.shape])} : {}};
  }

  // Whether a text is left out by the legend or by the searched words.
  isOut(row) {
    const groups = this.hidden.size ? this.grouping() : null;
    return Boolean((groups && this.hidden.has(groups.own[row])) || (this.words && !this.space.texts[row].toLowerCase().includes(this.words)));
  }

  opacities() {
    const near = this.chosen === null ? null : new Set([this.chosen, ...this.neighbourRows()]), picked = this.picked.length ? new Set(this.picked) : null;
    if (!this.hidden.size && !near && !this.words && !picked) return 0.85;
    return this.space.texts.map((_, row) => this.isOut(row) || (near && !near.has(row)) || (picked && !near && !picked.has(row)) ? FADED : 0.95);
  }

  neighbourRows() {
    const near = this.films[0].near;
    return this.chosen === null || !near ? [] : [...near.before(this.chosen), ...near.after(this.chosen)].map(each => each.row);
  }

  size() { const texts = this.space.texts.length; return texts > 8000 ? 3 : texts > 2000 ? 4.5 : 8; }

  draw() {
    if (!this.films.length || !this.root.offsetWidth) return;
    const panels = this.panels(), marker = this.colouring(), opacity = this.opacities(), style = getComputedStyle(this.root), ink = style.getPropertyValue('--body-text-color') || '#111';
    const rule = style.getPropertyValue('--border-color-primary') || '#ddd', hover = this.space.texts.map(wrapped), data = [], layout = {};
    this.roles = [];
    panels.forEach((panel, place) => {
      const axes = {xaxis: place ? `x${place + 1}` : 'x', yaxis: place ? `y${place + 1}` : 'y'}, {x, y} = this.coordinates(panel), gl = HAS_WEBGL ? 'scattergl' : 'scatter';
      const add = (role, trace) => { this.roles.push({role, place}); data.push({type: gl, mode: 'markers', hoverinfo: 'skip', showlegend: false, ...axes, ...trace}); };
      if (this.value('density')) add('density', {type: 'histogram2dcontour', x, y, colorscale: [[0, 'rgba(99,102,241,0)'], [1, 'rgba(99,102,241,.45)']], showscale: false, ncontours: 12, contours: {coloring: 'fill', showlines: false}});
      GAP_COLOURS.forEach((colour, bucket) => { if (this.value('lines') && this.lines(bucket, panel).length) add(`lines${bucket}`, {mode: 'lines', ...this.lineTrace(bucket, panel, {x, y}), line: {color: colour, width: 1}, opacity: 0.6}); });
      add('points', {x, y, text: hover, hovertemplate: '%{text}<extra></extra>', hoverinfo: 'text', marker: {size: this.size(), opacity, line: {width: 0}, ...marker, showscale: Boolean(marker.showscale) && place === panels.length - 1}, selected: {marker: {}}, unselected: {marker: {opacity: 0.25}}});
      add('near', {mode: 'lines+markers', ...this.star({x, y}), marker: {size: this.size() + 6, color: 'rgba(0,0,0,0)', line: {width: 2, color: ink}}, line: {color: ink, width: 1, dash: 'dot'}});
      const {x: typedX, y: typedY} = this.typedPlaces(panel);
      add('typed', {x: typedX, y: typedY, marker: {symbol: 'diamond', size: 14, color: '#facc15', line: {width: 2, color: ink}}});
      const wide = panels.length > 2 ? 2 : panels.length, column = place % wide, line = Math.floor(place / wide), lines = Math.ceil(panels.length / wide), gap = 0.02;
      const domain = (at, of) => [at / of + (at ? gap / 2 : 0), (at + 1) / of - (at + 1 < of ? gap / 2 : 0)], edge = this.extent();
      const axis = {showgrid: false, zeroline: false, showticklabels: false, showline: true, mirror: true, linecolor: rule, ticks: ''};
      layout[`xaxis${place ? place + 1 : ''}`] = {...axis, domain: domain(column, wide), range: edge.x, anchor: axes.yaxis, matches: place ? 'x' : undefined};
      layout[`yaxis${place ? place + 1 : ''}`] = {...axis, domain: domain(lines - 1 - line, lines), range: edge.y, anchor: axes.xaxis, scaleanchor: axes.xaxis, matches: place ? 'y' : undefined};
    });
    layout.annotations = this.notes(panels);
    this.width = this.plot.offsetWidth;
    // Plotly's own following of the window would take the height away.
    Object.assign(layout, {margin: {l: 4, r: 4, t: 4, b: 4}, width: this.width, height: panels.length > 2 ? 760 : Math.min(620, Math.max(420, this.width * (panels.length > 1 ? 0.5 : 0.62))), paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', dragmode: 'pan', hovermode: 'closest', uirevision: `${this.space.id} ${this.films[0].method} ${panels.length}`, font: {color: ink, size: 12.5, family: 'Inter, system-ui, sans-serif'}, hoverlabel: {bgcolor: style.getPropertyValue('--background-fill-primary') || '#fff', bordercolor: rule, font: {color: ink}, align: 'left'}});
    this.P.react(this.plot, data, layout, {displaylogo: false, scrollZoom: true, plotGlPixelRatio: window.devicePixelRatio || 1, modeBarButtonsToRemove: ['autoScale2d', 'toImage', 'zoomIn2d', 'zoomOut2d']});
    if (!this.drawn) {
      this.drawn = true;
      this.plot.on('plotly_click', event => { const point = event.points.find(each => this.roles[each.curveNumber].role === 'points'); if (point) this.pick(point.pointNumber); });
      this.plot.on('plotly_selected', event => { if (!event) return; this.picked = [...new Set(event.points.filter(each => this.roles[each.curveNumber].role === 'points').map(each => each.pointNumber))].sort((one, other) => one - other); this.chosen = null; this.paint(); this.tell(); });
      this.plot.on('plotly_deselect', () => { this.picked = []; this.paint(); this.tell(); });
    }
    this.drawLegend(); this.drawTold();
  }

  // One frame's middle and size for all frames, so that what moves is a text and not the camera.
  extent() {
    if (this.edge) return this.edge;
    const edge = {};
    for (const [axis, name] of [[0, 'x'], [1, 'y']]) {
      let least = Infinity, most = -Infinity;
      for (const film of this.films) for (let frame = 0; frame < film.frames; frame += 1) for (let row = 0; row < film.texts; row += 1) { const at = film.at(frame, row, axis); least = Math.min(least, at); most = Math.max(most, at); }
      const room = 0.06 * (most - least) || 1;
      edge[name] = [least - room, most + room];
    }
    return (this.edge = edge);
  }

  lines(bucket, {film, frame}) {
    return (film.pairs || []).filter(pair => {
      const gap = pair[frame < film.kept / 2 && film.frames > 1 ? 3 : 4] - pair[2];
      return Math.min(4, Math.max(0, Math.floor((gap + 0.75) / 0.3))) === bucket;
    });
  }

  lineTrace(bucket, panel, {x, y}) {
    const found = {x: [], y: []};
    for (const [first, second] of this.lines(bucket, panel)) { found.x.push(x[first], x[second], null); found.y.push(y[first], y[second], null); }
    return found;
  }

  star({x, y}) {
    const found = {x: [], y: []};
    if (this.chosen === null) return found;
    for (const row of [...new Set(this.neighbourRows())]) { found.x.push(x[this.chosen], x[row], null); found.y.push(y[this.chosen], y[row], null); }
    if (!found.x.length) { found.x.push(x[this.chosen]); found.y.push(y[this.chosen]); }
    return found;
  }

  typedPlaces({film, frame}) {
    const sides = this.typed && film === this.films[0] ? this.typed.sides : [];
    if (!sides.length) return {x: [], y: [], text: []};
    const first = sides[0], last = sides[sides.length - 1], share = film.kept > 0 ? Math.min(1, frame / film.kept) : 1;
    const between = axis => this.typed.texts.map((_, row) => (1 - share) * first.places[row][axis] + share * last.places[row][axis]);
    return {x: between(0), y: between(1), text: this.typed.texts.map(text => escaped(text.length > 36 ? `${text.slice(0, 36)}…` : text))};
  }

  // What is written on the map, each on a ground of its own, so that points behind it leave it readable: titles, and typed texts.
  notes(panels) {
    const style = getComputedStyle(this.root), ground = style.getPropertyValue('--background-fill-primary') || '#fff', rule = style.getPropertyValue('--border-color-primary') || '#ddd', {x: across, y: down} = this.extent(), notes = [];
    panels.forEach(({title}, place) => {
      const axis = place ? place + 1 : '';
      if (title) notes.push({text: `<b>${escaped(title.name)}</b>${title.more ? `<br>${escaped(title.more)}` : ''}`, align: 'left', xref: `x${axis} domain`, yref: `y${axis} domain`, x: 0.01, y: 0.99, xanchor: 'left', yanchor: 'top', showarrow: false, bgcolor: ground, font: {size: 13}});
    });
    panels.forEach((panel, place) => {
      const axis = place ? place + 1 : '', typed = this.typedPlaces(panel);
      typed.x.forEach((at, row) => {
        const share = (at - across[0]) / (across[1] - across[0]), isHigh = typed.y[row] > down[1] - 0.12 * (down[1] - down[0]);
        notes.push({name: 'typed', text: typed.text[row], xref: `x${axis}`, yref: `y${axis}`, x: at, y: typed.y[row], xanchor: share < 0.25 ? 'left' : share > 0.75 ? 'right' : 'center', yanchor: isHigh ? 'top' : 'bottom', yshift: isHigh ? -10 : 10, showarrow: false, bgcolor: ground, bordercolor: rule, borderpad: 3, font: {size: 12.5}});
      });
    });
    return notes;
  }

  // Only what a frame changes.
  move() {
    const panels = this.panels(), x = [], y = [], which = [];
    let shown = [];
    panels.forEach((panel, place) => { shown[place] = this.coordinates(panel); });
    this.roles.forEach(({role, place}, trace) => {
      const found = role === 'points' || role === 'density' ? shown[place] : role === 'near' ? this.star(shown[place]) : role === 'typed' ? this.typedPlaces(panels[place]) : this.lineTrace(Number(role.slice(5)), panels[place], shown[place]);
      if (!found.x.length && role !== 'points') return;
      x.push(found.x); y.push(found.y); which.push(trace);
    });
    return this.typed ? this.P.update(this.plot, {x, y}, {annotations: this.notes(panels)}, which) : this.P.restyle(this.plot, {x, y}, which);
  }

  paint() { if (this.drawn && this.films.length) this.draw(); }

  async show(frame, smoothly = false) {
    const from = this.position, film = this.films[0], turn = (this.turn += 1);
    this.frame = frame; this.slider.value = frame;
    if (this.shows === 'both') { this.drawTold(); return; }
    if (smoothly && film.texts <= MOST_TWEENED) {
      const began = performance.now();
      for (let share = 0; share < 1 && turn === this.turn;) {
        share = Math.min(1, (performance.now() - began) / TWEEN_MS);
        this.position = from + (frame - from) * (share * share * (3 - 2 * share));
        if (HAS_WEBGL) (this.tween ||= new Tween(this)).draw(); else await this.move();
        await new Promise(requestAnimationFrame);
      }
    }
    if (turn !== this.turn) return;
    this.position = frame;
    // A race's titles and the colours of lines are those of the frame as well.
    if (this.films.length > 1 || this.value('lines')) this.draw(); else { await this.move(); this.drawTold(); }
    if (turn === this.turn) this.endTween();
  }

  endTween() { if (this.tween) { this.tween.end(); this.tween = null; } }

  // Nothing moves any more.
  stand() { this.turn += 1; this.pause(); this.endTween(); }

  async play() {
    const film = this.films[0];
    this.playing = true; this.follows = false;
    this.root.querySelector('[data-act=play]').textContent = '❚❚ Pause';
    if (this.shows === 'both') { const film_ = this.root.querySelector('[data-choice=shows][value=film]'); film_.checked = true; this.draw(); }
    if (this.frame >= film.frames - 1) await this.show(0);
    while (this.playing && this.frame < this.films[0].frames - 1) {
      await this.show(this.frame + 1, true);
      await new Promise(done => setTimeout(done, HOLD_MS));
    }
    // Played to its end, the film of a run that goes on goes on with it.
    if (this.playing) this.follows = Boolean(this.films[0].isLive);
    this.pause();
  }

  pause() { this.playing = false; const button = this.root.querySelector('[data-act=play]'); if (button) button.textContent = '▶ Play'; }

  // The card is there before the map is drawn again, which without a GPU takes longer.
  pick(row) { this.chosen = row; this.tell(); requestAnimationFrame(() => setTimeout(() => this.paint())); }

  // An arrow key chooses the nearest text on that side of the chosen one, from none the one nearest the middle; Escape lets go.
  press(event) {
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key], isEscape = event.key === 'Escape' && this.chosen !== null;
    if (event.target !== this.plot || !this.films.length || !(way || isEscape)) return;
    event.preventDefault();
    if (isEscape) { this.chosen = null; this.paint(); this.tell(); return; }
    const {x, y} = this.coordinates(this.panels()[0]), edge = this.extent(), middle = ([low, high]) => (low + high) / 2, has = this.chosen !== null;
    const from = has ? {x: x[this.chosen], y: y[this.chosen]} : {x: middle(edge.x), y: middle(edge.y)};
    let best = null, least = Infinity;
    for (let row = 0; row < x.length; row += 1) {
      if (row === this.chosen || this.isOut(row)) continue;
      const dx = x[row] - from.x, dy = y[row] - from.y, along = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      const cost = !has ? Math.hypot(dx, dy) : along > 0 && aside <= along ? along + 2 * aside : Infinity;
      if (cost < least) { best = row; least = cost; }
    }
    if (best !== null) this.pick(best);
  }

  async type() {
    const field = this.root.querySelector('[data-part=typed]'), texts = field.value.split('\n').map(text => text.trim()).filter(Boolean).slice(0, 8);
    if (!texts.length || !this.space) { field.focus(); return; }
    this.chosen = null; this.picked = []; this.words = '';
    await this.place(texts);
  }

  async place(texts) {
    const button = this.root.querySelector('form button'), {method} = this.films[0];
    button.disabled = true;
    try { this.typed = {texts: [], sides: [], ...await this.source.type(texts), method}; } finally { button.disabled = false; }
    this.draw(); this.tell();
  }

  async saveHtml(button) {
    button.disabled = true; this.says.textContent = 'The file is being made…';
    try { const page = await this.source.page(); if (page.html) download('map.html', page.html, 'text/html'); this.says.textContent = page.fault || 'The file is saved; it opens without a network.'; } finally { button.disabled = false; }
  }
}

function mountExplorer(root, source) { return new Explorer(root, source); }
