// The two pictures, on canvases: what the network computes over the plane, and the loss of every epoch.

/** A canvas made ready to draw on in CSS pixels. */
function prepared(canvas) {
  const { width, height } = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height, em: parseFloat(getComputedStyle(canvas).fontSize) };
}
/** The colours of the page's present theme. */
function inks() {
  const style = getComputedStyle(document.documentElement), probe = document.getElementById('probe');
  const ink = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ['ink', 'quiet', 'paper', 'line', 'low', 'middle', 'high', 'accent', 'trap', 'solved'];
  return { ...Object.fromEntries(names.map((name) => [name, ink(name)])), font: style.fontFamily || 'sans-serif' };
}

const rgb = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
/** A function from predictions to colours: `low` at the smaller target, `high` at the larger one. */
function colouring(c, { low, middle, high }) {
  const { low: from, high: to } = targetsOf(c), ends = [low, middle, high].map(rgb);
  return (y) => {
    const share = Math.min(Math.max((y - from) / (to - from || 1), -0.12), 1.12), half = share < 0.5 ? 0 : 1;
    const t = Math.min(Math.max(2 * share - half, -0.25), 1.25);
    return ends[half].map((start, i) => start + t * (ends[half + 1][i] - start));
  };
}
/** The part of the plane that is shown: the rows with room around them, and pixels to and from it. */
class Plane {
  constructor(c, width, height) {
    const of = (d) => c.rows.map(({ x }) => x[d] ?? 0), sides = [0, 1].map((d) => [Math.min(...of(d)), Math.max(...of(d))]);
    const span = Math.max(...sides.map(([a, b]) => b - a)) * 1.7 || 2, [left, bottom] = sides.map(([a, b]) => (a + b - span) / 2);
    Object.assign(this, { width, height, span, left, bottom });
  }

  toPixels([x, y]) {
    return [((x - this.left) / this.span) * this.width, (1 - (y - this.bottom) / this.span) * this.height];
  }

  fromPixels(px, py) {
    return [this.left + (px / this.width) * this.span, this.bottom + (1 - py / this.height) * this.span];
  }
}
/** What a network predicts at any point; the inputs beyond the second are those of `slice`. */
function predictor(c, p, slice) {
  const { hidden: H, inputs: D } = c, value = ruleOf(c, 'activation', 'value'), out = ruleOf(c, 'output', 'value');
  return (...place) => {
    const at = [...place, ...slice].slice(0, D);
    let s = p[(D + 2) * H];
    for (let h = 0; h < H; h++) s += value(at.reduce((z, x, d) => z + x * p[d * H + h], p[D * H + h])) * p[(D + 1) * H + h];
    return out(s);
  };
}
/** The ends, in pixels, of the line where a unit's pre-activation is 0, and the direction of its active side. */
function kinkLine(c, p, h, plane, slice) {
  const { hidden: H, inputs: D } = c, u = p[h], v = D > 1 ? p[H + h] : 0, size = Math.hypot(u, v);
  const b = slice.reduce((sum, value, i) => sum + value * p[(i + 2) * H + h], p[D * H + h]);
  if (!(size > 1e-12)) return null;
  const centre = [plane.left + plane.span / 2, plane.bottom + plane.span / 2], off = (u * centre[0] + v * centre[1] + b) / size;
  const foot = [centre[0] - (off * u) / size, centre[1] - (off * v) / size], reach = Math.sqrt(Math.max(0.56 * plane.span ** 2 - off ** 2, 0));
  if (!reach) return null;
  const ends = [-1, 1].map((side) => plane.toPixels([foot[0] - (side * reach * v) / size, foot[1] + (side * reach * u) / size]));
  return { ends, active: [u / size, -v / size], foot: plane.toPixels(foot) };
}
/** Where a line's number stands: inside the picture and away from `rows`, each unit a little farther along. */
function labelOf({ ends: [[ax, ay], [bx, by]] }, { h, H, width, em, rows }) {
  const inside = (t) => [ax + t * (bx - ax), ay + t * (by - ay)], fits = [];
  for (let t = 0.02; t < 1; t += 0.02) {
    const [x, y] = inside(t);
    const free = rows.every(([rx, ry]) => Math.hypot(x - rx, y - ry - em) > 3.9 * em);
    if (free && x > em && y > em && x < width - em && y < width - em) fits.push(t);
  }
  return fits.length ? inside(fits[Math.floor(((h + 0.5) / H) * fits.length)]) : inside(0.5);
}
/** Draws the map; returns what is needed to find lines under a pointer. */
function drawMap(canvas, { c, p, look, slice, chosen }) {
  const { pen, width, height, em } = prepared(canvas), colours = inks(), plane = new Plane(c, width, height);
  const colour = colouring(c, colours), predict = predictor(c, p, slice), cells = 96, image = new ImageData(cells, cells);
  for (let i = 0; i < cells * cells; i++) {
    const [x, y] = plane.fromPixels(((i % cells) + 0.5) * (width / cells), (Math.floor(i / cells) + 0.5) * (height / cells));
    image.data.set([...colour(predict(x, y)), 255], 4 * i);
  }
  const small = Object.assign(document.createElement('canvas'), { width: cells, height: cells });
  small.getContext('2d').putImageData(image, 0, 0);
  pen.drawImage(small, 0, 0, width, height);
  const lines = Array.from({ length: c.hidden }, (_, h) => kinkLine(c, p, h, plane, slice)), dead = deadUnits(c, p);
  const rows = c.rows.map(({ x }) => plane.toPixels([x[0], x[1] ?? 0]));
  lines.forEach((line, h) => line && drawLine(pen, line, { h, H: c.hidden, width, em, rows, dead: dead[h], chosen: chosen === h, colours }));
  const here = c.rows.map((row, n) => ({ row, n })).filter(({ row }) => String(row.x.slice(2)) === String(slice));
  here.forEach(({ row, n }) => drawRow(pen, rows[n], { c, row, n, y: look.y[n], colours, colour, em, width }));
  return { plane, lines };
}

function drawLine(pen, line, place) {
  const { h, em, dead, chosen, colours } = place, [[ax, ay], [bx, by]] = line.ends, [x, y] = labelOf(line, place), [dx, dy] = line.active;
  const style = { strokeStyle: chosen ? colours.accent : colours.ink, lineWidth: chosen ? 4 : 2.2, globalAlpha: dead ? 0.55 : 1 };
  stroke(pen, { ...style, dash: dead ? [em * 0.5, em * 0.4] : [] }, [ax, ay], [bx, by]);
  for (const share of [0.3, 0.7]) {  // arrows to the active side
    const [fx, fy] = [ax + share * (bx - ax), ay + share * (by - ay)], [tx, ty] = [fx + dx * em, fy + dy * em], tip = em * 0.3;
    stroke(pen, style, [fx, fy], [tx, ty], [tx - (dx - dy) * tip, ty - (dy + dx) * tip], [tx, ty], [tx - (dx + dy) * tip, ty - (dy - dx) * tip]);
  }
  pen.globalAlpha = 1;
  disc(pen, x, y, em * 0.72, dead ? colours.quiet : style.strokeStyle);
  written(pen, String(h + 1), x, y, colours.paper, `600 ${em * 0.85}px ${colours.font}`);
}

function drawRow(pen, [x, y], { c, row, n, y: prediction, colours, colour, em, width }) {
  disc(pen, x, y, em * 0.75 + 3, colours.paper);
  disc(pen, x, y, em * 0.75 + 1.5, colours.ink);
  disc(pen, x, y, em * 0.75 - 1.5, `rgb(${colour(row.t).map(Math.round)})`);
  const text = `${c.isSquare ? `${c.names[n]}: ` : ''}${figure(Math.abs(prediction) < 5e-4 ? 0 : prediction)}`, font = `600 ${em}px ${colours.font}`;
  pen.font = font;
  const half = pen.measureText(text).width / 2 + em * 0.4, tx = Math.min(Math.max(x, half), width - half), ty = y + em * (y > width - 3 * em ? -1.8 : 1.8);
  Object.assign(pen, { fillStyle: colours.paper, globalAlpha: 0.88 }).beginPath();
  pen.roundRect(tx - half, ty - em * 0.75, 2 * half, em * 1.5, em * 0.4);
  pen.fill();
  pen.globalAlpha = 1;
  written(pen, text, tx, ty, colours.ink, font);
}

function written(pen, text, x, y, ink, font, align = 'center') {
  Object.assign(pen, { fillStyle: ink, font, textAlign: align, textBaseline: 'middle' });
  pen.fillText(text, x, y);
}
/** Epochs along a logarithmic axis: a share from 0 to 1, and back. */
const shareOf = (epoch, epochs) => Math.log1p(epoch) / Math.log1p(Math.max(epochs, 1));
const epochOf = (share, epochs) => Math.min(Math.round(Math.expm1(share * Math.log1p(Math.max(epochs, 1)))), epochs);
/** Draws the loss of every epoch on logarithmic axes, with the traps' levels as lines. */
function drawLoss(canvas, { run, epoch }) {
  const { pen, width, height, em } = prepared(canvas), colours = inks(), { losses, epochs, c } = run;
  const good = losses.filter((loss) => loss > 0 && Number.isFinite(loss)), traps = trapsOf(c);
  let [least, most] = traps.length ? [0.2, 0.6] : [Infinity, 0];
  for (const loss of good) [least, most] = [Math.min(least, loss), Math.max(most, loss)];
  const low = Math.max(Math.log10(least || 1) - 0.12, -8.5), high = Math.max(Math.min(Math.log10(most || 1) + 0.12, 6), low + 0.3);
  const box = { left: em * 2.6, right: width - em * 0.8, top: em * 0.4, bottom: height - em * 2.6 };
  const px = (e) => box.left + shareOf(e, epochs) * (box.right - box.left);
  const py = (loss) => box.bottom - ((Math.min(Math.max(Math.log10(loss), low), high) - low) / (high - low)) * (box.bottom - box.top);
  const font = `${em * 0.8}px ${colours.font}`, thin = { strokeStyle: colours.line, lineWidth: 1 };
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of high - low < 2 ? [1, 2, 5] : [1]) {
      const level = digit * 10 ** power, y = py(level), plain = power >= -2 && power <= 2;
      if (Math.log10(level) < low || Math.log10(level) > high) continue;
      stroke(pen, thin, [box.left, y], [box.right, y]);
      written(pen, plain ? String(Number(level.toPrecision(1))) : `10${superscript(power)}`, box.left - em * 0.5, y, colours.quiet, font, 'right');
    }
  }
  for (let e = 1; e <= epochs; e *= 10) {
    stroke(pen, thin, [px(e), box.bottom], [px(e), box.bottom + em * 0.3]);
    written(pen, thousands(e), Math.min(px(e), width - em * 2), box.bottom + em, colours.quiet, font);
  }
  written(pen, 'epoch', (box.left + box.right) / 2, box.bottom + em * 2, colours.quiet, font);
  const dashed = { strokeStyle: colours.trap, lineWidth: 1.5, dash: [em * 0.5, em * 0.35] };
  traps.forEach(({ level }) => stroke(pen, dashed, [box.left, py(level)], [box.right, py(level)]));
  const shown = [...new Set(Array.from({ length: 1501 }, (_, i) => epochOf(i / 1500, epochs)))].filter((e) => Number.isFinite(losses[e]));
  stroke(pen, { strokeStyle: colours.ink, lineWidth: 2.4, lineJoin: 'round' }, ...shown.map((e) => [px(e), py(Math.max(losses[e], 1e-30))]));
  const label = (text, level) => written(pen, text, box.right - em * 0.6, py(level) - em * 0.6, colours.trap, `600 ${em * 0.85}px ${colours.font}`, 'right');
  if (traps.every(({ level }, i) => !i || py(traps[i - 1].level) - py(level) > em * 1.05)) traps.forEach(({ name, level }) => label(`trap ${TRAPS[name] || name}`, level));
  else label(`traps ${traps.map(({ name }) => TRAPS[name] || name).join(' ')}`, traps.at(-1).level);
  stroke(pen, { strokeStyle: colours.accent, lineWidth: 2 }, [px(epoch), box.top], [px(epoch), box.bottom]);
  if (losses[epoch] > 0) disc(pen, px(epoch), py(losses[epoch]), em * 0.4, colours.accent);
  return { epochAt: (x) => epochOf(Math.min(Math.max((x - box.left) / (box.right - box.left), 0), 1), epochs) };
}

/** A line through points. */
function stroke(pen, { dash = [], ...style }, ...points) {
  Object.assign(pen, style).setLineDash(dash);
  pen.beginPath();
  points.forEach((point) => pen.lineTo(...point));
  pen.stroke();
}

function disc(pen, x, y, radius, fillStyle) {
  Object.assign(pen, { fillStyle }).beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
}

const superscript = (n) => String(n).replace(/./g, (digit) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(digit)]);
