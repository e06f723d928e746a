// A guided tour of six stops for a class: an address each, and what to look at.

const TOUR = [
  ['Solved', 'hidden=4&init=he&lr=0.1&seed=0',
    'Four units, each with a line where it switches on. Press play: the lines move until 01 and 10 stand on one colour and 00 and 11 on the other. No single line could do that.'],
  ['Stuck at ¼', 'hidden=4&init=he&lr=0.1&seed=8',
    'Only the seed is another one. The rows 00 and 10 share the prediction ½: the best that can be said of a 0 and a 1 together. All live units switch on over the same rows, so nothing tells the two apart, and the slope of the loss is zero.'],
  ['Stuck at ⅓', 'hidden=4&init=he&lr=0.1&seed=13',
    'Three rows share one prediction, ⅓. One unit was dead from the start, two died within eight steps: the dashed lines. A dead unit is off on every row, so it gets no gradient and never moves again.'],
  ['All dead', 'hidden=4&init=he&lr=0.2&seed=51',
    'At the start every unit is alive. The first step is too large and throws all four off the plane’s rows. What is left is a constant: ½ for every row, and a loss of ½.'],
  ['A kink', 'hidden=4&init=he&lr=0.1&seed=6',
    'Every line still runs exactly through 00, because biases start at 0 and nothing has pushed them. The ReLU’s derivative there is a convention: 0 here. Set “derivative at 0” to 1, and the very same weights learn it. So this is no valley, only an artefact.'],
  ['Ten units', 'hidden=10&init=he&lr=0.1&seed=8',
    'The seed that was stuck at ¼. Its first four units start from the same weights; six more make it work. Train 1,000 seeds, and compare with four units.'],
];

let stop = -1;  // of the tour that is shown, −1: none
/** Shows a stop of the tour in a card, and its address with `go`; beyond the last one, and with −1, the card goes. */
function showStop(at, go) {
  const card = document.getElementById('card'), [title, hash, text] = TOUR[at] || [], [back, next] = card.querySelectorAll('[data-step]');
  stop = title ? at : -1;
  card.hidden = !title;
  if (!title) return document.getElementById('tour').focus();
  card.querySelector('h2').textContent = `${at + 1} of ${TOUR.length} · ${title}`;
  card.querySelector('p').textContent = text;
  back.disabled = at === 0;
  next.textContent = at === TOUR.length - 1 ? 'Finish' : 'Next';
  go(`#${hash}`);
  return card.querySelector('h2').focus();
}
