// The page: an address fixes everything; a change of anything makes a new address, trains at once, and shows it.

const $ = (id) => document.getElementById(id);
const CHOICES = {
  task: () => [...Object.keys(PRINTED.tasks).map((name) => [name, name]), ['own', 'a table of one’s own']],
  init: () => Object.keys(PRINTED.inits).map((name) => [name, name.replaceAll('_', ' ')]),
  freeze: () => [['null', 'nothing'], ['W1+b1', 'the hidden layer'], ['W2+b2', 'the output layer'], ...PARTS.map((part) => [part, part])],
  dtype: () => [['float32', 'float32'], ['float64', 'float64']], relu_at_zero: () => [['0', '0'], ['1', '1']],
  'success.rule': () => [['loss', 'loss at most'], ['margin', 'every |y − t| below'], ['threshold', 'right side of ½']],
  'success.ties': () => [['fail', 'no'], ['pass', 'yes']],
};
const USUAL = ['task', 'rows', 'hidden', 'init', 'lr', 'activation', 'slope', 'relu_at_zero', 'loss', 'epochs'];
const LABELS = {
  hidden: 'units', relu_at_zero: 'derivative at 0', rows: 'rows: inputs, then the target', 'success.rule': 'solved means',
  'success.tolerance': 'tolerance', 'success.ties': 'solved at exactly ½', scale: 'scale of the draw', batch_size: 'batch size', dtype: 'numbers', init: 'initial draw', freeze: 'kept as drawn',
};
const COLOURS = {
  solved: '#3d7fb8', 'stuck_1/4': '#f6c667', 'stuck_1/3': '#e07b39', 'stuck_1/2': '#8f2d14', stuck: '#e07b39',
  oscillating: '#1b9e77', diverged: '#555555', unsettled: '#b9bec6', unclear: '#ededed',
};

const state = { view: null, run: null, row: null, epoch: 0, playing: false, chosen: -1, drawn: null, preview: null, odds: null, slice: [] };

/** Opens an address: trains, and shows the epoch that it names, else the end. */
function visit(hash) {
  try {
    const view = readAddress(hash), run = runOf(view);
    Object.assign(state, { view, run, row: diagnose(run), preview: null, slice: view.c.rows[0].x.slice(2) });
    $('error').hidden = true;
  } catch (error) {
    if (!state.run && hash) visit('');
    complain(error);
    return;
  }
  setPlaying(false);
  fillSettings();
  tellResult();
  buildUnits();
  fillInterventions();
  show(Math.min(state.view.epoch ?? state.run.epochs, state.run.epochs));
}

function complain(error) {
  $('error').textContent = error.message;
  $('error').hidden = false;
}

/** Goes to the address of a changed view. */
function change(values) {
  const view = { ...state.view, epoch: null, ...values };
  history.replaceState(null, '', values.hash || writeAddress(view));
  visit(location.hash);
}

/** What scripts and tests read. */
function tellResult() {
  const { row, run } = state, result = $('result').dataset;
  Object.assign(result, {
    outcome: row.outcome, finalLoss: shortest(row.final_loss, run.c), solvedEpoch: row.solved_epoch, settledEpoch: row.settled_epoch,
    period: row.period, weights: toHex(run.at(run.epochs)),
  });
}

/** The shortest text that gives a number back in the condition's precision. */
function shortest(value, c) {
  const { round } = numbersOf(c);
  for (let digits = 1; digits < 17; digits++) if (round(Number(value.toPrecision(digits))) === value) return String(Number(value.toPrecision(digits)));
  return String(value);
}

/** Shows an epoch. */
function show(epoch) {
  const { run, view } = state, last = run.epochs;
  state.epoch = epoch = Math.min(Math.max(epoch, 0), last);
  view.epoch = epoch === last ? null : epoch;
  if (!state.playing) history.replaceState(null, '', writeAddress(view));
  $('scrub').value = 1000 * shareOf(epoch, last);
  $('scrub').setAttribute('aria-valuetext', `epoch ${epoch} of ${last}`);
  $('now').textContent = `${thousands(epoch)} / ${thousands(last)}`;
  say();
  draw();
  showUnits();
  $('command').textContent = command(view);
}

/** The sentence: at the end what became of the run, before it what is going on. */
function say() {
  const { run, row, epoch } = state, atEnd = epoch === run.epochs, { c } = run;
  $('said').setAttribute('aria-live', state.playing ? 'off' : 'polite');
  const dead = deadUnits(c, run.at(epoch)).filter(Boolean).length;
  $('headline').textContent = atEnd ? headline(c, row) : epoch ? `Epoch ${thousands(epoch)}: the loss is ${figure(run.losses[epoch])}.` : `The initial weights of seed ${state.view.seed}.`;
  $('evidence').textContent = atEnd ? evidence(c, row) : `${dead ? `${several(dead, 'unit')} of ${c.hidden} dead. ` : ''}Press play to watch it train, or go to the end.`.replace(/^one/, 'One');
}

function draw() {
  const { run, epoch, chosen, slice } = state, p = state.preview || run.at(epoch), look = run.look(p);
  state.drawn = drawMap($('map'), { c: run.c, p, look, slice, chosen });
  $('slice').textContent = slice.length ? ` Shown where ${slice.map((value, i) => `x${i + 3} = ${value}`).join(', ')}.` : '';
  state.axis = drawLoss($('loss'), { run, epoch });
  $('map').setAttribute('aria-label', `Predictions over the plane: ${run.c.rows.map(({ t }, n) => `row ${run.c.names[n]}, target ${t}, prediction ${figure(look.y[n])}`).join('; ')}`);
  $('loss').setAttribute('aria-label', `Loss from ${figure(run.losses[0])} at epoch 0 to ${figure(run.losses[run.epochs])} at epoch ${run.epochs}`);
}

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

function weightInput(label, name, index) {
  const input = element('input', { type: 'number', step: 'any' });
  input.dataset.index = index;
  input.setAttribute('aria-label', name);
  return element('label', {}, label, input);
}

/** The cards of the units, to be filled by `showUnits`. */
function buildUnits() {
  const { c, P } = state.run, { hidden: H, inputs: D } = c, cards = [];
  for (let h = 0; h < H; h++) {
    const names = [...Array.from({ length: D }, (_, d) => [`x${d + 1}`, `weight of input ${d + 1}`]), ['bias', 'bias'], ['out', 'output weight']];
    const weights = names.map(([label, name], i) => weightInput(label, `unit ${h + 1}, ${name}`, i * H + h));
    const card = element('article', {}, element('h3', {}, `Unit ${h + 1}`, element('span', { className: 'pattern' })), element('p'), element('div', { className: 'weights' }, ...weights));
    card.addEventListener('pointerenter', () => choose(h));
    card.addEventListener('focusin', () => choose(h));
    cards.push(card);
  }
  $('units').replaceChildren(...cards);
  $('output-bias').replaceChildren(weightInput('output bias', 'output bias', P - 1));
  for (const input of document.querySelectorAll('[data-index]')) {
    const { index } = input.dataset, isBias = (index >= D * H && index < (D + 1) * H) || Number(index) === P - 1;
    input.disabled = isBias && !c.bias;
    input.addEventListener('change', () => edit((p) => { p[index] = Number(input.value); }));
  }
}

function showUnits() {
  const { run, epoch, chosen } = state, p = state.preview || run.at(epoch), { z } = run.look(p);
  patternsOf(run.c, z).forEach((word, h) => {
    const card = $('units').children[h], { kind, text } = unitState(run, epoch, h, word);
    card.className = `unit ${kind}${chosen === h ? ' chosen' : ''}`;
    card.querySelector('p').textContent = text;
    const on = run.c.names.filter((_, n) => word[n] === '1');
    const pattern = card.querySelector('.pattern');
    pattern.replaceChildren(...Array.from(word, (bit) => element('i', { className: bit === '1' ? 'on' : '' })));
    pattern.title = on.length ? `active on ${listed(on)}` : 'active on no row';
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
  const { run, view } = state, buttons = Object.entries(PRINTED.interventions).map(([name, { label, meaning }]) => {
    const why = refused(run.c, name), button = element('button', { type: 'button', disabled: Boolean(why), title: why || meaning }, label);
    button.addEventListener('click', () => addEdit(view, state.epoch, name));
    return button;
  });
  const undo = element('button', { type: 'button', disabled: !view.edits }, 'undo');
  undo.addEventListener('click', () => change({ edits: view.edits.split(';').slice(0, -1).join(';') }));
  $('interventions').replaceChildren(...buttons, undo);
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
    if (held >= 0) {
      setPlaying(false);
      choose(held);
      map.setPointerCapture(event.pointerId);
    }
  });
  map.addEventListener('pointerup', () => {
    const { preview } = state;
    if (held >= 0 && preview) edit((p) => p.set(preview));
    [held, state.preview] = [-1, null];
  });
}

/** Builds the form's fields from what is printed, those that count, with the values of the view. */
function fillSettings() {
  const { c, seed } = state.view, { uses } = rulesOf(c);
  const values = { ...c, rows: c.rows.map(({ x, t }) => [...x, t].join(',')).join('; '), init: c.init.name };
  for (const [name, value] of Object.entries(c.success)) values[`success.${name}`] = value;
  const shown = (name) => (name === 'rows' ? c.task === 'own' : name === 'success.tolerance' ? c.success.rule !== 'threshold'
    : name === 'success.ties' ? c.success.rule === 'threshold' : !PRINTED.fields[name]?.setting || uses.includes(name));
  const rest = [...Object.keys(ALLOWED), ...Object.keys(RULES)].filter((name) => !USUAL.includes(name));
  $('usual').replaceChildren(...USUAL.filter(shown).map((name) => settingField(name, values[name])));
  const laws = ['weights', 'biases'].flatMap((part) => Object.entries({ ...PRINTED.distributions[c.init[part].distribution], ...c.init[part] })
    .filter(([name]) => name !== 'distribution').map(([name, value]) => settingField(`init.${part}.${name}`, value, `${part}: ${name}`)));
  $('unusual').replaceChildren(...rest.filter(shown).map((name) => settingField(name, values[name])), ...laws);
  document.forms.settings.elements.seed.value = seed;
  $('task-name').textContent = c.task === 'own' ? 'a table' : c.task.toUpperCase().replace('PARITY3', 'parity of three bits');
}

function settingField(name, value, label = LABELS[name] || PRINTED.fields[name]?.label || name) {
  const known = PRINTED.fields[name]?.entries || {}, choices = CHOICES[name]?.() || Object.entries(known);
  let field;
  if (choices.length) field = element('select', {}, ...choices.map(([key, text]) => element('option', { value: key, selected: String(value) === key }, text)));
  else if (typeof value === 'boolean') field = element('input', { type: 'checkbox', checked: value });
  else if (name === 'rows') field = element('textarea', { rows: 3, value });
  else field = element('input', { value: value ?? 'all', inputMode: typeof value === 'number' ? 'decimal' : 'text' });
  field.name = name;
  return element('label', { className: typeof value === 'boolean' ? 'check' : ['rows', 'task'].includes(name) ? 'full' : '' }, label, field);
}

/** The address that the form spells. */
function formAddress(changed) {
  const { c } = state.view, form = document.forms.settings, values = new Map();
  for (const field of [...form.elements].filter(({ name }) => name)) {
    const text = field.type === 'checkbox' ? String(field.checked) : field.value.trim();
    values.set(field.name, field.name === 'batch_size' && text === 'all' ? 'null' : text.replace(/;\s+/g, ';'));
  }
  if (values.get('task') === 'own') {
    if (!values.has('rows')) values.set('rows', c.rows.map(({ x, t }) => [...x, t].join(',')).join(';'));
    values.delete('task');
  } else values.delete('rows');
  if (changed === 'init') for (const name of [...values.keys()]) if (name.startsWith('init.')) values.delete(name);
  const logits = (loss) => PRINTED.programs.float32.losses[loss].logits;  // comes with its output and its rule
  if (changed === 'loss' && logits(values.get('loss')) !== logits(c.loss)) for (const name of ['output', 'success.rule', 'success.tolerance', 'success.ties']) values.delete(name);
  return `#${[...values].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}

function changeSetting(changed) {
  const hash = formAddress(changed);
  try {
    const { c, seed } = readAddress(hash);
    change({ c, seed, edits: '' });
  } catch (error) {
    complain(error);
  }
  document.forms.settings.elements[changed]?.focus();
}

function setPlaying(on) {
  state.playing = on;
  $('play').textContent = on ? '❚❚' : '▶';
  $('play').setAttribute('aria-label', on ? 'Pause' : 'Play');
}

function play() {
  if (state.playing) return goTo(state.epoch);
  if (state.epoch === state.run.epochs) show(0);
  setPlaying(true);
  let share = shareOf(state.epoch, state.run.epochs), last = performance.now();
  const tick = (now) => {
    if (!state.playing) return;
    share += Math.min(now - last, 100) / 1000 / Number($('speed').value);
    last = now;
    if (share >= 1) setPlaying(false);
    show(share >= 1 ? state.run.epochs : epochOf(share, state.run.epochs));
    if (state.playing) requestAnimationFrame(tick);
  };
  return requestAnimationFrame(tick);
}

function goTo(epoch) {
  setPlaying(false);
  show(epoch);
}

const drawAgain = () => change({ seed: (state.view.seed + 1n) % 2n ** 63n, edits: '' });

function trainMany() {
  state.odds?.stop();
  const address = writeAddress({ ...state.view, epoch: null, edits: '' });
  state.odds = new Odds(address, 1000, showOdds);
}

function showOdds({ ends, done, total, rate, error }) {
  if (error) return complain(Error(`The odds need Web Workers: ${error}`));
  const found = PRINTED.judgement.outcomes.filter((outcome) => ends[outcome]);
  $('bar').hidden = false;
  $('bar').replaceChildren(...found.map((outcome) => {
    const part = element('i');
    part.style = `background:${COLOURS[outcome]};width:${(100 * ends[outcome].count) / total}%`;
    return part;
  }));
  const rows = found.map((outcome) => {
    const { count, seeds } = ends[outcome], [low, high] = wilson(count, done).map(percent), swatch = element('i'), button = element('button', { type: 'button', title: 'open a run of these' }, outcomeName(outcome));
    swatch.style.background = COLOURS[outcome];
    button.addEventListener('click', () => change({ seed: BigInt(seeds[(seeds.indexOf(Number(state.view.seed)) + 1) % seeds.length]), edits: '' }));
    return element('tr', {}, element('th', { scope: 'row' }, swatch, button), element('td', {}, `${percent(count / done)} %`), element('td', {}, `${low}–${high}`));
  });
  const head = element('tr', {}, ...['outcome', 'share', '95 %'].map((text) => element(text === 'outcome' ? 'th' : 'td', {}, text)));
  $('tally').replaceChildren(element('table', {}, head, ...rows),
    element('p', {}, `${drawsNeeded(ends.solved?.count || 0, done)} ${thousands(done)} seeds, ${thousands(Math.round(rate))} a second.`));
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    $('told').textContent = `${what} copied.`;
  } catch {
    $('told').textContent = text;
  }
}

function save(blob, name) {
  const link = element('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  $('told').textContent = `${name} saved.`;
}

/** The sentence and both pictures as one PNG. */
function savePicture() {
  const [map, loss] = [$('map'), $('loss')], gap = 40, height = Math.max(map.height, loss.height), colours = inks();
  const picture = Object.assign(document.createElement('canvas'), { width: map.width + loss.width + 3 * gap, height: height + 4 * gap });
  const pen = picture.getContext('2d');
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, picture.width, picture.height);
  written(pen, $('headline').textContent, gap, 1.4 * gap, colours.ink, `600 ${gap * 0.85}px ${colours.font}`, 'left');
  pen.drawImage(map, gap, 2.6 * gap);
  pen.drawImage(loss, map.width + 2 * gap, 2.6 * gap);
  picture.toBlob((blob) => save(blob, `xor-seed-${state.view.seed}.png`));
}

function switchTheme() {
  const { dataset } = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  dataset.theme = (dataset.theme || system) === 'dark' ? 'light' : 'dark';
  draw();
}

const KEYS = {
  ' ': play, Home: () => goTo(0), End: () => goTo(state.run.epochs), n: drawAgain,
  ArrowRight: () => goTo(state.epoch + 1), ArrowLeft: () => goTo(state.epoch - 1),
};

function listen() {
  const tourTo = (at) => showStop(at, (hash) => change({ hash }));
  const clicks = {
    tour: () => tourTo(0), theme: switchTheme, play, rewind: () => goTo(0), back: () => goTo(state.epoch - 1), step: () => goTo(state.epoch + 1),
    end: () => goTo(state.run.epochs), again: drawAgain, 'train-many': trainMany, 'copy-link': () => copy(location.href, 'Link'),
    'copy-command': () => copy(command(state.view), 'Command'), 'save-picture': savePicture,
    'save-weights': () => save(new Blob([npz(state.run.c, state.run.at(state.epoch))]), `xor-seed-${state.view.seed}.npz`),
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
      KEYS[event.key]();
    } else if (event.key === 'Escape' && !$('card').hidden) tourTo(-1);
  });
  new ResizeObserver(draw).observe($('map'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  makeDraggable($('map'));
}

visit(location.hash);
listen();
