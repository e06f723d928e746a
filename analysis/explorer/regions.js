// The lowest cross-entropy that a network can have without any unit changing sides on any row: Newton's method from 0
// on a convex problem in the outputs, operation by operation as in nnxor/landscape/regions.py.

/** The infimum of the loss over the activation region of pre-activations z[row][unit]; NaN where it is not known. */
function regionBound(c, z) {
  if (!z.flat().every(Number.isFinite)) return NaN;
  const columns = regionColumns(c, patternsOf(c, z)), m = columns[0].length, look = regionLook(c, columns);
  let a = new Float64Array(m), { value, step, promised } = look(a), size = 1;
  for (let i = 0; i < JUDGED.region_steps; i++) {
    const tried = a.map((each, j) => each - size * step[j]), there = look(tried);
    if (there.value < value) {
      ({ value, step, promised } = there);
      [a, size] = [tried, 1];
    } else size /= 2;
  }
  return promised <= JUDGED.region_converged ? value : NaN;
}
const slopesBelowAndAbove = (c) => rulesOf(c).activation.slopes.map((value) => (typeof value === 'string' ? c[value] : value));
/** What outputs are combinations of, row by row: each different unit's cut linear functions, and the constant. */
function regionColumns(c, patterns) {
  const [below, above] = slopesBelowAndAbove(c), bias = c.bias ? [1] : [];
  const kinds = [...new Set(patterns.filter((word) => word.includes('1') || below !== 0))].sort().reverse();
  const scale = c.rows[0].x.map((_, d) => Math.max(...c.rows.map(({ x }) => Math.abs(x[d]))) || 1);
  return c.rows.map(({ x }, n) => {
    const felt = [...x.map((value, d) => value / scale[d]), ...bias];
    return [...kinds.flatMap((word) => felt.map((value) => (word[n] === '1' ? above : below) * value)), ...bias];
  });
}
/** A function of coefficients: the loss of the outputs, the Newton step, and what that promises to gain. */
function regionLook(c, columns) {
  const { loss } = rulesOf({ ...c, dtype: 'float64' }), weight = weightOf(c), value = ruleOf(c, 'output', 'value');
  const [row, whole, second] = [[loss.row, 's, y, t, c'], [loss.whole, 'total'], [loss.second, 'y, c']].map((each) => compiled(...each));
  return (a) => {
    const m = a.length, gradient = new Float64Array(m), hessian = Array.from({ length: m }, () => new Float64Array(m));
    let total = 0;
    columns.forEach((column, n) => {
      const f = column.reduce((sum, each, j) => sum + each * a[j], 0), y = value(f), w = weight * (c.rows[n].times || 1);
      const [term, pull] = row(f, y, c.rows[n].t, w), bend = second(y, w);
      total += term;
      for (let i = 0; i < m; i++) {
        gradient[i] += pull * column[i];
        for (let j = 0; j < m; j++) hessian[i][j] += bend * column[i] * column[j];
      }
    });
    const step = solveRidged(hessian, gradient);
    return { value: whole(total), step, promised: gradient.reduce((sum, each, i) => sum + each * step[i], 0) };
  };
}
/** The solution of a symmetric system with a ridge, by Cholesky's factors in place. */
function solveRidged(matrix, right) {
  const m = right.length, x = right.slice();
  const ridge = JUDGED.region_ridge * matrix.reduce((sum, row, k) => sum + row[k], 2 ** -1022);
  for (let k = 0; k < m; k++) {
    const shifted = matrix[k][k] + ridge, pivot = Math.sqrt(shifted > ridge ? shifted : ridge);
    matrix[k][k] = pivot;
    for (let i = k + 1; i < m; i++) matrix[i][k] /= pivot;
    x[k] /= pivot;
    for (let i = k + 1; i < m; i++) {
      for (let j = i; j < m; j++) matrix[j][i] -= matrix[j][k] * matrix[i][k];
      x[i] -= matrix[i][k] * x[k];
    }
  }
  for (let k = m - 1; k >= 0; k--) {
    x[k] /= matrix[k][k];
    for (let i = 0; i < k; i++) x[i] -= matrix[k][i] * x[k];
  }
  return x;
}
