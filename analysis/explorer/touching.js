// What can be done to a run: the interventions of nnxor/interventions, weights of one's own, and files of weights.

const splice = (c, parameters, fresh, units) => parameters.map((value, i) => (i < (c.inputs + 2) * c.hidden && units[i % c.hidden] ? fresh[i] : value));
/** As many live units as there are dead ones, chosen by the seed. */
function asManyAlive(c, parameters, seed) {
  const dead = deadUnits(c, parameters), lot = dead.map((is, h) => (is ? 1 : uniforms(h + 1, 0, seed, 2n)[0]));
  const order = lot.map((_, h) => h).sort((g, h) => lot[g] - lot[h] || g - h);
  return dead.map((is, h) => !is && order.indexOf(h) < dead.filter(Boolean).length);
}
/** The bias of every dead unit lifted until one row is active. */
function nudged(c, parameters) {
  const { round } = numbersOf(c), { hidden: H, inputs: D } = c, { z } = trainer(c).look(parameters), after = parameters.slice();
  const dead = deadUnits(c, parameters), alive = (h) => aliveUnits(c, after)[h];
  dead.forEach((is, h) => {
    const values = z.map((row) => row[h]), largest = Math.max(...values), at = D * H + h;
    const middle = round(0.5 * round(largest + Math.max(...values.filter((value) => value < largest))));
    if (is && Number.isFinite(middle)) after[at] = parameters[at] - middle;
    if (is && !alive(h)) after[at] = round(parameters[at] - largest) + round(JUDGED.lift);
  });
  return after;
}
/** Each intervention: the parameters after it. */
const CHANGES = {
  nothing: (c, p) => p,
  redraw_dead: (c, p, seed) => splice(c, p, initialWeights(c, seed, 1n), deadUnits(c, p)),
  redraw_alive: (c, p, seed) => splice(c, p, initialWeights(c, seed, 1n), asManyAlive(c, p, seed)),
  redraw_all: (c, p, seed) => numbersOf(c).Kept.from(initialWeights(c, seed, 1n)),
  leaky: (c, p) => p,
  nudge_bias: (c, p) => nudged(c, p),
  recycle: (c, p) => p,
};
/** The parameters after an intervention, which keeps what is frozen. */
const changed = (c, name, before, seed) => CHANGES[name](c, before.slice(), seed).map((value, i) => (isFrozen(c, partOf(c, i)) ? before[i] : value));
const partOf = (c, i) => ['W1', 'b1', 'W2', 'b2'][[0, 1, 2].filter((n) => i >= (c.inputs + n) * c.hidden).length];
/** What a network trains on under after an intervention. */
function onwardOf(c, name) {
  const { then } = PRINTED.interventions[name];
  return { ...c, ...then, ...(then.recycle_every && { recycle_every: Math.ceil(c.epochs / JUDGED.recycle_parts) }) };
}
/** Why an intervention cannot be made, or ''. */
function refused(c, name) {
  const { needs_dead: needsDead, then } = PRINTED.interventions[name], { smooth, can_die: canDie } = rulesOf(c).activation;
  if (!CHANGES[name]) return 'this page does not know how';
  if (needsDead && (smooth || then.recycle_every && !canDie)) return 'its units cannot be dead';
  if (then.activation && c.activation !== 'relu') return 'only ReLU can become leaky';
  return name === 'nudge_bias' && isFrozen(c, 'b1') ? 'there are no biases to lift' : '';
}
/** Whether each intervention that can be made frees a stuck network, by name. */
function freedBy(c, parameters, seed) {
  const hasDead = deadUnits(c, parameters).includes(true), able = Object.entries(PRINTED.interventions)
    .filter(([name, { needs_dead: needsDead }]) => !refused(c, name) && (hasDead || !needsDead));
  return Object.fromEntries(able.map(([name]) => {
    const onward = onwardOf(c, name), { state } = shortcut(onward, seed, changed(c, name, parameters, seed)), end = endingOf(onward, state);
    return [name, end.finite && end.solved];
  }));
}
/** A run with everything that was done to it: edits are 'EPOCH:NAME' or 'EPOCH:WEIGHTS' (hexadecimal), set apart by ';'. */
function runOf({ c, seed, edits }) {
  let run = new Run(c, seed, initialWeights(c, seed));
  for (const edit of edits ? edits.split(';') : []) {
    const [epoch, what] = edit.split(':'), at = Number(epoch), name = PRINTED.interventions[what] && what, { Kept } = numbersOf(run.c);
    const isHex = RegExp(`^[0-9a-f]{${2 * Kept.BYTES_PER_ELEMENT * run.P}}$`).test(what), given = isHex && fromHex(what, Kept);
    if (!/^\d+$/.test(epoch) || at > run.epochs || (name ? refused(run.c, name) : !given || !given.every(Number.isFinite))) {
      throw Error(`edits=${edit.slice(0, 40)} is not allowed; allowed: an epoch up to ${run.epochs}, a colon, and ${Object.keys(CHANGES).join(', ')} or ${run.P} weights`);
    }
    const next = name ? onwardOf(run.c, name) : run.c;
    run = run.continued(at, next, name ? changed(run.c, name, run.at(at), seed) : given);
  }
  return run;
}

const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? 0xEDB88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
/** An array as NumPy writes it. */
function npy(values, shape) {
  const kind = values.BYTES_PER_ELEMENT, dimensions = shape.length === 1 ? `${shape},` : shape.join(', ');
  const text = `{'descr': '<f${kind}', 'fortran_order': False, 'shape': (${dimensions}), }`.padEnd(117) + '\n';
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, text.length, 0, ...new TextEncoder().encode(text),
    ...new Uint8Array(values.slice().buffer)]);
}
/** The parameters of a network as a .npz file: W1 (D, H), b1 (H,), W2 (H, 1), b2 (1,), not compressed. */
function npz(c, p) {
  const { hidden: H, inputs: D } = c, parts = { W1: [0, [D, H]], b1: [D * H, [H]], W2: [(D + 1) * H, [H, 1]], b2: [(D + 2) * H, [1]] };
  const files = [], directory = [], little = (n, bytes) => Array.from({ length: bytes }, (_, i) => (n >>> (8 * i)) & 255);
  let at = 0;
  for (const [name, [first, shape]] of Object.entries(parts)) {
    const data = npy(p.slice(first, first + shape.reduce((a, b) => a * b)), shape), title = new TextEncoder().encode(`${name}.npy`);
    const crc = ~data.reduce((sum, byte) => CRCS[(sum ^ byte) & 255] ^ (sum >>> 8), -1);
    const head = [20, 0, 0, 0, 0, 0, 0, 0, 33, 0, ...little(crc, 4), ...little(data.length, 4), ...little(data.length, 4), ...little(title.length, 2), 0, 0];
    files.push(...little(0x04034b50, 4), ...head, ...title, ...data);
    directory.push(...little(0x02014b50, 4), 20, 0, ...head, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...little(at, 4), ...title);
    at = files.length;
  }
  return Uint8Array.from([...files, ...directory, ...little(0x06054b50, 4), 0, 0, 0, 0, 4, 0, 4, 0, ...little(directory.length, 4), ...little(at, 4), 0, 0]);
}
