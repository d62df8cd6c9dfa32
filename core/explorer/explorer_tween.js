// While a film moves, its points are drawn on a plain canvas over plotly's: without a GPU that is several times as fast as WebGL.
class Tween {
  constructor(explorer) {
    const {plot} = explorer, style = getComputedStyle(explorer.root), sharp = window.devicePixelRatio || 1;
    this.explorer = explorer; this.ink = style.getPropertyValue('--body-text-color') || '#111'; this.ground = style.getPropertyValue('--background-fill-primary') || '#fff';
    this.canvas = document.createElement('canvas');
    this.canvas.className = 'tween';
    this.canvas.width = plot.offsetWidth * sharp; this.canvas.height = plot.offsetHeight * sharp;
    plot.querySelector('.svg-container').append(this.canvas);
    // It keeps the canvas off the GPU, which where there is none is twice as fast again.
    this.pen = this.canvas.getContext('2d', {willReadFrequently: true});
    this.pen.scale(sharp, sharp);
    plot.classList.add('moving');
    const marker = explorer.colouring();
    this.colours = this.coloursOf(marker.color); this.shapes = marker.symbol; this.opacity = explorer.opacities();
    // Typed texts move with their points: plotly's own labels would stay behind.
    const notes = plot.layout.annotations || [];
    this.still = [...plot.querySelectorAll('.annotation')].filter(note => notes[note.dataset.index]?.name === 'typed');
    for (const note of this.still) note.style.visibility = 'hidden';
  }

  end() {
    this.canvas.remove(); this.explorer.plot.classList.remove('moving');
    for (const note of this.still) note.style.visibility = '';
  }

  // One colour for each text: values are looked up on the scale that plotly uses.
  coloursOf(colour) {
    const {texts} = this.explorer.space;
    if (typeof colour === 'string') return texts.map(() => colour);
    if (typeof colour[0] === 'string') return colour;
    const {marker} = this.explorer.plot._fullData.find(trace => trace.hovertemplate), ruler = Object.assign(document.createElement('canvas'), {width: 256, height: 1}).getContext('2d'), scale = ruler.createLinearGradient(0, 0, 256, 0);
    for (const [stop, name] of marker.colorscale) scale.addColorStop(stop, name);
    ruler.fillStyle = scale; ruler.fillRect(0, 0, 256, 1);
    const seen = ruler.getImageData(0, 0, 256, 1).data;
    return Array.from(colour, value => {
      if (value === null) return '#94a3b8';
      const at = 4 * Math.min(255, Math.max(0, Math.round(255 * (value - marker.cmin) / (marker.cmax - marker.cmin))));
      return `rgb(${seen[at]},${seen[at + 1]},${seen[at + 2]})`;
    });
  }

  draw() {
    const {pen, explorer} = this, {plot} = explorer;
    pen.clearRect(0, 0, plot.offsetWidth, plot.offsetHeight);
    explorer.panels().forEach((panel, place) => {
      const name = place ? place + 1 : '', x = plot._fullLayout[`xaxis${name}`], y = plot._fullLayout[`yaxis${name}`];
      pen.save();
      pen.beginPath(); pen.rect(x._offset, y._offset, x._length, y._length); pen.clip();
      this.panel(panel, at => x._offset + x.l2p(at), at => y._offset + y.l2p(at));
      pen.restore();
    });
  }

  panel(panel, across, down) {
    const {pen, explorer} = this, shown = explorer.coordinates(panel), star = explorer.star(shown), typed = explorer.typedPlaces(panel), radius = explorer.size() / 2;
    if (explorer.value('lines')) GAP_COLOURS.forEach((colour, bucket) => this.lines(explorer.lineTrace(bucket, panel, shown), colour, 0.6, across, down));
    for (let row = 0; row < shown.x.length; row += 1) {
      pen.globalAlpha = typeof this.opacity === 'number' ? this.opacity : this.opacity[row];
      pen.fillStyle = this.colours[row];
      this.point(across(shown.x[row]), down(shown.y[row]), radius, this.shapes ? this.shapes[row] : 'circle');
    }
    this.lines(star, this.ink, 1, across, down);
    pen.font = '12.5px Inter, system-ui, sans-serif'; pen.textAlign = 'center'; pen.lineWidth = 4; pen.lineJoin = 'round'; pen.strokeStyle = this.ground;
    typed.x.forEach((at, row) => {
      for (const [said, up] of [['◆', -4], [explorer.typed.texts[row].slice(0, 36), 14]]) {
        pen.strokeText(said, across(at), down(typed.y[row]) - up);
        pen.fillStyle = this.ink; pen.fillText(said, across(at), down(typed.y[row]) - up);
      }
    });
  }

  point(x, y, radius, shape) {
    const {pen} = this;
    pen.beginPath();
    if (shape === 'circle') pen.arc(x, y, radius, 0, 2 * Math.PI);
    else if (shape === 'square') pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else { pen.moveTo(x, y - radius); pen.lineTo(x + radius, y + radius * 0.75); pen.lineTo(x - radius, y + radius * 0.75); }
    pen.fill();
  }

  lines({x, y}, colour, opacity, across, down) {
    const {pen} = this;
    pen.globalAlpha = opacity; pen.strokeStyle = colour; pen.lineWidth = 1;
    pen.beginPath();
    for (let at = 0; at + 1 < x.length; at += 3) { pen.moveTo(across(x[at]), down(y[at])); pen.lineTo(across(x[at + 1]), down(y[at + 1])); }
    pen.stroke();
    pen.globalAlpha = 1;
  }
}
