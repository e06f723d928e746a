// A whole training at once: every state and every loss is kept, so that playing, rewinding and scrubbing only look.

const TAIL = PRINTED.protocol;
/** Length in epochs of each part of a training's tail; even, so that zigzags even out. */
const tailPart = (epochs) => Math.floor(Math.floor(Math.min(TAIL.tail_epochs, Math.floor(epochs / 4)) / TAIL.tail_parts) / 2) * 2;
/** Epochs to the next checkpoint at which repeats are looked for, and below which period they are found there. */
const stretch = (checkpoint) => Math.max(64, 2 ** Math.max(32 - Math.clz32(checkpoint >> 3) - 1, 0));
const watched = (checkpoint) => (checkpoint < 1024 ? stretch(checkpoint) : stretch(checkpoint) / 8);
/** Sums of the losses of the tail of a training of so many epochs, part by part. */
function tailOf(losses, epochs) {
  const part = tailPart(epochs), sums = Array(TAIL.tail_parts).fill(0);
  for (let i = 0; i < part * sums.length; i++) sums[Math.floor(i / part)] += losses[epochs - part * sums.length + i];
  return sums;
}
/** Whether what follows depends on the present state alone. */
const repeats = (c) => rulesOf(c).optimizer.autonomous && !c.batch_size && !c.recycle_every;

const clockOf = (c) => rulesOf(c).optimizer.powers.map(() => 1);
/** Redraws the dead units of a state, in place, where that is due at the start of an epoch. */
function recycle(c, seed, state, epoch) {
  const { hidden: H, inputs: D, recycle_every: every } = c, dead = every && epoch && epoch % every === 0 ? deadUnits(c, state) : [];
  if (!dead.includes(true)) return;
  const fresh = stateOf(c, initialWeights(c, seed, BigInt(PRINTED.protocol.first_redraw + epoch / every - 1))), P = (D + 2) * H + 1;
  ['b1', 'W2', ...Array(D).fill('W1')].forEach((part, i) => {
    const row = (D + i) % (D + 2);
    for (let at = row * H; !isFrozen(c, part) && at < state.length; at += P) dead.forEach((is, h) => { if (is) state[at + h] = fresh[at + h]; });
  });
}
/** A training from given parameters, every epoch of it. */
class Run {
  constructor(c, seed, parameters) {
    const { Kept } = numbersOf(c), { train, look } = trainer(c), s = stateOf(c, parameters), clock = clockOf(c);
    const P = parameters.length, size = repeats(c) ? s.length : P, never = new Kept(s.length).fill(NaN);
    const orderOf = orders(c, seed), before = new Map();  // of the epochs that redraw units: the parameters before that
    Object.assign(this, { c, seed, look, P, size, epochs: c.epochs, from: 0, seen: new Int32Array(1).fill(-1), before });
    this.states = new Kept(size * (c.epochs + 1));
    this.losses = new Kept(c.epochs + 1);
    const keep = (e) => { for (let i = 0, at = e * size; i < size; i++) this.states[at + i] = s[i]; };
    for (let e = 0; e < c.epochs; e++) {
      if (e && e % c.recycle_every === 0) before.set(e, s.slice(0, P));
      recycle(c, seed, s, e);
      keep(e);
      train(s, clock, 1, this.losses, e, never, this.seen, orderOf);
    }
    keep(c.epochs);
    this.losses[c.epochs] = look(s).loss;
  }
  /** This history up to an epoch, and then a training from other parameters, perhaps under another condition. */
  continued(epoch, c, parameters) {
    const next = new Run(c, this.seed, parameters), { size } = next;
    const join = (before, after) => {
      const all = new before.constructor(before.length + after.length);
      all.set(before);
      all.set(after, before.length);
      return all;
    };
    next.states = join(this.states.subarray(0, epoch * size), next.states);
    next.losses = join(this.losses.subarray(0, epoch), next.losses);
    if (next.seen[0] >= 0 || epoch > 0) next.seen[0] = Math.max(next.seen[0] + epoch, Math.min(this.seen[0], epoch - 1));
    const redrawn = [...this.before].filter(([e]) => e < epoch), later = [...next.before].map(([e, p]) => [epoch + e, p]);
    return Object.assign(next, { epochs: epoch + c.epochs, from: epoch, before: new Map([...redrawn, ...later]) });
  }
  /** The parameters at the start of an epoch. */
  at(epoch) {
    return this.states.subarray(epoch * this.size, epoch * this.size + this.P);
  }

  same(e, f) {
    const { size, states } = this;
    for (let i = 0; i < size; i++) if (states[e * size + i] !== states[f * size + i]) return false;
    return true;
  }
  /** From which epoch on the states repeat and with which period, as nnxor/engines/cycles.py finds them; −1: unknown. */
  cycle() {
    const { from } = this, length = repeats(this.c) ? this.epochs - from : 0;
    for (let begin = 0; begin < length; begin += stretch(begin)) {
      for (let e = begin + 1; e < Math.min(begin + watched(begin), length); e++) {
        if (this.same(from + begin, from + e)) return { settled: this.firstRepeat(from + begin, e - begin), period: e - begin };
      }
    }
    return { settled: -1, period: -1 };
  }

  firstRepeat(known, period) {
    let before = this.from - 1;
    while (known - before > 1) {
      const middle = (known + before) >> 1;
      if (this.same(middle, middle + period)) known = middle; else before = middle;
    }
    return known;
  }
  /** The first epoch at which a unit that was alive at the start was dead (−1: none), and how many dead ones came back. */
  deaths() {
    const { c } = this, atStart = aliveUnits(c, this.at(0)), wasDead = atStart.map((alive) => !alive), back = new Set();
    let first = -1;
    if (rulesOf(c).activation.smooth) return { first, revived: 0 };
    const note = (e) => (alive, h) => {
      if (alive && wasDead[h]) back.add(h);
      if (!alive) wasDead[h] = true;
      if (first < 0 && atStart[h] && !alive) first = e;
    };
    for (let e = 0; e <= this.epochs; e++) {
      if (this.before.has(e)) aliveUnits(c, this.before.get(e)).forEach(note(e));
      aliveUnits(c, this.at(e)).forEach(note(e));
    }
    return { first, revived: back.size };
  }
}
/** Whether each unit is above 0 on some row. */
function aliveUnits(c, p) {
  const { hidden: H, inputs: D } = c, { round } = numbersOf(c), term = (h) => (z, x, d) => (x === 0 ? z : round(z + round(round(x) * p[d * H + h])));
  return Array.from({ length: H }, (_, h) => c.rows.some(({ x }) => x.reduce(term(h), p[D * H + h]) > 0));
}
/** The units that are above 0 on no row; smooth ones never are. */
const deadUnits = (c, parameters) => aliveUnits(c, parameters).map((alive) => !alive && !rulesOf(c).activation.smooth);
/** The end of a training and its losses, without what cannot matter: once a state comes back, the rest is known. */
function shortcut(c, seed, parameters) {
  const { Kept } = numbersOf(c), { train } = trainer(c), state = stateOf(c, parameters), clock = clockOf(c), looks = repeats(c);
  const losses = new Kept(c.epochs), never = new Kept(state.length).fill(NaN), orderOf = orders(c, seed), seen = new Int32Array(1);
  const go = (e, n, kept) => train(state, clock, n, losses, e, kept, seen, orderOf);
  for (let begin = 0, end; begin < c.epochs; begin = end) {
    end = Math.min(begin + (looks ? stretch(begin) : c.recycle_every || c.epochs), c.epochs);
    const middle = looks ? Math.min(begin + watched(begin), end) : begin;
    recycle(c, seed, state, begin);
    const period = go(begin, middle - begin, looks ? state.slice() : never), rest = (c.epochs - begin) % period;
    if (period < middle - begin) {
      const cycle = losses.slice(begin, begin + period), tail = c.epochs - TAIL.tail_parts * tailPart(c.epochs);
      go(c.epochs - rest, rest, never);
      for (let e = Math.max(begin, tail); e < c.epochs; e++) losses[e] = cycle[(e - begin) % period];
      break;
    }
    go(middle, end - middle, never);
  }
  return { state, losses };
}
