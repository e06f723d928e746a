// Which of the expected pairs differ from what the explorer's own code finds; in node and in a browser.

/** What differs of one pair: the names of columns, and 'weights'. */
function differences({ address, weights, columns }) {
  const { c, seed } = readAddress(address), run = new Run(c, seed, initialWeights(c, seed));
  const found = { ...diagnose(run), weights: toHex(run.at(c.epochs)).replaceAll(' ', '') };
  const same = (a, b) => (a === b) || (Number.isNaN(a) && b === null) || (Array.isArray(a) && a.every((each, i) => same(each, b[i])));
  const names = [...Object.keys(columns), 'weights'].filter((name) => !same(found[name], { ...columns, weights }[name]));
  if (endOf(c, seed).outcome !== columns.outcome) names.push('outcome of the fast way');
  return names.map((name) => `${name}: ${found[name]} instead of ${{ ...columns, weights }[name]}`);
}

/** Those that differ; `quench` is the length in epochs of a quench, if it is not the usual one. */
function compareAll(pairs, quench) {
  JUDGED.quench_epochs = quench || JUDGED.quench_epochs;
  return pairs.map((pair) => ({ address: pair.address, names: differences(pair) })).filter(({ names }) => names.length);
}
