// The Layers tab. `props.value` says what is wanted; the table is asked for once it can be seen, and its rows are made
// as they are unfolded. `data` is what layer_data.py describes.
const words = props.words;
let data = null, wanted = '', row = null, chosenPaths = [], picture = 0, thumbs = null, turn = 0;
const make = (tag, className, parent, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};
const fill = (text, fields) => text.replace(/\{(\w+)[^}]*\}/g, (_, key) => fields[key]);
const count = number => number ? number.toLocaleString('en-US') : '–';
const percent = (part, whole) => {
  if (!part || !whole) return '–';
  const value = 100 * part / whole;
  return value >= 9.95 ? `${value.toFixed(0)} %` : value >= 0.05 ? `${value.toFixed(1)} %` : '< 0.1 %';
};
const bytes = number => {
  if (!number) return '–';
  const [unit, step] = number >= 999.5e6 ? ['GB', 1e9] : number >= 999.5e3 ? ['MB', 1e6] : ['kB', 1e3], value = number / step;
  return `${value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
};
const KIND = ['type', 'what', 'before', 'after', 'params', 'macs', 'params_in_words', 'macs_in_words', 'sees', 'made', 'saved'];
function rowOf(number) {
  const [name, kind] = data.rows[number], found = {name};
  KIND.forEach((key, i) => { found[key] = data.kinds[kind][i]; });
  return found;
}

// ---- the tree ------------------------------------------------------------------------------------------------------
const OPEN = new Set(['stage', 'stem', 'head', 'branch', 'shortcut']);
function line(depth, title, note, cells, className = '') {
  const node = make('span', `line ${className}`), what = make('span', 'what', node);
  what.style.setProperty('--depth', depth);
  make('b', '', what, title);
  if (note) make('em', '', what, note);
  for (const cell of cells) make('span', '', node, cell);
  return node;
}
function cells(output, params, macs, saved) {
  return [output, count(params), percent(params, data.params), count(macs), bytes(saved * data.batch)];
}
function part(node, depth, paths) {
  if (typeof node === 'number') return layer(node, depth, paths);
  const own = [node.path, ...paths];
  const text = line(depth, node.title, node.note, cells(node.output, node.params, node.macs, node.saved));
  const share = node.params / data.params;
  if (share > 0.001) make('i', '', text.children[3]).style.width = `${100 * share}%`;
  if (!node.inside.length) {
    const plain = make('div', `part ${node.kind}`);
    plain.append(text);
    return plain;
  }
  const details = folding(`part ${node.kind}`, text, own, lastRow(node), () => node.inside.map(child => part(child, depth + 1, own)));
  details.dataset.path = node.path;
  if (OPEN.has(node.kind)) unfold(details);
  return details;
}
const lastRow = node => typeof node === 'number' ? node : lastRow(node.inside.at(-1));
function folding(className, text, paths, last, inside) {
  const details = make('details', className), summary = make('summary', '', details);
  summary.append(text);
  details.build = () => { if (inside) details.append(...inside()); inside = null; };
  details.addEventListener('toggle', () => { if (details.open) details.build(); });
  summary.addEventListener('click', () => take(details, paths, last));
  return details;
}
function unfold(details) { details.build?.(); details.open = true; }
function layer(number, depth, paths) {
  const found = rowOf(number);
  const text = line(depth, found.what, found.name, cells(found.after, found.params, found.macs, found.saved));
  const details = folding(`layer ${found.type}`, text, paths, number, () => [facts(found)]);
  details.dataset.row = number;
  return details;
}
function facts(found) {
  const list = make('ul', ''), all = bytes(found.made * data.batch);
  const say = text => make('li', '', list, text);
  say(fill(words.fact_shapes, found));
  if (found.params) say(fill(words.fact_params, {words: found.params_in_words}));
  if (found.macs) say(fill(words.fact_macs, {words: found.macs_in_words}));
  say(fill(words.fact_sees, {pixels: found.sees}));
  say(fill(words.fact_memory, {one: bytes(found.made), all, batch: count(data.batch)}) + ' '
    + (found.saved ? fill(words.fact_saved, {all: bytes(found.saved * data.batch)}) : words.fact_not_saved));
  return list;
}
function tree() {
  const whole = make('div', 'tree');
  whole.append(line(0, words.part, '', [words.output, words.params, words.share, words.macs, words.saved], 'head'));
  whole.append(...data.tree.map(node => part(node, 0, [])));
  const saved = data.tree.reduce((sum, node) => sum + node.saved, 0);
  whole.append(line(0, words.total, '', cells('', data.params, data.macs, saved), 'foot'));
  return whole;
}
function flat() {
  const holder = make('div', 'flat'), table = make('table', '', holder), numbers = new Set([2, 3, 4, 5, 6, 7]);
  const put = (parent, kind, texts) => {
    const tr = make('tr', '', parent);
    texts.forEach((text, i) => {
      const cell = make(i ? kind : 'th', numbers.has(i) ? 'number' : '', tr, text);
      if (!i || kind === 'th') cell.scope = kind === 'th' ? 'col' : 'row';
    });
    return tr;
  };
  put(make('thead', '', table), 'th', ['name', 'type', 'output', 'params', 'share', 'macs', 'sees', 'saved'].map(key => words[key]));
  const body = make('tbody', '', table);
  data.rows.forEach((_, number) => {
    const r = rowOf(number);
    const params = [count(r.params), percent(r.params, data.params)];
    const texts = [r.name, r.type, r.after, ...params, count(r.macs), r.sees, bytes(r.saved * data.batch)];
    put(body, 'td', texts).addEventListener('click', () => { row = number; look(); });
  });
  const saved = data.tree.reduce((sum, node) => sum + node.saved, 0);
  put(make('tfoot', '', table), 'td', [words.total, '', '', count(data.params), '100 %', count(data.macs), '', bytes(saved * data.batch)]);
  return holder;
}

// ---- the block in hand ---------------------------------------------------------------------------------------------
const current = () => JSON.parse(props.value || '{}');
function take(details, paths, last) {
  mark(details);
  row = last;
  chooseBlock(current().model, paths);
  look();
}
function mark(details) {
  for (const old of element.querySelectorAll('.tree .chosen')) old.classList.remove('chosen');
  details.classList.add('chosen');
}
function chain(nodes, path) {
  for (const node of nodes) {
    if (typeof node === 'number') continue;
    if (node.path === path) return [node];
    const rest = chain(node.inside, path);
    if (rest) return [node, ...rest];
  }
  return null;
}
function showBlock() {
  const block = window.labBlock;
  if (!data || !block || block.model !== current().model) return;
  markDrawing(block.model);
  if (block.paths === chosenPaths) return;
  chosenPaths = block.paths;
  const found = chain(data.tree, block.paths[0]);
  const holder = element.querySelector('.tree');
  if (!found || !holder || holder.querySelector('.chosen')?.dataset.path === block.paths[0]) return;
  row = lastRow(found.at(-1));
  let details;
  for (const node of found) {
    details = holder.querySelector(`[data-path="${CSS.escape(node.path)}"]`);
    if (details) unfold(details);
  }
  if (found.at(-1).kind === 'fold') unfold(details.querySelector('details'));
  mark(details);
  if (details.offsetParent) details.firstElementChild.scrollIntoView({block: 'nearest'});
  look();
}
window.addEventListener('lab-block', showBlock);

// ---- what a layer sees ---------------------------------------------------------------------------------------------
function chooser(parent) {
  const holder = make('div', 'thumbs', parent);
  (thumbs || []).forEach((address, number) => {
    const button = make('button', picture === number ? 'chosen' : '', holder), image = make('img', '', button);
    button.type = 'button';
    image.src = address;
    image.alt = `${words.see} ${number + 1}`;
    button.addEventListener('click', () => { picture = number; look(); });
  });
  const own = make('label', typeof picture === 'string' ? 'own chosen' : 'own', holder, words.see_own), file = make('input', '', own);
  file.type = 'file';
  file.accept = 'image/*';
  file.addEventListener('change', () => { if (file.files[0]) bring(file.files[0]); });
}
async function bring(file) {
  try {
    const bitmap = await createImageBitmap(file), scale = Math.min(1, 1024 / Math.max(bitmap.width, bitmap.height));
    const canvas = Object.assign(document.createElement('canvas'), {
      width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale))});
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    picture = canvas.toDataURL('image/png');
  } catch {  // a format that this browser cannot read: the server may
    picture = await new Promise(done => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.readAsDataURL(file);
    });
  }
  look();
}
async function look() {
  const mine = ++turn, place = element.querySelector('.sight');
  if (!place || row === null) return;
  try {
    const {hand} = current();
    thumbs ??= JSON.parse(await server.see([hand, null, 0])).pictures || [];
    const found = JSON.parse(await server.see([hand, row, picture]));
    if (mine === turn && place.isConnected) sight(place, found);
  } catch { if (mine === turn && place.isConnected) place.textContent = words.unreachable; }
}
const tile = (parent, address, caption, title) => {
  const figure = make('figure', '', parent), image = make('img', '', figure);
  image.src = address;
  image.alt = title;
  figure.title = title;
  if (caption) make('figcaption', '', figure, caption);
};
function sight(place, found) {
  place.replaceChildren();
  make('h2', '', place, words.see);
  if (found.error !== undefined) return void make('p', 'quiet', place, found.error);
  make('p', 'quiet', place, found.checkpoint);
  chooser(place);
  make('h3', '', place, found.title);
  const maps = make('div', 'maps', place);
  for (const [address, channel, strength] of found.maps) {
    tile(maps, address, `${channel} · ${strength}`, fill(words.see_channel, {channel, strength}));
  }
  make('p', 'quiet', place, found.note);
  make('h3', '', place, words.see_path);
  const path = make('div', 'path', place);
  tile(path, found.eye, '', words.see_path);
  for (const [name, shape, address] of found.path) tile(path, address, `${name}\n${shape}`, `${name}, ${shape}`);
  make('p', 'quiet', place, words.see_path_note);
  make('h3', '', place, words.see_filters);
  const filters = make('div', 'filters', place);
  found.filters.forEach((address, i) => tile(filters, address, '', `${words.see_filters} ${i}`));
  make('p', 'quiet', place, words.see_filters_note);
}

// ---- the whole tab -------------------------------------------------------------------------------------------------
function tools(holder, view) {
  const bar = make('div', 'tools', holder), left = make('span', '', bar), right = make('span', '', bar);
  const button = (parent, text, key, value) => { const b = make('button', '', parent, text); b.type = 'button'; b.dataset[key] = value; };
  if (view !== 'flat') { button(left, words.unfold, 'fold', 'open'); button(left, words.fold_all, 'fold', 'close'); }
  make('span', '', right, words.take + ' ');
  for (const [kind, name] of [['csv', 'CSV'], ['json', 'JSON'], ['md', 'Markdown']]) button(right, name, 'take', kind);
}
function aside(holder) {
  const side = make('aside', '', holder), drawing = make("figure", "drawn", side);
  drawing.innerHTML = data.drawing;
  const save = make('p', 'save', side);
  for (const kind of ['svg', 'png']) {
    const button = make('button', '', save, words[kind]);
    button.type = 'button';
    button.dataset.save = kind;
    button.dataset.name = data.asked[0];
  }
  make('div', 'sight', side);
  side.addEventListener('click', pick);
  side.addEventListener('keydown', event => { if (event.key === 'Enter') pick(event); });
}
function source(holder) {
  const code = make('div', 'code', holder);
  make('h2', '', code, words.code);
  for (const [name, where, text] of data.code) {
    const details = make('details', '', code), summary = make('summary', '', details, name);
    make('em', '', summary, where);
    const pre = make('pre', '', details);
    pre.tabIndex = 0;
    make('code', '', pre, text);
  }
}
function pick(event) {
  const block = event.target.closest('svg [data-path]');
  if (block) chooseBlock(current().model, [block.dataset.path]);
}
function render() {
  const {view} = current();
  element.replaceChildren();
  if (data.error !== undefined) {
    const alert = make('p', 'alert', element, data.error);
    alert.setAttribute('role', 'alert');
    return;
  }
  const holder = make('div', 'layers', element), main = make('div', 'main', holder);
  tools(main, view);
  main.append(view === 'flat' ? flat() : tree());
  make('p', 'totals', main, data.totals);
  make('p', 'totals memory', main, data.memory);
  source(main);
  aside(holder);
  chosenPaths = [];
  row = Math.min(row ?? 2, data.rows.length - 1);
  showBlock();
  look();
}
async function load() {
  if (!element.offsetParent || wanted === props.value || !props.value) return;
  const mine = wanted = props.value;
  if (!data) element.replaceChildren(make('p', 'quiet', null, words.looking));
  try {
    const before = data?.asked?.[0], found = JSON.parse(await server.layers([mine]));
    if (mine !== wanted) return;
    data = found;
    if (data.asked?.[0] !== before) row = null;
    thumbs = null;
    render();
  } catch {
    if (mine !== wanted) return;
    wanted = '';
    if (!data) element.replaceChildren(make('p', 'quiet', null, words.unreachable));
    setTimeout(load, 3000);
  }
}
element.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.fold) {
    const open = button.dataset.fold === 'open';
    const parts = () => [...element.querySelectorAll('.tree details.part')].filter(part => part.open !== open);
    for (let left = parts(); left.length; left = open ? parts() : []) left.forEach(part => open ? unfold(part) : part.open = false);
  }
  if (button.dataset.take) {
    const text = await server.take_along([button.dataset.take, ...data.asked]);
    const name = [data.asked[0].replace(/[^\w.-]+/g, '-'), data.asked.slice(1, 4).join('x')].join('-');
    if (text) keep(new Blob([text], {type: 'text/plain;charset=utf-8'}), `${name}.${button.dataset.take}`);
  }
});
new IntersectionObserver(load).observe(element);
watch('value', () => load());
