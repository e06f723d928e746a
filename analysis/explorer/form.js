// The form of all settings: built from what is printed, and read back as an address.

const labelled = (entries) => Object.entries(entries).map(([name, { label }]) => [name, label]);
const CHOICES = {
  task: () => [...labelled(PRINTED.tasks), ['own', 'your own table']],
  init: () => labelled(PRINTED.inits),
  order: () => [['shuffled', 'shuffled'], ['fixed', 'fixed']],
  freeze: () => [['null', 'nothing'], ['W1+b1', 'the hidden layer'], ['W2+b2', 'the output layer'], ...PARTS.map((part) => [part, part])],
  dtype: () => [['float32', 'float32'], ['float64', 'float64']], relu_at_zero: () => [['0', '0'], ['1', '1']],
  'success.rule': () => [['loss', 'loss ≤'], ['margin', 'every row within'], ['threshold', 'every row on its side']],
  'success.ties': () => [['fail', 'no'], ['pass', 'yes']],
};
const USUAL = ['task', 'rows', 'hidden', 'init', 'lr', 'activation', 'slope', 'relu_at_zero', 'epochs', 'loss'];
const LABELS = {  // of what is no field of a condition
  rows: 'rows: inputs, then the target', 'success.rule': 'solved means', 'success.tolerance': 'tolerance', 'success.ties': 'solved at exactly ½',
};
const NOTHING = { batch_size: 'all', recycle_every: 'never' };  // what null is called
/** Builds the form's fields from what is printed, those that count, with the values of the view. */
function fillSettings() {
  const { c, seed } = state.view, values = { ...c, rows: rowsText(c), init: c.init.name };
  const fields = (names) => names.filter((name) => isUsed(c, name)).map((name) => settingField(name, values[name]));
  const laws = ['weights', 'biases'].flatMap((part) => Object.entries({ ...PRINTED.distributions[c.init[part].distribution], ...c.init[part] })
    .filter(([name]) => name !== 'distribution').map(([name, value]) => settingField(`init.${part}.${name}`, value, `${part}: ${name}`)));
  $('usual').replaceChildren(...fields(USUAL));
  $('unusual').replaceChildren(...fields(Object.keys(ALLOWED).filter((name) => !USUAL.includes(name))), ...laws);
  document.forms.settings.elements.seed.value = seed;
}
/** A labelled field for a setting: a choice where its values have names, a box to tick for yes and no, else a text. */
function settingField(name, value, label = LABELS[name] || PRINTED.fields[name]?.label || name) {
  const known = PRINTED.fields[name]?.entries || {}, choices = CHOICES[name]?.() || Object.entries(known);
  const options = choices.map(([key, text]) => element('option', { value: key, selected: String(value) === key }, text)), isCheck = typeof value === 'boolean';
  const field = options.length ? element('select', { name }, ...options) : isCheck ? element('input', { name, type: 'checkbox', checked: value })
    : element(name === 'rows' ? 'textarea' : 'input', { name, value: value ?? NOTHING[name], inputMode: typeof value === 'number' ? 'decimal' : 'text' });
  const className = isCheck ? 'check' : ['rows', 'task', 'loss'].includes(name) ? 'full' : '';
  return element('label', { className }, label[0].toUpperCase() + label.slice(1), field);
}
/** The address that the form spells. */
function formAddress(changed) {
  const { c } = state.view, form = document.forms.settings, values = new Map();
  for (const field of [...form.elements].filter(({ name }) => name)) {
    const text = field.type === 'checkbox' ? String(field.checked) : field.value.trim();
    values.set(field.name, text === NOTHING[field.name] ? 'null' : text);
  }
  if (values.get('task') === 'own') {
    if (!values.has('rows')) values.set('rows', rowsText(c));
    values.delete('task');
  } else values.delete('rows');
  if (changed === 'init') for (const name of [...values.keys()]) if (name.startsWith('init.')) values.delete(name);
  const logits = (loss) => PRINTED.programs.float32.losses[loss].logits;  // comes with its output and its rule
  if (changed === 'loss' && logits(values.get('loss')) !== logits(c.loss)) for (const name of ['output', 'success.rule', 'success.tolerance', 'success.ties']) values.delete(name);
  return `#${[...values].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
/** Goes where the form leads, if that is allowed. */
function changeSetting(changed) {
  try {
    const { c, seed } = readAddress(formAddress(changed));
    change({ c, seed, edits: '' });
  } catch (error) {
    complain(error);
  }
  document.forms.settings.elements[changed]?.focus();
}
