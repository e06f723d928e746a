// The initial weights of a seed, as nnxor/network/draws.py and inits_in_yaml.py have them: Philox 4x64-10 by counter
// (seed, draw, block, unit), four uniforms a counter, each put through the quantile function of its distribution.
// Nothing here or in network.js and diagnosis.js knows of a page: Web Workers and node run the same text.

const WORD = (1n << 64n) - 1n;
/** Four 64-bit numbers of the counter-based generator (Salmon, Moraes, Dror & Shaw, SC 2011); `counter` is 256 bits. */
function philox(key, counter) {
  let [a, b, c, d] = [0n, 64n, 128n, 192n].map((shift) => (counter >> shift) & WORD);
  let [k0, k1] = [key & WORD, key >> 64n];
  for (let round = 0; round < 10; round++) {
    const left = a * 0xD2E7470EE14C6C93n, right = c * 0xCA5A826395121157n;
    [a, b, c, d] = [(right >> 64n) ^ b ^ k0, right & WORD, (left >> 64n) ^ d ^ k1, left & WORD];
    k0 = (k0 + 0x9E3779B97F4A7C15n) & WORD;
    k1 = (k1 + 0xBB67AE8584CAA73Bn) & WORD;
  }
  return [a, b, c, d];
}
/** Four uniforms in (0, 1) of 52 bits each. NumPy's generator counts up before it draws, hence the 1. */
function uniforms(unit, block, seed, draw = 0n) {
  const counter = (BigInt(unit) << 192n) + (BigInt(block) << 128n) + (draw << 64n) + BigInt(seed) + 1n;
  return philox(BigInt(PRINTED.protocol.root_seed), counter).map((word) => (Number(word >> 12n) + 0.5) * 2 ** -52);
}
/** Keeps what a function makes of a condition. */
function remembering(make) {
  const known = new WeakMap();
  return (c) => known.get(c) || known.set(c, make(c)).get(c);
}
/** A printed program as a function of the numbers `names`, in float64; `k` are the settings that it uses. */
function compiled({ lines, results }, names, k = {}) {
  const constants = Object.entries(k).map(([name, value]) => `, k_${name} = ${value}`).join('');
  return new Function(`${PRINTED.programs.float64.prelude} const inf = Infinity, nan = NaN${constants};
    return (${names}) => { ${lines} return ${results.length === 1 ? results[0] : `[${results}]`}; };`)();
}

const normalQuantile = compiled(PRINTED.quantile, 'p');
/** The value of a formula such as 'sqrt(2 / fan_in)'; an error for anything but such a one. */
function evaluate(formula, fanIn, fanOut) {
  if (typeof formula === 'number') return formula;
  if (!/^(?:[\d.eE+\-*/() ]|sqrt|fan_in|fan_out)+$/.test(formula)) throw Error(`'${formula}' is no number or formula`);
  const value = new Function('fan_in', 'fan_out', 'sqrt', `return ${formula};`)(fanIn, fanOut, Math.sqrt);
  if (!Number.isFinite(value)) throw Error(`'${formula}' is ${value}, not a finite number`);
  return value;
}
/** The share of a standard normal law below z ≤ 0: where the quantile reaches z. */
function shareBelow(z) {
  let [low, high] = [0, 0.5];
  for (let i = 0; i < 63; i++) {
    const middle = (low + high) / 2;
    [low, high] = normalQuantile(middle) <= z ? [middle, high] : [low, middle];
  }
  return low;
}
/** For each law, what makes its quantile function from its parameters. */
const QUANTILES = {
  constant: ({ value }) => () => value,
  uniform: ({ low, high }) => (u) => low + (high - low) * u,
  normal: ({ mean, std }) => (u) => mean + std * normalQuantile(u),
  truncated_normal({ mean, std, cut }) {
    const below = shareBelow(-cut);
    return (u) => mean + std * normalQuantile(below + (1 - 2 * below) * u);
  },
};
/** The function that turns a uniform into a draw from a law, rounded to float32. */
function drawing({ distribution, ...law }, scale, fanIn, fanOut) {
  const given = Object.entries({ ...PRINTED.distributions[distribution], ...law });
  const quantile = QUANTILES[distribution](Object.fromEntries(given.map(([name, value]) => [name, evaluate(value, fanIn, fanOut)])));
  return (u) => Math.fround(scale * quantile(u) + 0);
}
/** The functions that draw a condition's input weights, output weights, biases and output bias. */
const drawingsOf = remembering(({ init, scale, hidden: H, inputs: D }) => [
  drawing(init.weights, scale, D, H), drawing(init.outputs || init.weights, scale, H, 1),
  drawing(init.biases, scale, D, H), drawing(init.biases, scale, H, 1),
]);
/** The parameters of one draw of a seed, in the order W1 row by row, b1, W2, b2, rounded to float32. */
function drawOnce(c, seed, draw) {
  const { init, hidden: H, inputs: D } = c, parameters = new Float32Array((D + 2) * H + 1);
  const [first, second, bias, outputBias] = drawingsOf(c);
  for (let h = 0; h < H; h++) {
    const [ofBias, ofOutput, ...ofInputs] = uniforms(h + 1, 0, seed, draw);
    for (let block = 1; ofInputs.length < D; block++) ofInputs.push(...uniforms(h + 1, block, seed, draw));
    for (let d = 0; d < D; d++) parameters[d * H + h] = first(ofInputs[d]);
    parameters[D * H + h] = c.bias ? bias(ofBias) : 0;
    parameters[(D + 1) * H + h] = second(ofOutput);
  }
  if (c.bias) parameters[(D + 2) * H] = outputBias(uniforms(0, 0, seed, draw)[0]);
  if (init.mirror) {
    for (let h = 1; h < H; h += 2) {
      for (let d = 0; d <= D; d++) parameters[d * H + h] = 0 - parameters[d * H + h - 1];
    }
  }
  return parameters;
}
/** Whether every row puts some unit above the margin. */
function keepsMargin({ init, rows, hidden: H, inputs: D }, p) {
  const units = Array.from({ length: H }, (_, h) => h);
  return rows.every(({ x }) => units.some((h) => x.reduce((z, value, d) => z + value * p[d * H + h], p[D * H + h]) > init.margin));
}
/** Where the training of a seed starts; `draw` 1 is what an intervention draws afresh. */
function initialWeights(c, seed, draw = 0n) {
  for (let attempt = 0n; attempt < PRINTED.protocol.most_draws; attempt++) {
    const parameters = drawOnce(c, seed, draw + (attempt << 32n));
    if (c.init.margin === undefined || keepsMargin(c, parameters)) return parameters;
  }
  throw Error(`init=${c.init.name}: ${PRINTED.protocol.most_draws} draws of seed ${seed} do not keep its margin`);
}
