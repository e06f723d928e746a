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
const repeats = (c) => PRINTED.programs[c.dtype].optimizers[c.optimizer].autonomous && !c.batch_size;

const clockOf = (c) => PRINTED.programs[c.dtype].optimizers[c.optimizer].powers.map(() => 1);

/** A training from given parameters, every epoch of it. */
class Run {
  constructor(c, seed, parameters) {
    const { Kept } = numbersOf(c), { train, look } = trainer(c), s = stateOf(c, parameters), clock = clockOf(c);
    const P = parameters.length, size = repeats(c) ? s.length : P, never = new Kept(s.length).fill(NaN);
    const orderOf = c.batch_size ? shuffles(seed, examplesOf(c).length) : null;
    Object.assign(this, { c, seed, look, P, size, epochs: c.epochs, from: 0, seen: new Int32Array(1).fill(-1) });
    this.states = new Kept(size * (c.epochs + 1));
    this.losses = new Kept(c.epochs + 1);
    const keep = (e) => { for (let i = 0, at = e * size; i < size; i++) this.states[at + i] = s[i]; };
    for (let e = 0; e < c.epochs; e++) {
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
    return Object.assign(next, { epochs: epoch + c.epochs, from: epoch });
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
  get cycle() {
    this.found ||= repeats(this.c) ? this.findCycle() : { settled: -1, period: -1 };
    return this.found;
  }

  findCycle() {
    const { from } = this, length = this.epochs - from;
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

  /** For each unit: since when it has been dead at the end (−1: it is not); the first death; how many came back. */
  get deaths() {
    this.died ||= this.findDeaths();
    return this.died;
  }

  findDeaths() {
    const { c } = this, H = c.hidden, since = Array(H).fill(-1), back = Array(H).fill(false);
    if (PRINTED.programs[c.dtype].activations[c.activation].smooth) return { since, first: -1, revived: 0 };
    const atStart = aliveUnits(c, this.at(0));
    let first = -1;
    for (let e = 0; e <= this.epochs; e++) {
      const alive = aliveUnits(c, this.at(e));
      for (let h = 0; h < H; h++) {
        if (alive[h] && since[h] >= 0) [since[h], back[h]] = [-1, true];
        else if (!alive[h] && since[h] < 0) since[h] = e;
        if (first < 0 && atStart[h] && !alive[h]) first = e;
      }
    }
    return { since, first, revived: back.filter(Boolean).length };
  }
}

/** Whether each unit is above 0 on some row. */
function aliveUnits(c, p) {
  const { hidden: H, inputs: D } = c, { round } = numbersOf(c), alive = [];
  for (let h = 0; h < H; h++) {
    alive.push(c.rows.some(({ x }) => {
      let z = p[D * H + h];
      for (let d = 0; d < D; d++) if (x[d] !== 0) z = round(z + round(round(x[d]) * p[d * H + h]));
      return z > 0;
    }));
  }
  return alive;
}

/** The end of a training and its tail, without what cannot matter: once a state comes back, the rest is known. */
function shortcut(c, seed, parameters) {
  const { Kept } = numbersOf(c), { train } = trainer(c), s = stateOf(c, parameters), clock = clockOf(c);
  const orderOf = c.batch_size ? shuffles(seed, examplesOf(c).length) : null;
  const losses = new Kept(c.epochs), seen = new Int32Array(1), kept = new Kept(s.length);
  const go = (e, n) => train(s, clock, n, losses, e, kept, seen, orderOf);
  for (let begin = 0; begin < c.epochs; begin += stretch(begin)) {
    const end = Math.min(begin + stretch(begin), c.epochs), middle = Math.min(begin + watched(begin), end);
    kept.set(s);
    if (!repeats(c)) kept.fill(NaN);
    const done = go(begin, middle - begin);
    if (repeats(c) && done < middle - begin) {
      jump(c, losses, begin, done, (n) => { kept.fill(NaN); go(c.epochs - n, n); });
      return { state: s, losses };
    }
    kept.fill(NaN);
    go(middle, end - middle);
  }
  return { state: s, losses };
}

/** Fills in the losses from epoch `begin` on, which repeat, and moves the state on by what is left of a period. */
function jump(c, losses, begin, period, goOn) {
  const loss = losses.slice(begin, begin + period), tail = c.epochs - TAIL.tail_parts * tailPart(c.epochs);
  goOn((c.epochs - begin) % period);
  for (let e = Math.max(begin, tail); e < c.epochs; e++) losses[e] = loss[(e - begin) % period];
}
