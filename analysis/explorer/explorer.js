// The page: an address fixes everything; a change of anything makes a new address, trains at once, and shows it.

const $ = (id) => document.getElementById(id);

const state = { view: null, run: null, row: null, epoch: 0, playing: false, chosen: -1, drawn: null, preview: null, odds: null, search: null, slice: [] };
const put = (id, values) => Object.assign($(id), values);
const element = (tag, { data, ...values } = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), values);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
};
/** Opens an address: trains, and shows the epoch that it names, else the end. */
function visit(hash) {
  try {
    const view = readAddress(hash), run = runOf(view), others = view.c.rows[0].x.slice(2), slice = state.slice.length === others.length ? state.slice : others;
    Object.assign(state, { view, run, row: diagnose(run), preview: null, slice });
    $('error').hidden = true;
  } catch (error) {
    if (!state.run && hash) visit('');
    return complain(error);
  }
  setPlaying(false);
  fillSettings();
  const { c } = state.view;
  put('task-name', { textContent: c.task === 'own' ? 'a table' : PRINTED.tasks[c.task].label });
  tellResult();
  buildUnits();
  fillInterventions();
  buildSlice();
  searchFreeing();
  return show(Math.min(state.view.epoch ?? state.run.epochs, state.run.epochs));
}

const complain = (error) => put('error', { textContent: error.message, hidden: false });
/** Goes to the address of a changed view. */
function change(values) {
  const view = { ...state.view, epoch: null, ...values };
  history.replaceState(null, '', values.hash || writeAddress(view));
  visit(location.hash);
}
/** What scripts and tests read. */
function tellResult() {
  const { row, run } = state, { outcome, final_loss: loss, solved_epoch: solvedEpoch, settled_epoch: settledEpoch, period } = row;
  const finalLoss = shortest(loss, run.c), weights = toHex(run.at(run.epochs));
  Object.assign($('result').dataset, { outcome, finalLoss, solvedEpoch, settledEpoch, period, weights });
}
/** The shortest text that gives a number back in the condition's precision. */
function shortest(value, c) {
  const texts = Array.from({ length: 17 }, (_, n) => value.toPrecision(n + 1));
  return String(Number(texts.find((text) => numbersOf(c).round(Number(text)) === value) ?? value));
}
/** Shows an epoch. */
function show(epoch) {
  const { run, view } = state, last = run.epochs;
  state.epoch = epoch = Math.min(Math.max(epoch, 0), last);
  view.epoch = epoch === last ? null : epoch;
  if (!state.playing) history.replaceState(null, '', writeAddress(view));
  put('scrub', { value: 1000 * shareOf(epoch, last), ariaValueText: `epoch ${epoch} of ${last}` });
  put('now', { textContent: `${thousands(epoch)} / ${thousands(last)}` });
  put('command', { textContent: command(view) });
  say();
  draw();
  showUnits();
}
/** The sentence: at the end what became of the run, before it what is going on. */
function say() {
  const { run: { c, epochs, losses }, row, epoch, playing, search } = state, dead = deadUnits(c, state.run.at(epoch)).filter(Boolean).length;
  put('said', { ariaLive: playing ? 'off' : 'polite' });
  if (epoch === epochs) {
    put('headline', { textContent: headline(c, row) });
    put('evidence', { textContent: `${evidence(c, row)} ${row.outcome.startsWith('stuck') ? freeing(search) : ''}` });
  } else {
    put('headline', { textContent: epoch ? `Epoch ${thousands(epoch)}: the loss is ${figure(losses[epoch])}.` : `The initial weights of seed ${state.view.seed}.` });
    put('evidence', { textContent: `${dead ? `${dead} of ${c.hidden} units dead. ` : ''}Press play to watch it train, or go to the end.` });
  }
}

function draw() {
  const { run: { c, epochs, losses }, run, epoch, chosen, slice } = state, p = state.preview || run.at(epoch), look = run.look(p);
  const rows = c.rows.map(({ t }, n) => `row ${c.names[n]}, target ${t}, prediction ${figure(look.y[n])}`);
  state.drawn = drawMap(put('map', { ariaLabel: `Predictions over the plane: ${rows.join('; ')}` }), { c, p, look, slice, chosen });
  const said = `Loss from ${figure(losses[0])} at epoch 0 to ${figure(losses[epochs])} at epoch ${epochs}`;
  state.axis = drawLoss(put('loss', { ariaLabel: said }), { run, epoch });
}
/** The cards of the units, with a field for each parameter by its place, to be filled by `showUnits`. */
function buildUnits() {
  const { c, P } = state.run, { hidden: H, inputs: D } = c;
  const field = (label, ariaLabel, index, h) => element('label', {}, label, element('input', {
    type: 'number', step: 'any', ariaLabel, data: { index }, disabled: !c.bias && (index === P - 1 || Math.floor(index / H) === D),
    onfocus: () => choose(h), onchange: ({ target }) => edit((p) => { p[index] = Number(target.value); }),
  }));
  const names = [...Array.from({ length: D }, (_, d) => [`x${d + 1}`, `weight of input ${d + 1}`]), ['bias', 'bias'], ['out', 'output weight']];
  $('units').replaceChildren(...Array.from({ length: H }, (_, h) => element('article', { onpointerenter: () => choose(h) },
    element('h3', {}, `Unit ${h + 1}`, element('span', { className: 'pattern' })), element('p'),
    element('div', { className: 'weights' }, ...names.map(([label, name], i) => field(label, `unit ${h + 1}, ${name}`, i * H + h, h))))));
  $('output-bias').replaceChildren(field('output bias', 'output bias', P - 1, -1));
}

function showUnits() {
  const { run, epoch, chosen } = state, p = state.preview || run.at(epoch), { z } = run.look(p);
  patternsOf(run.c, z).forEach((word, h) => {
    const card = $('units').children[h], { kind, text } = unitState(run, epoch, h, word);
    card.className = `unit ${kind}${chosen === h ? ' chosen' : ''}`;
    const on = run.c.names.filter((_, n) => word[n] === '1'), title = `active on ${on.length ? listed(on) : 'no row'}`;
    card.querySelector('p').textContent = text;
    Object.assign(card.querySelector('.pattern'), { title }).replaceChildren(...Array.from(word, (bit) => element('i', { className: bit === '1' ? 'on' : '' })));
  });
  for (const input of document.querySelectorAll('[data-index]')) {
    if (input !== document.activeElement || state.playing) input.value = Number(p[input.dataset.index].toFixed(3));
  }
}

function choose(h) {
  if (state.chosen === h) return;
  state.chosen = h;
  draw();
  Array.from($('units').children, (card, i) => card.classList.toggle('chosen', i === h));
}
/** Changes parameters at the epoch that is shown, and trains on from there. */
function edit(how) {
  const { run, epoch, view } = state, p = run.at(epoch).slice();
  how(p);
  if (p.every(Number.isFinite)) addEdit(view, epoch, toHex(p).replaceAll(' ', ''));
}

function addEdit(view, epoch, what) {
  const before = (view.edits ? view.edits.split(';') : []).filter((each) => Number(each.split(':')[0]) <= epoch);
  change({ edits: [...before, `${epoch}:${what}`].join(';') });
}

function fillInterventions() {
  const { run: { c }, view } = state, button = (words, title, onclick, disabled, name = '') =>
    element('button', { type: 'button', title, onclick, disabled, data: { name } }, words, element('small'));
  $('interventions').replaceChildren(...Object.entries(PRINTED.interventions).map(([name, { label, meaning }]) =>
    button(label, refused(c, name) || meaning, () => addEdit(view, state.epoch, name), Boolean(refused(c, name)), name)),
  button('undo', 'takes the last change back', () => change({ edits: view.edits.split(';').slice(0, -1).join(';') }), !view.edits));
}
/** A choice of where the plane cuts through the inputs beyond the second. */
function buildSlice() {
  const { run: { c }, slice } = state, { low, high } = targetsOf(c);
  put('scale', { textContent: `from blue (${figure(low)}) to orange (${figure(high)})` });
  $('slice').replaceChildren(...slice.map((value, i) => {
    const values = [...new Set(c.rows.map(({ x }) => x[i + 2]))].sort((a, b) => a - b);
    const onchange = ({ target }) => { slice[i] = Number(target.value); draw(); };
    return element('label', {}, ` Shown at x${i + 3} = `,
      element('select', { onchange }, ...values.map((each) => element('option', { selected: each === value }, String(each)))));
  }));
}
/** Tries on other seeds what frees runs that end like a stuck one, unless it is known, and shows it on the buttons. */
function searchFreeing() {
  const { run: { c }, row: { outcome: like }, search } = state, address = writeAddress({ c, seed: 0, epoch: null, edits: '' });
  const showShares = ({ done, total, freed }) => $('interventions').querySelectorAll('[data-name]').forEach(({ dataset, lastChild }) => {
    const { free, tried } = (done === total && freed[dataset.name]) || {};
    lastChild.textContent = tried ? ` ${percent(free / tried)} %` : '';
  });
  const show = (found) => {
    if (Object.values(found.freed).some(({ tried }) => tried >= 50)) found.stop(found.done = found.total);
    showShares(found);
    say();
  };
  if (search?.address === address && search.like === like) return showShares(search);
  search?.stop();
  state.search = like.startsWith('stuck') ? new Odds({ address, total: 400, like, workers: 1, show }) : null;
}
/** The unit whose line is nearest to a point of the map, or −1. */
function lineAt(x, y) {
  const distances = state.drawn.lines.map((line) => {
    if (!line) return Infinity;
    const [[ax, ay], [bx, by]] = line.ends;
    return Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / Math.hypot(bx - ax, by - ay);
  });
  const nearest = distances.indexOf(Math.min(...distances));
  return distances[nearest] < 14 ? nearest : -1;
}
/** Parameters with a unit's line through a point: its bias moves, or where there are none, it turns about the origin. */
function throughPoint(run, p, h, [x, y]) {
  const { hidden: H, inputs: D, bias } = run.c, moved = p.slice(), u = p[h], v = D > 1 ? p[H + h] : 0, rest = state.slice;
  if (bias) moved[D * H + h] = -(u * x + v * y + rest.reduce((sum, value, i) => sum + value * p[(i + 2) * H + h], 0));
  else {
    const size = Math.hypot(u, v) / (Math.hypot(x, y) || 1), side = Math.sign(u * y - v * x) || 1;
    [moved[h], moved[H + h]] = [side * y * size, -side * x * size];
  }
  return moved;
}

function makeDraggable(map) {
  let held = -1;
  const at = (event) => [event.offsetX, event.offsetY];
  map.addEventListener('pointermove', (event) => {
    const { run, epoch, drawn } = state;
    if (held < 0) {
      const near = lineAt(...at(event));
      map.classList.toggle('over', near >= 0);
      if (near >= 0 || state.chosen >= 0) choose(near);
      return;
    }
    state.preview = throughPoint(run, run.at(epoch), held, drawn.plane.fromPixels(...at(event)));
    draw();
    showUnits();
  });
  map.addEventListener('pointerdown', (event) => {
    held = lineAt(...at(event));
    if (held < 0) return;
    setPlaying(false);
    choose(held);
    map.setPointerCapture(event.pointerId);
  });
  map.addEventListener('pointerup', () => {
    const { preview } = state;
    if (held >= 0 && preview) edit((p) => p.set(preview));
    [held, state.preview] = [-1, null];
  });
}

function setPlaying(on) {
  state.playing = on;
  put('play', { textContent: on ? '❚❚' : '▶', ariaLabel: on ? 'Pause' : 'Play' });
}

function play() {
  if (state.playing) return goTo(state.epoch);
  if (state.epoch === state.run.epochs) show(0);
  setPlaying(true);
  let share = shareOf(state.epoch, state.run.epochs), last = performance.now(), shown = 0;
  const apart = matchMedia('(prefers-reduced-motion: reduce)').matches ? 700 : 0;  // milliseconds between pictures
  const tick = (now) => {
    if (!state.playing) return;
    share += Math.min(now - last, 100) / 1000 / Number($('speed').value);
    last = now;
    if (share >= 1) return goTo(state.run.epochs);
    if (now - shown >= apart) show(epochOf(share, state.run.epochs));
    if (now - shown >= apart) shown = now;
    requestAnimationFrame(tick);
  };
  return requestAnimationFrame(tick);
}

const goTo = (epoch) => { setPlaying(false); show(epoch); };
const drawAgain = () => change({ seed: (state.view.seed + 1n) % 2n ** 63n, edits: '' });

function trainMany() {
  state.odds?.stop();
  const address = writeAddress({ ...state.view, epoch: null, edits: '' });
  state.odds = new Odds({ address, total: 1000, show: showOdds });
}

function showOdds({ ends, done, total, rate }) {
  const found = PRINTED.judgement.outcomes.filter((outcome) => ends[outcome]);
  put('bar', { hidden: false }).replaceChildren(...found.map((outcome) =>
    element('i', { style: `background:${PRINTED.colours[outcome]};width:${(100 * ends[outcome].count) / total}%` })));
  const rows = found.map((outcome) => {
    const { count, seeds } = ends[outcome], [low, high] = wilson(count, done).map(percent);
    const onclick = () => change({ seed: BigInt(seeds[(seeds.indexOf(Number(state.view.seed)) + 1) % seeds.length]), edits: '' });
    const button = element('button', { type: 'button', title: 'open a run of these', onclick }, outcomeName(outcome));
    return element('tr', {}, element('th', { scope: 'row' }, element('i', { style: `background:${PRINTED.colours[outcome]}` }), button),
      element('td', {}, `${percent(count / done)} %`), element('td', {}, `${low}–${high}`));
  });
  const head = element('tr', {}, element('th', { scope: 'col' }, 'outcome'), ...['share', '95 %'].map((text) => element('th', { scope: 'col' }, text)));
  const told = `${drawsNeeded(ends.solved?.count || 0, done)} ${thousands(done)} seeds, ${thousands(Math.round(rate))} a second.`;
  $('tally').replaceChildren(element('table', {}, head, ...rows), element('p', {}, told));
}

const copy = (text, what) => navigator.clipboard.writeText(text).then(() => `${what} copied.`, () => text).then((textContent) => put('told', { textContent }));

function save(blob, name) {
  const link = element('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  put('told', { textContent: `${name} saved.` });
}
/** The sentence and both pictures as one PNG. */
function savePicture() {
  const [map, loss] = [$('map'), $('loss')], gap = 40, height = Math.max(map.height, loss.height), colours = inks();
  const picture = element('canvas', { width: map.width + loss.width + 3 * gap, height: height + 4 * gap }), pen = picture.getContext('2d');
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, picture.width, picture.height);
  written(pen, $('headline').textContent, gap, 1.4 * gap, colours.ink, `600 ${gap * 0.85}px ${colours.font}`, 'left');
  pen.drawImage(map, gap, 2.6 * gap);
  pen.drawImage(loss, map.width + 2 * gap, 2.6 * gap);
  picture.toBlob((blob) => save(blob, `${fileName(state.view.seed)}.png`));
}

function switchTheme() {
  const { dataset } = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  dataset.theme = (dataset.theme || system) === 'dark' ? 'light' : 'dark';
  draw();
}

const KEYS = { ' ': 'play', Home: 'rewind', End: 'end', ArrowRight: 'step', ArrowLeft: 'back', n: 'again' };  // the buttons that they press

function listen() {
  const tourTo = (at) => showStop(at, (hash) => change({ hash }));
  const clicks = {
    tour: () => tourTo(0), theme: switchTheme, play, rewind: () => goTo(0), back: () => goTo(state.epoch - 1), step: () => goTo(state.epoch + 1),
    end: () => goTo(state.run.epochs), again: drawAgain, 'train-many': trainMany, 'copy-link': () => copy(location.href, 'Link'),
    'copy-command': () => copy(command(state.view), 'Command'), 'save-picture': savePicture,
    'save-weights': () => save(new Blob([npz(state.run.c, state.run.at(state.epoch))]), `${fileName(state.view.seed)}.npz`),
  };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener('click', action);
  $('card').addEventListener('click', ({ target }) => target.closest('button') && tourTo(target.dataset.step ? stop + Number(target.dataset.step) : -1));
  $('skip').addEventListener('click', (event) => { event.preventDefault(); $('play').focus(); });
  $('scrub').addEventListener('input', () => goTo(epochOf($('scrub').value / 1000, state.run.epochs)));
  $('loss').addEventListener('click', (event) => goTo(state.axis.epochAt(event.offsetX)));
  document.forms.settings.addEventListener('change', ({ target }) => changeSetting(target.name));
  document.forms.settings.addEventListener('submit', (event) => event.preventDefault());
  addEventListener('hashchange', () => visit(location.hash));
  addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, select, textarea, button, summary, a');
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key]) {
      event.preventDefault();
      $(KEYS[event.key]).click();
    } else if (event.key === 'Escape' && !$('card').hidden) tourTo(-1);
  });
  new ResizeObserver(draw).observe($('map'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  makeDraggable($('map'));
}

visit(location.hash);
listen();
