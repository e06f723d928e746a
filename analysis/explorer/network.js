// A network's training, composed as JavaScript text from printed programs and compiled by the browser. The rules of
// activations, outputs, losses and optimizers come from PRINTED (`make printed`); the loop
// around them is written here; the terms of its sums are printed as well.
//
// A state is one array: all parameters in the order W1 row by row, b1, W2, b2, then as much again for each number
// that the optimizer remembers of a parameter.

/** The printed program of a rule in a block of its own: `given` are its inputs, `taken` what its results are called. */
function block(program, given, taken) {
  const inputs = Object.entries(given).map(([name, text]) => `const ${name} = ${text};`);
  return `{ ${inputs.join(' ')}\n${program.lines}\n${taken.map((name, i) => `${name} = ${program.results[i]};`).join(' ')} }`;
}
/** A printed expression with texts in place of some of its names. */
const filled = (expression, given) => expression.replace(/\w+/g, (name) => given[name] ?? name);
const kindOf = (input) => (['0', '1'].includes(input) ? input : 'x');
/** The variant of an entry's rule that a condition's flags choose: 'relu_at_zero=1', or '' where there are no flags. */
function variant(rules, c) {
  const holds = (flag) => !flag || flag === `${flag.split('=')[0]}=${c[flag.split('=')[0]]}`;
  return rules[Object.keys(rules).find((flags) => flags.split(',').every(holds))];
}
/** The number of bits of a mantissa decides how numbers are kept and rounded. */
function numbersOf(c) {
  return c.dtype === 'float32'
    ? { Kept: Float32Array, round: Math.fround, fr: (text) => `fr(${text})` }
    : { Kept: Float64Array, round: (value) => value, fr: (text) => `(${text})` };
}
/** What a condition chooses: entries with their programs, and the numbers of its settings, rounded to its dtype. */
const rulesOf = remembering((c) => {
  const { activations, outputs, losses, optimizers, prelude } = PRINTED.programs[c.dtype], { round } = numbersOf(c);
  const chosen = { activation: activations[c.activation], output: outputs[c.output], loss: losses[c.loss], optimizer: optimizers[c.optimizer] };
  const entries = Object.values(chosen), uses = entries.flatMap((entry) => entry.settings), weight = compiled(chosen.loss.weight, 'n');
  const settings = Object.fromEntries(['lr', ...uses].map((name) => [name, c[name]])), k = { tolerance: round(c['success.tolerance']) };
  for (const [name, value] of Object.entries(settings)) k[name] = round(value);
  for (const { derived } of entries) for (const [name, program] of Object.entries(derived)) k[name] = round(compiled(program, '', settings)());
  const start = chosen.optimizer.start.map((value) => round(compiled({ lines: '', results: [value] }, '', settings)()));
  return { ...chosen, uses, prelude, k, start, weight };
});
/** The factor of an example's term in the loss, in double precision. */
const weightOf = (c) => rulesOf(c).weight(examplesOf(c).length);
/** Whether a part of the parameters keeps its initial values. */
const isFrozen = (c, part) => Boolean(c.freeze?.split('+').includes(part)) || (!c.bias && part[0] === 'b');
/** The targets of the rows, the smallest and the largest of them, and the middle between these. */
function targetsOf({ rows }) {
  const values = rows.map(({ t }) => t), [low, high] = [Math.min(...values), Math.max(...values)];
  return { values, low, high, middle: (low + high) / 2 };
}
/** The table's examples, a row for each time that it counts: what mini-batches are made of. */
const examplesOf = (c) => c.rows.flatMap((row) => Array(row.times || 1).fill(row));

class Composer {
  constructor(c) {
    Object.assign(this, { c, H: c.hidden, D: c.inputs, rules: rulesOf(c), sums: PRINTED.programs[c.dtype].sums, ...numbersOf(c) });
    const { round, rules } = this, n = examplesOf(c).length;
    this.rows = c.rows.map(({ x, t, times }) => ({
      x: x.map((value) => String(round(value))), t: String(round(t)), w: String(round(round(rules.weight(n)) * (times || 1))),
    }));
  }
  /** All of the text: a function that makes `train` and `look` (see `trainer`). */
  source() {
    const { rules, H, D, c } = this, k = Object.entries(rules.k).map(([name, value]) => `k_${name} = ${value}`);
    const most = Math.max(this.rows.length, c.batch_size || 0);
    return `${rules.prelude} const inf = Infinity, nan = NaN, ${k.join(', ')};
const H = ${H}, P = ${(D + 2) * H + 1}, zs = new Kept(H * ${most}), as = new Kept(H * ${most});
function train(s, clock, epochs, losses, at, kept, seen, orderOf) {
  for (let e = at; e < at + epochs; e++) {
${this.forward(this.rows)} ${this.output(this.rows)}
    losses[e] = loss; if (!(${this.solved(this.rows)})) seen[0] = e;
${c.batch_size ? this.batches() : this.tick() + this.backward(this.rows, this.move)}
    if (s[P - 1] === kept[P - 1] && same(s, kept)) return e + 1 - at;
  }
  return epochs;
}
function same(s, kept) { for (let i = 0; i < s.length; i++) if (s[i] !== kept[i]) return false; return true; }
function look(s) {
  const gradient = new Kept(P), names = ${JSON.stringify(this.rows.map((_, n) => n))};
${this.forward(this.rows)} ${this.output(this.rows)}
  const solved = ${this.solved(this.rows)};
${this.backward(this.rows, (place, value) => `gradient[${place}] = ${value};`)}
  const z = names.map((n) => Array.from({ length: H }, (_, h) => zs[h * ${this.rows.length} + n]));
  return { loss, solved, y: [${this.rows.map((_, n) => `y${n}`)}], z, gradient };
}
return { train, look };`;
  }
  /** The unit's parameters, where `h` is its number. */
  unit() {
    const { D } = this, inputs = Array.from({ length: D }, (_, d) => `u${d} = s[${d} * H + h]`);
    return `const ${inputs.join(', ')}, b = s[${D} * H + h], w = s[${D + 1} * H + h];`;
  }
  /** The pre-activation of a row: the bias, and a term for each input. */
  preactivation({ x }) {
    return x.reduce((z, value, d) => filled(this.sums.preactivation[kindOf(value)], { z, u: `u${d}`, x: value }), 'b');
  }

  sum(terms) {
    return terms.length ? terms.reduce((total, term) => filled(this.sums.total, { total, term })) : '0';
  }
  /** Pre-activations and activations of all units, and the rows' scores s0, s1 … */
  forward(rows) {
    const N = rows.length, value = variant(this.rules.activation.value, this.c);
    return `let ${rows.map((_, n) => `s${n} = s[P - 1]`).join(', ')};
for (let h = 0; h < H; h++) { ${this.unit()} let ${rows.map((_, n) => `a${n}`)};
${rows.map((row, n) => `const z${n} = ${this.preactivation(row)}; ${block(value, { z: `z${n}` }, [`a${n}`])}
zs[h * ${N} + ${n}] = z${n}; as[h * ${N} + ${n}] = a${n}; s${n} = ${filled(this.sums.score, { s: `s${n}`, a: `a${n}` })};`).join('\n')}
}`;
  }
  /** Predictions y0 …, the gradients of scores f0 …, and the loss. */
  output(rows) {
    const { output, loss } = this.rules, names = rows.flatMap((_, n) => [`y${n}`, `q${n}`, `f${n}`]);
    const each = rows.map(({ t, w }, n) => {
      const through = { z: `s${n}`, a: `y${n}`, g: `f${n}` };
      return block(variant(output.value, this.c), { z: `s${n}` }, [`y${n}`])
        + block(loss.row, { s: `s${n}`, y: `y${n}`, t, c: w }, [`q${n}`, `f${n}`])
        + (loss.logits ? '' : `{ let inner; ${block(variant(output.back, this.c), through, ['inner'])} f${n} = inner; }`);
    });
    const terms = this.sum(rows.map((_, n) => `q${n}`));
    return `let ${names}, loss; ${each.join('\n')} ${block(loss.whole, { total: terms }, ['loss'])}`;
  }
  /** Whether the success rule holds; never where it is asked of something that is not a number. */
  solved(rows) {
    const { 'success.rule': rule, 'success.ties': ties } = this.c, half = this.rules.output.half_at, equal = ties === 'pass' ? '=' : '';
    if (rule === 'loss') return 'loss <= k_tolerance';
    const { middle } = targetsOf(this.c), asksScore = half !== null && middle === 0.5;
    return rows.map(({ t }, n) => {
      if (rule === 'margin') return `Math.abs(${this.fr(`y${n} - ${t}`)}) < k_tolerance`;
      const cut = asksScore ? half : this.c.dtype === 'float32' ? Math.fround(middle) : middle;
      return `${asksScore ? 's' : 'y'}${n} ${Number(t) > middle ? '>' : '<'}${equal} ${cut}`;
    }).join(' && ');
  }
  /** The gradient of every parameter that moves, its rows' terms summed in order, handed to `each` with its place. */
  backward(rows, each) {
    const N = rows.length, { D, sums } = this, back = variant(this.rules.activation.back, this.c);
    const g = rows.map((_, n) => `const z${n} = zs[h * ${N} + ${n}], a${n} = as[h * ${N} + ${n}]; let g${n};
${block(back, { z: `z${n}`, a: `a${n}`, g: filled(sums.of_activation, { f: `f${n}` }) }, [`g${n}`])}`);
    const ofInput = (d) => this.sum(rows.flatMap(({ x }, n) => (x[d] === '0' ? [] : [filled(sums.of_input[kindOf(x[d])], { x: x[d], g: `g${n}` })])));
    const of = (name, place, gradient) => (isFrozen(this.c, name) ? '' : each.call(this, place, gradient));
    const moved = Array.from({ length: D }, (_, d) => of('W1', `${d} * H + h`, ofInput(d)));
    return `${of('b2', 'P - 1', this.sum(rows.map((_, n) => `f${n}`)))}
for (let h = 0; h < H; h++) { ${this.unit()} ${g.join('\n')}
${moved.join('\n')} ${of('b1', `${D} * H + h`, this.sum(rows.map((_, n) => `g${n}`)))}
${of('W2', `${D + 1} * H + h`, this.sum(rows.map((_, n) => filled(sums.of_output, { a: `a${n}`, f: `f${n}` }))))} }`;
  }
  /** What an optimizer's step needs to know of the time. */
  tick() {
    return this.rules.optimizer.powers.map((name, i) =>
      `clock[${i}] *= ${this.c[name]}; const left${i} = ${this.fr(`1 - clock[${i}]`)};`).join(' ');
  }
  /** A parameter's step, in place. */
  move(place, gradient) {
    const { optimizer, start } = this.rules, memory = start.map((_, j) => `s[P * ${j + 1} + i]`);
    const given = { p: 's[i]', g: 'g', ...Object.fromEntries(memory.map((text, j) => [`m${j}`, text])) };
    delete given.g;
    return `{ const i = ${place}, g = ${gradient}; ${block(optimizer.step, given, ['s[i]', ...memory])} }`;
  }
  /** A step for each mini-batch, on the examples in the order in which they were drawn. */
  batches() {
    const { c, D, round } = this, examples = examplesOf(c), size = c.batch_size;
    const table = (values) => `[${values.map(round)}]`;
    const text = [`const order = orderOf(e), X = ${table(examples.flatMap(({ x }) => x))}, T = ${table(examples.map(({ t }) => t))};`];
    for (let first = 0; first < examples.length; first += size) {
      const n = Math.min(size, examples.length - first), w = String(round(this.rules.weight(n)));
      const rows = Array.from({ length: n }, (_, j) => ({
        x: Array.from({ length: D }, (_, d) => `X[order[${first + j}] * ${D} + ${d}]`), t: `T[order[${first + j}]]`, w,
      }));
      text.push(`{ ${this.tick()} ${this.forward(rows)} ${this.output(rows)} ${this.backward(rows, this.move)} }`);
    }
    return text.join('\n');
  }
}

const trainers = new Map();  // conditions that train alike share one
/**
 * The compiled training of a condition: `train(state, clock, epochs, losses, at, kept, seen, orderOf)` trains in place
 * from epoch `at` on, notes each epoch's loss (before its update) and in seen[0] the last epoch that broke the success
 * rule, and stops early where the state `kept` comes back; it returns the number of epochs. `look(state)` is a network
 * as it stands: loss, solved, predictions y, pre-activations z[row][unit], gradient.
 */
const trainer = remembering((c) => {
  const composer = new Composer(c), source = composer.source();
  if (!trainers.has(source)) trainers.set(source, new Function('Kept', source)(composer.Kept));
  return trainers.get(source);
});
/** The state that a training starts from: parameters in the condition's dtype, and what is remembered of them. */
function stateOf(c, parameters) {
  const { start } = rulesOf(c), { Kept } = numbersOf(c), state = new Kept(parameters.length * (1 + start.length));
  for (let i = 0; i < parameters.length; i++) {
    state[i] = parameters[i] + 0;
    start.forEach((value, j) => { state[parameters.length * (j + 1) + i] = value; });
  }
  return state;
}

const GAMMA = 0x9E3779B97F4A7C15n;
/** The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014). */
function mix(x) {
  x = ((x ^ (x >> 30n)) * 0xBF58476D1CE4E5B9n) & WORD;
  x = ((x ^ (x >> 27n)) * 0x94D049BB133111EBn) & WORD;
  return x ^ (x >> 31n);
}
/** The order in which each epoch of a seed sees the examples of mini-batches. */
function orders(c, seed) {
  const numbers = Array.from(examplesOf(c).keys()), stream = mix((BigInt(seed) * GAMMA + BigInt(PRINTED.protocol.root_seed)) & WORD);
  if (c.order === 'fixed') return () => numbers;
  return (epoch) => {
    const ofEpoch = mix((stream + BigInt(epoch + 1) * GAMMA) & WORD);
    const keys = numbers.map((j) => mix((ofEpoch + BigInt(j + 1) * GAMMA) & WORD));
    return numbers.toSorted((i, j) => (keys[i] < keys[j] ? -1 : keys[i] > keys[j] ? 1 : i - j));
  };
}
