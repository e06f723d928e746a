// The odds: many seeds of the same condition, trained in Web Workers; how they end, and what frees those that end like one.

const WORK = `onmessage = ({ data: { address, first, count, like } }) => {
  const { c } = readAddress(address), found = [];
  for (let seed = first; seed < first + count; seed++) {
    const { outcome, parameters } = endOf(c, BigInt(seed));
    found.push({ seed, outcome, freed: outcome === like ? freedBy(c, parameters, BigInt(seed)) : {} });
  }
  postMessage(found);
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
/**
 * Trains `total` seeds and tells `show` of the tally as it grows: `ends` has the count and the seeds of each outcome,
 * `freed` the times that each intervention was tried on runs with the outcome `like` and was enough; `stop()` ends it.
 */
class Odds {
  constructor({ address, total, show, like, workers = navigator.hardwareConcurrency || 2 }) {
    Object.assign(this, { address, total, show, like, next: 0, done: 0, ends: {}, freed: {}, tried: 0, began: performance.now() });
    const url = URL.createObjectURL(new Blob([document.getElementById('core').textContent, WORK], { type: 'text/javascript' }));
    this.workers = Array.from({ length: Math.min(workers, 8) }, () => new Worker(url));
    URL.revokeObjectURL(url);
    for (const worker of this.workers) {
      worker.onmessage = ({ data }) => this.add(worker, data);
      worker.onerror = (event) => { this.stop(); complain(Error(`The odds need Web Workers: ${event.message}`)); };
      this.feed(worker);
    }
  }

  feed(worker) {
    const { address, next: first, like } = this, count = Math.min(20, this.total - first);
    if (count > 0) worker.postMessage({ address, first, count, like });
    this.next += count;
  }

  add(worker, found) {
    for (const { seed, outcome, freed } of found) {
      const all = (this.ends[outcome] ||= { count: 0, seeds: [] });
      if (++all.count < 200) all.seeds.push(seed);
      for (const [name, enough] of Object.entries(freed)) {
        const { tried, free } = this.freed[name] || { tried: 0, free: 0 };
        this.freed[name] = { tried: tried + 1, free: free + enough };
      }
    }
    this.done += found.length;
    if (this.done === this.total) this.stop(); else this.feed(worker);
    this.show(this);
  }

  get rate() {
    return this.done / (performance.now() - this.began) * 1000;
  }

  stop() {
    for (const worker of this.workers) worker.terminate();
  }
}
