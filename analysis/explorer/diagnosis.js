// What became of a training, as nnxor/diagnosis.py and quench.py say it; constants come printed.

const JUDGED = PRINTED.judgement;
/** A network at given parameters: look, the gradient's norm, whether all is finite. */
function endingOf(c, parameters) {
  const { round } = numbersOf(c), end = trainer(c).look(parameters), P = end.gradient.length;
  const norm = round(Math.sqrt(end.gradient.reduce((sum, g) => round(sum + round(g * g)), 0)));
  const finite = [...parameters.subarray(0, P), ...end.y, end.loss, norm].every(Number.isFinite);
  return { ...end, norm: finite ? norm : NaN, loss: finite ? end.loss : NaN, finite };
}
/** Whether four rows are XOR but for an affine map of inputs and targets: the corners of a parallelogram. */
function isXorShaped({ rows, inputs }) {
  const targets = [...new Set(rows.map(({ t }) => t))].sort((a, b) => a - b);
  if (rows.length !== 4 || inputs !== 2 || targets.length !== 2 || rows.some(({ times }) => (times || 1) > 1)) return false;
  const [low, high] = targets.map((target) => rows.filter(({ t }) => t === target).map(({ x }) => x));
  if (low.length !== 2) return false;
  const side = (to) => [to[0] - low[0][0], to[1] - low[0][1]], [one, other, across] = [high[0], high[1], low[1]].map(side);
  return one[0] + other[0] === across[0] && one[1] + other[1] === across[1] && one[0] * other[1] !== one[1] * other[0];
}
/** The named traps of a condition, {name, level, rows}, the lowest first; none where levels have no names. */
function trapsOf(c) {
  if (c.activation !== 'relu' || !c.bias || c.freeze || !isXorShaped(c)) return [];
  const { low, high } = targetsOf(c);
  if (rulesOf(c).loss.logits) return low === 0 && high === 1 ? PRINTED.traps[c.loss] : [];
  const scale = PRINTED.traps[c.loss] && c.output === 'identity' ? (high - low) ** 2 : 0;
  return scale ? PRINTED.traps[c.loss].map((trap) => ({ ...trap, level: trap.level * scale })) : [];
}
/** The loss where every prediction is its target: 0, or the entropy of probabilities. */
const entropyOf = (c) => -weightOf(c) * c.rows.reduce((sum, { t, times }) => sum + (times || 1) * (rulesOf(c).loss.logits && t > 0 && t < 1 ? t * Math.log(t) + (1 - t) * Math.log(1 - t) : 0), 0);
/** What a network at rest is said to be: its outcome ('' if it is not at rest) and the level where it rests. */
function resting(c, end) {
  const { round } = numbersOf(c), examples = examplesOf(c), weight = weightOf(c);
  const traps = trapsOf(c), { low, high } = targetsOf(c), { activation } = rulesOf(c);
  let { loss: level } = end, rests, close, elsewhere = 'stuck';
  if (rulesOf(c).loss.logits && !activation.smooth && !c.freeze) {
    const whole = weight * examples.length, near = JUDGED.approach * whole;
    level = regionBound(c, end.z);
    rests = end.loss - level <= near && level - entropyOf(c) > near;
    close = JUDGED.same * whole;
  } else {
    const slope = round(end.norm / round(weight)), onItsWay = slope ** 2 > JUDGED.rest_gradient / weight * (level - entropyOf(c));
    rests = end.at_rest ?? (slope <= JUDGED.rest_gradient && !onItsWay);
    [close, elsewhere] = [JUDGED.level_tolerance * weight * (high - low) ** 2, traps.length ? '' : 'stuck'];
  }
  const trap = traps.find((each) => rests && Math.abs(level - each.level) <= close);
  return trap ? { outcome: `stuck_${trap.name}`, level: trap.level } : { outcome: rests ? elsewhere : '', level };
}
const meanOf = (values) => values.reduce((sum, value) => sum + value) / values.length;
/** Whether the losses of the tail get lower; without a tail the training has hardly begun. */
function descends(c, end, tail) {
  const part = tailPart(c.epochs), half = TAIL.tail_parts / 2;
  if (!part) return true;
  const means = tail.map((sum) => sum / part), earlier = meanOf(means.slice(0, half)), later = meanOf(means.slice(half));
  const hoped = !c.batch_size && rulesOf(c).optimizer.plain ? Math.min(c.lr * end.norm ** 2 * half * part, later) : later;
  return means.every((value, i) => i === 0 || value - means[i - 1] < 0)
    || (earlier - later >= 0.1 * hoped && hoped > 1e-5 * later);
}
/** The outcome of a training and the level of a stuck one. */
function judge(c, parameters, end, tail) {
  if (!end.finite) return { outcome: 'diverged', level: NaN };
  if (end.solved) return { outcome: 'solved', level: NaN };
  const rest = resting(c, end);
  if (rest.outcome) return rest;
  if (descends(c, end, tail)) return { outcome: 'unsettled', level: NaN };
  return onceQuenched(c, parameters, tail.map((sum) => sum / tailPart(c.epochs)));
}
/** The outcome of a run that neither rests nor descends, by where a quench leads it (nnxor/quench.py). */
function onceQuenched(c, parameters, tail) {
  const slower = { ...c, optimizer: 'gd', batch_size: null, recycle_every: null, dtype: 'float64', epochs: JUDGED.quench_epochs };
  const start = Float64Array.from(parameters.subarray(0, (c.inputs + 2) * c.hidden + 1));
  const calm = { ...slower, lr: stableStep(slower, start) };
  const after = endingOf(calm, shortcut(calm, 0, start).state), rest = resting(calm, after);
  const share = rest.level / tail.at(-1), lowest = Math.min(...tail);
  const trapped = rest.outcome !== '' && !after.solved && share > 0.5;
  const getsBelow = (loss, lr, onward = { ...c, lr, epochs: JUDGED.quench_epochs }) =>
    Math.max(...tailOf(shortcut(onward, 0, start).losses, onward.epochs)) / tailPart(onward.epochs) < loss;
  const lower = after.loss < lowest && !(trapped && share >= 0.9);
  if (lower && getsBelow(lowest, c.lr)) return { outcome: 'unsettled', level: NaN };
  if (trapped) return rest;
  return { outcome: after.loss < 0.9 * lowest && getsBelow(0.9 * lowest, Math.min(c.lr / 10, calm.lr)) ? 'oscillating' : 'unclear', level: NaN };
}
/** A rule of a condition's activation or output as a function of z, a and g, in float64. */
function ruleOf(c, part, name) {
  const double = { ...c, dtype: 'float64' };
  return compiled(variant(rulesOf(double)[part][name], c), 'z, a, g', rulesOf(double).k);
}
/** A power of two at most 1 over a bound on the largest eigenvalue of the Hessian. */
function stableStep(c, p) {
  const [value, back, second] = ['value', 'back', 'second'].map((name) => ruleOf(c, 'activation', name));
  const end = trainer(c).look(p), weight = weightOf(c), { hidden: H, inputs: D } = c;
  let bound = 0;
  c.rows.forEach(({ x, t, times }, n) => {
    const w = weight * (times || 1), error = Math.abs(end.y[n] - t);
    const felt = x.reduce((sum, each) => sum + each * each, 0) + Number(c.bias);
    for (let h = 0; h < H; h++) {
      const z = end.z[n][h], a = value(z), s = p[(D + 1) * H + h], slope = s * back(z, a, 1);
      bound += w * (a * a + felt * slope * slope);
      bound += w * error * felt * Math.abs(s * second(z, a));
    }
    bound += w * (Number(c.bias) + error * Math.sqrt(felt));
  });
  let step = 1;
  while (Number.isFinite(bound) && bound * step >= 1) step /= 2;
  return step;
}
/** Groups of rows that share one wrong prediction: '00=10'. */
function mergedRows(c, y) {
  const { round } = numbersOf(c), { low, high } = targetsOf(c), close = round(JUDGED.merge_tolerance * (high - low || 1)), group = y.map((_, n) => n);
  const wrong = y.map((value, n) => Math.abs(round(value - round(c.rows[n].t))) > close);
  for (let n = 0; n < y.length; n++) {
    for (let m = 0; m < n; m++) {
      const first = Math.min(group[m], group[n]), other = Math.max(group[m], group[n]), joined = wrong[n] && wrong[m] && first < other;
      if (joined && Math.abs(round(y[n] - y[m])) <= close) group.forEach((each, i) => { if (each === other) group[i] = first; });
    }
  }
  const groups = [...new Set(group)].map((g) => group.flatMap((each, n) => (each === g ? [c.names[n]] : [])));
  return groups.filter((names) => names.length > 1).map((names) => names.join('=')).join(' ');
}
/** Each unit's activation pattern, a bit a row. */
const patternsOf = (c, z) => Array.from({ length: c.hidden }, (_, h) => z.map((row) => (row[h] > 0 ? 1 : 0)).join(''));
/** The share of the examples on their side of the middle between the targets. */
function accuracyOf(c, y) {
  const { middle } = targetsOf(c), at = numbersOf(c).round(middle), right = c.rows.map(({ t, times }, n) =>
    (times || 1) * ((t > middle ? y[n] > at : y[n] < at && t < middle) ? 1 : 0));
  return right.reduce((sum, each) => sum + each) / examplesOf(c).length;
}
/** Why a run is not solved, as nnxor/diagnosis.py names it. */
function causeOf(c, outcome, liveStart, live, linear) {
  const H = c.hidden, { can_die } = rulesOf(c).activation, needed = (can_die && c.units) || 1;
  if (!can_die) [linear, liveStart, live] = [new Set(slopesBelowAndAbove(c)).size === 1 ? H : linear + H - live, H, H];
  if (outcome === 'solved') return '';
  if (outcome === 'diverged' || outcome === 'oscillating') return 'step_too_large';
  if (outcome === 'unsettled') return 'not_finished';
  if (outcome === 'unclear') return 'unclear';
  if (Math.max(liveStart, live) < needed) return 'few_alive_at_start';
  if (live < needed) return 'died_in_training';
  return linear === live ? 'alive_but_linear' : 'alive_but_merged';
}
/** The columns of a run, by the names that they have in trials.parquet; −1 and NaN where there is nothing to say. */
function diagnose(run) {
  const { c, epochs } = run, parameters = run.at(epochs), end = endingOf(c, parameters), { finite } = end;
  const { outcome, level } = judge(c, parameters, end, tailOf(run.losses.subarray(run.from), c.epochs));
  const { smooth } = rulesOf(c).activation, start = run.look(run.at(0));
  const patterns = patternsOf(c, end.z), initial = patternsOf(c, start.z), stuck = outcome.startsWith('stuck');
  const deaths = run.deaths(), cycle = run.cycle(), count = (all, test) => (smooth ? 0 : all.filter(test).length), dead = (word) => !word.includes('1');
  const deadStart = count(initial, dead), deadEnd = count(patterns, dead), linear = count(patterns, (word) => !word.includes('0'));
  return {
    outcome, final_loss: end.loss, grad_norm: end.norm, accuracy: finite ? accuracyOf(c, end.y) : NaN,
    plateau: stuck ? level : NaN, merged: stuck ? mergedRows(c, end.y) : '',
    solved_epoch: outcome === 'solved' ? run.seen[0] + 1 : -1,
    y: finite ? end.y : end.y.map(() => NaN), dead_init: deadStart, dead_final: finite ? deadEnd : -1,
    linear_final: finite ? linear : -1, patterns_init: initial.join(' '), patterns_final: finite ? patterns.join(' ') : '',
    first_death_epoch: finite ? deaths.first : -1, revived: finite ? deaths.revived : -1,
    cause: causeOf(c, outcome, c.hidden - deadStart, c.hidden - deadEnd, linear),
    settled_epoch: finite ? cycle.settled : -1, period: finite ? cycle.period : -1,
  };
}
/** The outcome and the final parameters of a seed, as fast as it goes. */
function endOf(c, seed) {
  const { state, losses } = shortcut(c, seed, initialWeights(c, seed)), end = endingOf(c, state);
  return { outcome: judge(c, state, end, tailOf(losses, c.epochs)).outcome, parameters: state.subarray(0, end.gradient.length) };
}
