// A condition from an address, '#hidden=4&init=he&lr=0.1&seed=7&epoch=300', and back. Names are those of experiments.train.

const MOST = PRINTED.most;

const whole = (low, high) => [(v) => /^\d+$/.test(v) && v >= low && v <= high, Number, `an integer from ${low} to ${high}`];
const real = (test, words) => [(v) => v.trim() !== '' && Number.isFinite(Number(v)) && test(Number(v)), Number, words];
const oneOf = (names, made = String) => [(v) => names.includes(v), made, names.join(', ')];
const entries = (field) => oneOf(Object.keys(PRINTED.fields[field].entries));
const beta = real((v) => v >= 0 && v < 1, 'a number from 0, below 1');
const optional = ([test, , words]) => [(v) => v === 'null' || test(v), (v) => (v === 'null' ? null : Number(v)), `null, or ${words}`];
const PARTS = ['W1', 'b1', 'W2', 'b2'];
const partsOf = (text) => PARTS.filter((part) => text.split('+').includes(part)).join('+');
/** What each field allows: a test of the text, what makes a value of it, and the words for it. */
const ALLOWED = {
  hidden: whole(1, MOST.hidden), activation: entries('activation'), slope: real((v) => v !== 0 && Math.abs(v) <= 1e30, 'a number other than 0'),
  relu_at_zero: oneOf(['0', '1'], Number), output: entries('output'), bias: oneOf(['true', 'false'], (v) => v === 'true'),
  scale: real((v) => Math.abs(v) <= 1e6, 'a number up to 1e6'), lr: real((v) => Math.fround(v) > 0 && Math.fround(v) < Infinity, 'a number above 0'),
  epochs: whole(0, MOST.epochs), loss: entries('loss'), optimizer: entries('optimizer'), momentum: beta, beta1: beta, beta2: beta,
  epsilon: real((v) => v >= 0 && v <= 1e30, 'a number from 0'), dtype: oneOf(['float32', 'float64']),
  freeze: [(v) => v === 'null' || partsOf(v).length === v.length, (v) => (v === 'null' ? null : partsOf(v)), `null, or some of ${PARTS} with + between`],
  batch_size: optional(whole(1, MOST.rows)), order: oneOf(['shuffled', 'fixed']), recycle_every: optional(whole(1, MOST.epochs)),
};
for (const [name, { setting }] of Object.entries(PRINTED.fields)) if (setting) ALLOWED[name] ||= beta;  // ρ, and what comes
Object.assign(ALLOWED, {
  'success.rule': oneOf(['loss', 'margin', 'threshold']), 'success.tolerance': real((v) => v >= 0, 'a number from 0'), 'success.ties': oneOf(['pass', 'fail']),
});
const USUALLY = { 'success.rule': 'loss', 'success.tolerance': 1e-3, 'success.ties': 'fail' };
for (const [name, { default: value }] of Object.entries(PRINTED.fields)) USUALLY[name] = value;
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
  const { logits } = PRINTED.programs[c.dtype].losses[c.loss], n = examplesOf(c).length, { values, low, high, middle } = targetsOf(c);
  if (logits && c.output !== 'sigmoid') throw Error(`loss=${c.loss} needs a probability; allowed: output=sigmoid`);
  if (logits && (low < 0 || high > 1)) throw Error(`loss=${c.loss} needs targets from 0 to 1`);
  if (c['success.rule'] === 'threshold' && values.includes(middle)) throw Error('success.rule=threshold needs targets on a side of their middle');
  if (c.recycle_every && !rulesOf(c).activation.can_die) throw Error(`recycle_every redraws dead units; activation=${c.activation} has none`);
  if (!c.bias && c.freeze?.includes('b')) throw Error(`freeze=${c.freeze} needs biases; allowed: W1, W2`);
  if (c.batch_size > n) throw Error(`batch_size=${c.batch_size} is more than the ${n} examples; allowed: null, or up to ${n}`);
  if (c.epochs * ((c.inputs + 2) * c.hidden + 1) > MOST.numbers) throw Error(`epochs=${c.epochs} is too many to keep with hidden=${c.hidden}; allowed: fewer`);
}
/** Everything that an address fixes: the condition c, seed, epoch (null: the end), edits and run. */
function readAddress(hash) {
  const given = new Map(new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B')));
  const allowed = { ...ALLOWED, ...VIEW, task: 1, rows: 1, init: 1 };
  for (const name of given.keys()) {
    if (!allowed[name] && !name.startsWith('init.')) throw Error(`${name} is unknown; allowed: ${Object.keys(allowed).join(', ')}`);
  }
  const logits = PRINTED.programs.float32.losses[given.get('loss')]?.logits;  // falls for ever: what counts is the side of 1/2
  if (logits) for (const [name, value] of [['output', 'sigmoid'], ['success.rule', 'threshold']]) if (!given.has(name)) given.set(name, value);
  const valueOf = (name, check, usual) => [name, given.has(name) ? read(name, given.get(name), check) : usual];
  const settings = Object.entries(ALLOWED).map(([name, check]) => valueOf(name, check, USUALLY[name]));
  const c = { ...readTask(given), init: readInit(given), ...Object.fromEntries(settings) };
  checkTogether(c);
  const view = Object.fromEntries(Object.entries({ seed: 0n, epoch: null, run: 0, edits: '' }).map(([name, usual]) => valueOf(name, VIEW[name], usual)));
  return { c, ...view };
}
/** Whether a field counts under this condition. */
function isUsed(c, name) {
  const counts = { rows: c.task === 'own', 'success.tolerance': c['success.rule'] !== 'threshold', 'success.ties': c['success.rule'] === 'threshold' };
  if (name in counts) return counts[name];
  const { setting, needs } = PRINTED.fields[name] || {};
  return needs ? c[needs] !== null : !setting || rulesOf(c).uses.includes(name);
}

const rowsText = ({ rows }) => rows.map(({ x, t }) => [...x, t].join(',')).join(';');
/** The settings of a condition that differ from the default, as pairs of name and text; some always. */
function settingsOf(c) {
  const found = [];
  if (c.task === 'own') found.push(['rows', rowsText(c)]);
  else if (c.task !== PRINTED.fields.task.default) found.push(['task', c.task]);
  found.push(['hidden', c.hidden], ['init', c.init.name]);
  for (const part of ['weights', 'biases']) {
    for (const [name, value] of Object.entries(c.init[part])) {
      if (value !== PRINTED.inits[c.init.name][part][name]) found.push([`init.${part}.${name}`, value]);
    }
  }
  const always = ['lr', ...(rulesOf(c).loss.logits ? ['success.rule'] : [])];  // whose default depends on the loss
  for (const name of Object.keys(ALLOWED)) {
    if (name !== 'hidden' && (always.includes(name) || c[name] !== USUALLY[name]) && isUsed(c, name)) found.push([name, c[name]]);
  }
  return found.map(([name, value]) => [name, String(value)]);
}
/** The address of a view; the inverse of `readAddress`. */
function writeAddress({ c, seed, epoch, edits }) {
  const pairs = [...settingsOf(c), ['seed', seed]];
  if (edits) pairs.push(['edits', edits]);
  if (epoch !== null) pairs.push(['epoch', epoch]);
  return `#${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2C/g, ',').replace(/%3B/g, ';').replace(/%3A/g, ':')}`).join('&')}`;
}
/** The hexadecimal words of parameters, as many bits as they have; and back. */
function toHex(parameters) {
  const bytes = new Uint8Array(parameters.slice().reverse().buffer).reverse();  // the largest first
  return Array.from(bytes, (byte, i) => (i && i % parameters.BYTES_PER_ELEMENT === 0 ? ' ' : '') + byte.toString(16).padStart(2, '0')).join('');
}
const fromHex = (text, Kept) => new Kept(Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16)).reverse().buffer).reverse();
