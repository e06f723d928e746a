// A condition from an address, '#hidden=4&init=he&lr=0.1&seed=7&epoch=300', and back. Names are those of experiments.train.

const MOST = { hidden: 16, epochs: 200000, rows: 16, inputs: 6, numbers: 5e7 };

const whole = (low, high) => [(v) => /^\d+$/.test(v) && v >= low && v <= high, Number, `an integer from ${low} to ${high}`];
const real = (test, words) => [(v) => v.trim() !== '' && Number.isFinite(Number(v)) && test(Number(v)), Number, words];
const oneOf = (names, made = String) => [(v) => names.includes(v), made, names.join(', ')];
const entries = (field) => oneOf(Object.keys(PRINTED.fields[field].entries));
const beta = real((v) => v >= 0 && v < 1, 'a number from 0, below 1');
const optionalSize = whole(1, MOST.rows), PARTS = ['W1', 'b1', 'W2', 'b2'];
const partsOf = (text) => PARTS.filter((part) => text.split('+').includes(part)).join('+');

/** What each field allows: a test of the text, what makes a value of it, and the words for it. */
const ALLOWED = {
  hidden: whole(1, MOST.hidden), activation: entries('activation'), slope: real((v) => v !== 0 && Math.abs(v) <= 1e30, 'a number other than 0'),
  relu_at_zero: oneOf(['0', '1'], Number), output: entries('output'), bias: oneOf(['true', 'false'], (v) => v === 'true'),
  scale: real((v) => Math.abs(v) <= 1e6, 'a number up to 1e6'), lr: real((v) => Math.fround(v) > 0 && Math.fround(v) < Infinity, 'a number above 0'),
  epochs: whole(0, MOST.epochs), loss: entries('loss'), optimizer: entries('optimizer'), momentum: beta, beta1: beta, beta2: beta,
  epsilon: real((v) => v >= 0 && v <= 1e30, 'a number from 0'), dtype: oneOf(['float32', 'float64']),
  freeze: [(v) => v === 'null' || partsOf(v).length === v.length, (v) => (v === 'null' ? null : partsOf(v)), `null, or some of ${PARTS} with + between`],
  batch_size: [(v) => v === 'null' || optionalSize[0](v), (v) => (v === 'null' ? null : Number(v)), `null, or ${optionalSize[2]}`],
};
for (const [name, { setting }] of Object.entries(PRINTED.fields)) if (setting) ALLOWED[name] ||= beta;  // ρ, and what comes
const RULES = {
  'success.rule': oneOf(['loss', 'margin', 'threshold']), 'success.tolerance': real((v) => v >= 0, 'a number from 0'),
  'success.ties': oneOf(['pass', 'fail']),
};
const VIEW = {
  seed: [(v) => /^\d{1,19}$/.test(v) && BigInt(v) < 2n ** 63n, BigInt, 'an integer from 0 to 2**63 - 1'],
  epoch: whole(0, Number.MAX_SAFE_INTEGER), run: oneOf(['0', '1'], Number), edits: [() => true, String, ''],
};

/** Reads one value; an error with what is allowed. */
function read(name, text, [test, made, words]) {
  if (!test(text)) throw Error(`${name}=${text} is not allowed; allowed: ${words}`);
  return made(text);
}

/** The rows of a table of one's own: '0,0,0;0,1,1': inputs, then the target. */
function readRows(text) {
  const rows = text.split(';').map((row) => row.split(',').map((value) => (value.trim() === '' ? NaN : Number(value))));
  const [D, N] = [rows[0].length - 1, rows.length], fits = D >= 1 && D <= MOST.inputs && N <= MOST.rows;
  if (!fits || rows.some((row) => row.length !== D + 1 || !row.every((v) => Number.isFinite(v) && Math.abs(v) <= 1e30))) {
    throw Error(`rows=${text.slice(0, 60)} is not allowed; allowed: up to ${MOST.rows} rows of up to ${MOST.inputs} inputs and a target, as 0,0,0;0,1,1`);
  }
  return rows;
}

/** The table that is learnt: one of conf/task by name, or one's own. */
function readTask(given) {
  const name = given.get('task') ?? PRINTED.fields.task.default, own = given.get('rows');
  if (own === undefined && !PRINTED.tasks[name]) throw Error(`task=${name} is unknown; allowed: ${Object.keys(PRINTED.tasks).join(', ')}`);
  const { rows, units } = own === undefined ? PRINTED.tasks[name] : { rows: readRows(own), units: null };
  const isSquare = String(rows.map((row) => row.slice(0, -1))) === '0,0,0,1,1,0,1,1';
  return {
    task: own === undefined ? name : 'own', units, inputs: rows[0].length - 1,
    rows: rows.map((row) => ({ x: row.slice(0, -1), t: row.at(-1) })),
    names: rows.map((row, n) => (isSquare ? row.slice(0, -1).join('') : String(n))), isSquare,
  };
}

/** An initialization of conf/init, with parameters of one's own: init.weights.std=0.5. */
function readInit(given) {
  const name = given.get('init') ?? PRINTED.fields.init.default;
  if (!PRINTED.inits[name]) throw Error(`init=${name} is unknown; allowed: ${Object.keys(PRINTED.inits).join(', ')}`);
  const init = structuredClone({ name, ...PRINTED.inits[name] });
  for (const [key, text] of given) {
    const [, part, parameter] = key.match(/^init\.(weights|biases)\.(\w+)$/) || [];
    if (!part) continue;
    const known = Object.keys({ ...PRINTED.distributions[init[part].distribution], ...init[part] });
    if (parameter === 'distribution' || !known.includes(parameter)) {
      throw Error(`${key} is not allowed; allowed: ${known.filter((each) => each !== 'distribution').map((each) => `init.${part}.${each}`).join(', ')}`);
    }
    init[part][parameter] = Number.isNaN(Number(text)) ? text : Number(text);
    evaluate(init[part][parameter], 2, 4);
  }
  return init;
}

/** What must fit together; an error says what does not. */
function checkTogether(c) {
  const { logits } = PRINTED.programs[c.dtype].losses[c.loss], n = examplesOf(c).length;
  if (logits && c.output !== 'sigmoid') throw Error(`loss=${c.loss} needs a probability; allowed: output=sigmoid`);
  if (logits && c.rows.some(({ t }) => t < 0 || t > 1)) throw Error(`loss=${c.loss} needs targets from 0 to 1`);
  if (c.success.rule === 'threshold' && c.rows.some(({ t }) => t === 0.5)) throw Error('success.rule=threshold needs targets on a side of 1/2');
  if (c.batch_size > n) throw Error(`batch_size=${c.batch_size} is more than the ${n} examples; allowed: null, or up to ${n}`);
  if (c.epochs * ((c.inputs + 2) * c.hidden + 1) > MOST.numbers) throw Error(`epochs=${c.epochs} is too many to keep with hidden=${c.hidden}; allowed: fewer`);
}

/** Everything that an address fixes: the condition c, seed, epoch (null: the end), edits and run. */
function readAddress(hash) {
  const given = new Map(new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B')));
  const allowed = { ...ALLOWED, ...RULES, ...VIEW, task: 1, rows: 1, init: 1 };
  for (const name of given.keys()) {
    if (!allowed[name] && !name.startsWith('init.')) throw Error(`${name} is unknown; allowed: ${Object.keys(allowed).join(', ')}`);
  }
  const logits = PRINTED.programs.float32.losses[given.get('loss')]?.logits;  // falls for ever: what counts is the side of 1/2
  if (logits) for (const [name, value] of [['output', 'sigmoid'], ['success.rule', 'threshold']]) if (!given.has(name)) given.set(name, value);
  const c = { ...readTask(given), init: readInit(given), success: { rule: 'loss', tolerance: 1e-3, ties: 'fail' } };
  for (const [name, check] of Object.entries(ALLOWED)) {
    c[name] = given.has(name) ? read(name, given.get(name), check) : PRINTED.fields[name].default;
  }
  for (const [name, check] of Object.entries(RULES)) if (given.has(name)) c.success[name.slice(8)] = read(name, given.get(name), check);
  checkTogether(c);
  const view = { seed: 0n, epoch: null, run: 0, edits: '' };
  for (const [name, check] of Object.entries(VIEW)) if (given.has(name)) view[name] = read(name, given.get(name), check);
  return { c, ...view };
}

/** The settings of a condition that differ from the default, as pairs of name and text; some always. */
function settingsOf(c) {
  const found = [], { uses } = rulesOf(c);
  if (c.task === 'own') found.push(['rows', c.rows.map(({ x, t }) => [...x, t].join(',')).join(';')]);
  else if (c.task !== PRINTED.fields.task.default) found.push(['task', c.task]);
  found.push(['hidden', c.hidden], ['init', c.init.name]);
  for (const part of ['weights', 'biases']) {
    for (const [name, value] of Object.entries(c.init[part])) {
      if (value !== PRINTED.inits[c.init.name][part][name]) found.push([`init.${part}.${name}`, value]);
    }
  }
  for (const name of Object.keys(ALLOWED)) {
    const { default: usual, setting } = PRINTED.fields[name];
    if (name !== 'hidden' && (name === 'lr' || c[name] !== usual) && (!setting || uses.includes(name))) found.push([name, c[name]]);
  }
  const { rule, tolerance, ties } = c.success;
  if (rule !== 'loss') found.push(['success.rule', rule]);
  if (rule !== 'threshold' && tolerance !== 1e-3) found.push(['success.tolerance', tolerance]);
  if (rule === 'threshold' && ties !== 'fail') found.push(['success.ties', ties]);
  return found.map(([name, value]) => [name, String(value)]);
}

/** The address of a view; the inverse of `readAddress`. */
function writeAddress({ c, seed, epoch, edits }) {
  const pairs = [...settingsOf(c), ['seed', seed]];
  if (edits) pairs.push(['edits', edits]);
  if (epoch !== null) pairs.push(['epoch', epoch]);
  return `#${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2C/g, ',').replace(/%3B/g, ';').replace(/%3A/g, ':')}`).join('&')}`;
}

/** The hexadecimal words of parameters, as many bits as they have. */
function toHex(parameters) {
  const size = parameters.BYTES_PER_ELEMENT, view = new DataView(new ArrayBuffer(size)), words = [];
  for (const value of parameters) {
    if (size === 4) view.setFloat32(0, value); else view.setFloat64(0, value);
    words.push(Array.from(new Uint8Array(view.buffer), (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  return words.join(' ');
}

/** The inverse of `toHex`; blanks are not needed. */
function fromHex(text, Kept) {
  const size = Kept.BYTES_PER_ELEMENT, bytes = Uint8Array.from(text.replace(/\s/g, '').match(/../g) || [], (byte) => parseInt(byte, 16));
  const view = new DataView(bytes.buffer);
  return Kept.from({ length: bytes.length / size }, (_, i) => (size === 4 ? view.getFloat32(i * 4) : view.getFloat64(i * 8)));
}
