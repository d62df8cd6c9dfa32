// What stands beside and below the map: the legend, the sentence of a frame, cards and lists. Comes after explorer.js.
Object.assign(Explorer.prototype, {
  drawLegend() {
    const by = this.value('colour'), groups = CONTINUOUS[by] ? null : this.grouping();
    if (CONTINUOUS[by]) { this.legend.innerHTML = `<span class="hint">${escaped(CONTINUOUS[by].reading)}</span>`; return; }
    this.legend.innerHTML = groups ? groups.names.map(name => `<button type="button" class="chip${this.hidden.has(name) ? ' off' : ''}" data-group="${escaped(name)}" aria-pressed="${!this.hidden.has(name)}"><i class="${SHAPES[groups.looks.get(name).shape]}" style="background:${groups.looks.get(name).colour}"></i>${escaped(name || 'none')}</button>`).join('') : '';
  },

  // The sentence and the charts of the frame that is shown.
  drawTold() {
    const film = this.films[0], frame = this.shows === 'both' ? film.kept : this.frame, told = film.told ? film.told[frame] : null;
    const last = film.steps[film.steps.length - 1], mark = frame === film.kept && !film.isLive && film.frames > 2 ? ', the one that was kept' : '';
    this.step.textContent = film.frames > 2 ? `Step ${film.steps[frame].toLocaleString('en')}${film.isLive ? '; the newest is' : ' of'} ${last.toLocaleString('en')}${mark}` : this.space.loss ? `Step ${film.steps[frame].toLocaleString('en')}` : frame ? 'Tuned' : 'Untouched';
    if (!told) { this.told.textContent = film.method === 'umap' ? 'UMAP draws each text near its neighbours; distances and sizes of groups are no cosines.' : `The two main axes hold ${Math.round(100 * film.explained)} % of the variance; what is near on the map may be far apart in the rest.`; return; }
    const changed = frame ? `since the frame before, ${Math.round(100 * told.changed)} % of all neighbours changed and the map moved ${told.moved.toFixed(2)}` : 'the model before its first step';
    const trust = `Of this picture's neighbours ${told.trustworthiness.toFixed(2)} can be trusted (1 is all)`;
    const what = film.method === 'umap' ? 'UMAP: distances and sizes of groups are no cosines.' : `Main axes: they hold ${Math.round(100 * film.explained)} % of the kept model's variance.`;
    this.told.textContent = `${trust}; ${changed}. ${what}`;
    if (this.source.charts) this.source.charts(this, frame);
  },

  // The side: a card of the chosen text, what the lasso holds, what was typed, or what moved most.
  tell() {
    if (!this.space) return;
    const {texts} = this.space;
    this.side.dataset.chosen = this.chosen ?? '';
    const line = (row, more) => `<li><button type="button" class="text" data-row="${row}" dir="auto">${escaped(texts[row])}</button>${more}</li>`;
    if (this.chosen !== null) return this.tellCard(line);
    if (this.picked.length) {
      this.side.innerHTML = `<h4>${this.picked.length.toLocaleString('en')} texts in the lasso</h4><p><button type="button" class="small" data-act="save">Save as CSV</button> <button type="button" class="small" data-act="back">Close</button></p><ol>${this.picked.slice(0, 200).map(row => line(row, '')).join('')}</ol>`;
      return;
    }
    if (this.words) {
      const found = texts.map((text, row) => row).filter(row => texts[row].toLowerCase().includes(this.words));
      this.side.innerHTML = `<h4>${found.length.toLocaleString('en')} texts with these words</h4><ol>${found.slice(0, 50).map(row => line(row, '')).join('')}</ol>`;
      return;
    }
    if (this.typed) return this.tellTyped(line);
    const pairs = this.films[0].pairs || [];
    const by = sign => [...pairs].sort((one, other) => sign * ((other[4] - other[3]) - (one[4] - one[3]))).slice(0, 5).filter(pair => sign * (pair[4] - pair[3]) > 0);
    const shown = list => list.map(pair => `<li><button type="button" class="text" data-row="${pair[0]}" dir="auto">${escaped(texts[pair[0]])}</button><button type="button" class="text" data-row="${pair[1]}" dir="auto">${escaped(texts[pair[1]])}</button><small>cosine ${pair[3].toFixed(2)} → ${pair[4].toFixed(2)} (${signed(pair[4] - pair[3])}), wanted ${pair[2].toFixed(2)}</small></li>`).join('');
    this.side.innerHTML = '<p class="hint">Click a point to read it and its ten nearest, before and after. Draw a lasso to list texts.</p>' + (pairs.length ? `<h4>Pulled together most</h4><ol>${shown(by(1)) || '<li>none</li>'}</ol><h4>Pushed apart most</h4><ol>${shown(by(-1)) || '<li>none</li>'}</ol>` : '');
  },

  tellCard(line) {
    const row = this.chosen, film = this.films[0], groups = Object.entries(this.space.groups).filter(([, labels]) => labels[row]).map(([name, labels]) => `${name}: ${labels[row]}`).join(' · ');
    let lists = '<p class="hint">Its neighbours are being looked up…</p>';
    if (film.near) {
      const before = film.near.before(row), after = film.near.after(row), had = new Set(before.map(each => each.row)), has = new Set(after.map(each => each.row));
      const side = (list, other, word) => list.map(each => line(each.row, `<small>${each.cosine.toFixed(2)}${other.has(each.row) ? '' : ` <b class="${word}">${word}</b>`}</small>`)).join('');
      lists = film.frames > 1 ? `<div class="two"><div><h5>Nearest before</h5><ol>${side(before, has, 'left')}</ol></div><div><h5>Nearest after</h5><ol>${side(after, had, 'came')}</ol></div></div>` : `<h5>Nearest</h5><ol>${side(after, has, '')}</ol>`;
    }
    this.side.innerHTML = `<p><button type="button" class="small" data-act="back">Close</button></p><p class="quote" dir="auto">${escaped(this.space.texts[row])}</p><p class="hint">${escaped(groups)}</p>${lists}`;
  },

  tellTyped(line) {
    const {texts, sides, fault} = this.typed;
    if (fault) { this.side.innerHTML = `<p class="fault">${escaped(fault)}</p>`; return; }
    const names = sides.length > 1 ? ['before', 'after'] : [''];
    const both = texts.length === 2 ? `<p>Cosine of the two: ${sides.map((side, place) => `${side.cosines[0][1].toFixed(3)} ${names[place]}`).join(', ')}.</p>` : '';
    const lists = texts.map((text, own) => `<h4 dir="auto">${escaped(text)}</h4><div class="${sides.length > 1 ? 'two' : ''}">${sides.map((side, place) => `<div><h5>Nearest ${names[place]}</h5><ol>${side.rows[own].map((row, rank) => line(row, `<small>${side.near[own][rank].toFixed(2)}</small>`)).join('')}</ol></div>`).join('')}</div>`).join('');
    this.side.innerHTML = both + lists;
  },

  saveCsv(rows) {
    const film = this.films[0], names = Object.keys(this.space.groups), last = film.frames - 1;
    const head = ['text', ...names, 'x_before', 'y_before', 'x_after', 'y_after', 'cluster', 'movement'];
    const lines = rows.map(row => [this.space.texts[row], ...names.map(name => this.space.groups[name][row]), ...[0, last === 0 ? 0 : film.kept].flatMap(frame => [film.at(frame, row, 0).toFixed(4), film.at(frame, row, 1).toFixed(4)]), film.clusters ? film.cluster_names[film.clusters[row]] : '', film.movement ? film.movement[row].toFixed(4) : '']);
    download('map.csv', `\ufeff${asCsv([head, ...lines])}`, 'text/csv');
  },
});
