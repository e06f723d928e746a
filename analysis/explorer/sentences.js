// What is said of a run, in words.

const TRAPS = { '1/4': '¼', '1/3': '⅓', '1/2': '½' };
const FRACTIONS = { '0.5': '½', '0.3333': '⅓', '0.6667': '⅔', '0.25': '¼', '0.75': '¾' };
const thousands = (n) => Number(n).toLocaleString('en');
/** A number as a reader wants it: a fraction where it is one, else three digits. */
function figure(value) {
  if (!Number.isFinite(value)) return 'no number';
  return FRACTIONS[String(Number(value.toFixed(4)))] || String(Number(value.toPrecision(3)));
}
const listed = (words) => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`);
/** 'the rows 01 and 11 share the prediction ½'. */
function sharing(c, row) {
  return row.merged.split(' ').filter(Boolean).map((group) => {
    const names = group.split('=');
    return `${names.length === c.rows.length ? 'all rows' : `the rows ${listed(names)}`} share the prediction ${figure(row.y[c.names.indexOf(names[0])])}`;
  }).join('; ');
}

const CAUSES = {
  few_alive_at_start: (c) => `Too few units were alive at the start: it takes ${c.units}.`,
  died_in_training: () => 'Enough units were alive at the start, but they died in training.',
  alive_but_linear: () => 'None of its live units bends between the rows: together they compute nothing that a line could not.',
  alive_but_merged: (c) => (rulesOf(c).activation.smooth ? '' : 'Units are alive, but their kinks leave rows of different targets together.'),
};
/** The headline of a run's end: what became of it. */
function headline(c, row) {
  const { outcome } = row, named = outcome.split('_')[1], rows = sharing(c, row);
  if (outcome === 'solved') return row.solved_epoch ? `Solved, since epoch ${thousands(row.solved_epoch)}.` : 'Solved from the start.';
  if (outcome.startsWith('stuck')) return `Stuck at ${TRAPS[named] || named || `a loss of ${figure(row.plateau)}`}${rows ? `: ${rows}` : ''}.`;
  return {
    diverged: 'Diverged: its numbers have grown beyond all bounds. The step is too large.',
    oscillating: `Oscillating: the step is too large to come to rest; the loss is ${figure(row.final_loss)}.`,
    unsettled: `Still on its way: the loss is ${figure(row.final_loss)}. More epochs would tell.`,
    unclear: `Neither at rest nor falling; the loss is ${figure(row.final_loss)}.`,
  }[outcome];
}
/** The evidence: why, how sure, and what frees it. */
function evidence(c, row) {
  const said = CAUSES[row.cause] ? [CAUSES[row.cause](c)] : [], { settled_epoch: from, period } = row;
  const dead = rulesOf(c).activation.can_die ? row.dead_final : 0, are = dead === 1 ? 'is' : 'are';
  if (row.outcome.startsWith('stuck') && dead > 0) said.push(dead === c.hidden ? 'All units are dead.' : `${dead} of ${c.hidden} units ${are} dead.`);
  if (period > 0) said.push(`Proved for ever: the parameters of epoch ${thousands(from)} come back at epoch ${thousands(from + period)}, bit for bit.`);
  if (row.outcome === 'solved' && dead > 0) said.push(`It does without ${dead === 1 ? 'one unit' : `${dead} units`}, which ${are} dead.`);
  return said.filter(Boolean).join(' ');
}
/** What usually frees runs like a stuck one, as far as it is known. */
function freeing(search) {
  if (search.done < search.total) return 'Trying what frees it, on other seeds …';
  const shares = Object.entries(search.freed).map(([name, { free, tried }]) => ({ name, tried, share: free / tried, ...PRINTED.interventions[name] }));
  const [best] = shares.filter(({ control }) => !control).sort((a, b) => b.share - a.share), alone = shares.find(({ name }) => name === 'nothing');
  if (!best) return 'No other of 400 seeds ends like it.';
  return `Of ${best.tried} others that ended this way, ${percent(best.share)} % were freed by ${best.label}, ${percent(alone.share)} % by training on.`;
}
/** What a unit is at an epoch: a word for its card, and a longer one. */
function unitState(run, epoch, h, word) {
  const { c } = run, { smooth, can_die: canDie } = rulesOf(c).activation;
  if (smooth) return { kind: 'smooth', text: 'smooth' };
  if (!word.includes('1')) {
    const since = deadSince(run, epoch, h);
    return { kind: 'dead', text: `${canDie ? 'dead' : 'below 0'} ${since === 0 ? 'from the start' : `since epoch ${thousands(since)}`}` };
  }
  return word.includes('0') ? { kind: 'alive', text: 'alive' } : { kind: 'linear', text: 'linear: active on every row' };
}
/** Since when a unit that is dead at an epoch has been dead. */
function deadSince(run, epoch, h) {
  while (epoch > 0 && !aliveUnits(run.c, run.at(epoch - 1))[h]) epoch--;
  return epoch;
}

const fileName = (seed) => `network-seed-${seed}`;
/** The command that gives the same training. */
function command({ c, seed, edits }) {
  const named = settingsOf(c).map(([name, value]) => [edits && name === 'loss' ? 'loss_name' : name, value]);
  const words = named.map(([name, value]) => (name === 'rows' ? 'task=table.csv' : `${name}=${value}`)).filter((word) => !edits || !word.startsWith('success'));
  const quoted = words.map((word) => (/[^\w.=+-]/.test(word) ? `'${word}'` : word)).join(' ');
  const lines = [[...c.rows[0].x.map((_, d) => `x${d + 1}`), 't'], ...c.rows.map(({ x, t }) => [...x, t])].join('\\n');
  const table = c.task === 'own' ? `printf '${lines}\\n' > table.csv && ` : '';
  return `${table}python -m experiments.${edits ? `diagnose ${fileName(seed)}.npz ${quoted}` : `train ${quoted} seed=${seed}`}`;
}
