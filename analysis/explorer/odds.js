// The odds: many seeds of the same condition, trained in Web Workers, and how they end.

const WORK = `onmessage = ({ data: { address, first, count } }) => {
  const { c } = readAddress(address), ends = {};
  for (let seed = first; seed < first + count; seed++) {
    const outcome = outcomeOf(c, BigInt(seed));
    ends[outcome] ||= { count: 0, seeds: [] };
    ends[outcome].count++;
    if (ends[outcome].seeds.length < 9) ends[outcome].seeds.push(seed);
  }
  postMessage({ ends, count });
};`;

/** The 95 % Wilson interval of a rate. */
function wilson(count, n) {
  const z = 1.959963984540054, p = count / n, middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const half = (z / (1 + z * z / n)) * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
}

const percent = (share) => (100 * share).toFixed(share > 0.0995 || share === 0 ? 0 : 1);

/** How many draws it takes until one of them is solved with 99 %, in words. */
function drawsNeeded(solved, n) {
  if (solved === n) return 'All of them learn it.';
  if (!solved) return 'None of them learns it.';
  const draws = Math.ceil(Math.log(0.01) / Math.log(1 - solved / n));
  return draws <= 1 ? 'One draw is enough for 99 %.' : `Draw ${draws} times, and with 99 % one of them learns it.`;
}

const outcomeName = (outcome) => outcome.replace('stuck_', 'stuck at ').replaceAll('_', ' ');

/** Trains `total` seeds and tells `show` of the tally as it grows; `stop()` ends it. */
class Odds {
  constructor(address, total, show) {
    Object.assign(this, { address, total, show, next: 0, done: 0, ends: {}, began: performance.now() });
    const url = URL.createObjectURL(new Blob([document.getElementById('core').textContent, WORK], { type: 'text/javascript' }));
    this.workers = Array.from({ length: Math.min(navigator.hardwareConcurrency || 2, 8) }, () => new Worker(url));
    URL.revokeObjectURL(url);
    for (const worker of this.workers) {
      worker.onmessage = ({ data }) => this.add(worker, data);
      worker.onerror = (event) => { this.stop(); show({ ...this, error: event.message }); };
      this.feed(worker);
    }
  }

  feed(worker) {
    const count = Math.min(20, this.total - this.next);
    if (count > 0) worker.postMessage({ address: this.address, first: this.next, count });
    this.next += count;
  }

  add(worker, { ends, count }) {
    for (const [outcome, found] of Object.entries(ends)) {
      const all = (this.ends[outcome] ||= { count: 0, seeds: [] });
      all.count += found.count;
      all.seeds.push(...found.seeds);
    }
    this.done += count;
    this.show(this);
    if (this.done === this.total) this.stop(); else this.feed(worker);
  }

  get rate() {
    return this.done / (performance.now() - this.began) * 1000;
  }

  stop() {
    for (const worker of this.workers) worker.terminate();
  }
}
