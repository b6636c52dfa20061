// The live view of one run: status, progress, curves. Runs as gr.HTML's js_on_load with `element`, `trigger`, `props`,
// `server` and `watch`. It asks the server once a second while it can be seen, and only ever changes attributes.

const words = props.words, SVG = "http://www.w3.org/2000/svg";
const MARGIN = {top: 8, right: 14, bottom: 34, left: 50}, SLOWEST = 4000;

function make(tag, className, parent, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
function draw(tag, className, parent, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  node.setAttribute("class", className);
  set(node, attributes);
  parent.append(node);
  return node;
}
const set = (node, attributes) => { for (const name in attributes) node.setAttribute(name, attributes[name]); };
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const show = (node, yes) => { if (node.hidden === yes) node.hidden = !yes; };

// ---- numbers -------------------------------------------------------------------------------------------------------
const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
function ticks(most, wanted, isTime = false) {
  const rough = most / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const steps = isTime && rough <= CLOCK.at(-1) && rough > 0.5 ? CLOCK : [1, 2, 2.5, 5, 10].map(m => m * power);
  const step = steps.find(s => s >= rough * 0.999);
  return Array.from({length: Math.floor(most / step + 1e-6) + 1}, (_, i) => +(i * step).toPrecision(10));
}
const short = value => value >= 1000 ? value.toLocaleString("en-US") : String(+value.toPrecision(6));
const three = value => value === null || value === undefined ? "–" : value.toFixed(3);

// ---- one chart -----------------------------------------------------------------------------------------------------
function chart(parent, {name, title, tall, lines, wanted}) {
  const figure = make("figure", `chart ${name}`, parent);
  make("figcaption", "", figure, title);
  const svg = draw("svg", "", figure, {role: "img", "aria-label": title, tabindex: 0});
  const clip = `clip-${name}-${Math.random().toString(36).slice(2)}`;
  const clipBox = draw("rect", "", draw("clipPath", "", svg, {id: clip}));
  const grid = draw("g", "grid", svg), plot = draw("g", "plot", svg, {"clip-path": `url(#${clip})`});
  const paths = lines.map(line => draw("path", line.look, plot));
  const dots = draw("path", "validation-dots", plot), test = draw("path", "test", plot);
  const best = draw("circle", "best", svg, {r: 6}), cross = draw("line", "cross", svg);
  const xTitle = draw("text", "axis-title", svg, {"text-anchor": "middle"});
  const testLabel = draw("text", "test-label", svg, {"text-anchor": "start"});
  const tip = make("div", "tip", figure);
  tip.hidden = true;
  let scale = null;

  function pool(kind, count, tag) {
    const found = [...grid.querySelectorAll(`.${kind}`)];
    while (found.length < count) found.push(draw(tag, kind, grid));
    found.forEach((node, i) => node.style.display = i < count ? "" : "none");
    return found;
  }
  function axes(x, y, width, height, data) {
    const across = ticks(x.most, width > 420 ? 6 : 4, data.x === "seconds"), up = ticks(y.most, wanted), floor = height - MARGIN.bottom;
    const rules = pool("rule", up.length, "line"), left = pool("y-tick", up.length, "text");
    up.forEach((value, i) => {
      set(rules[i], {x1: MARGIN.left, x2: width - MARGIN.right, y1: y.at(value), y2: y.at(value)});
      set(left[i], {x: MARGIN.left - 8, y: y.at(value) + 4, "text-anchor": "end"});
      say(left[i], short(value));
    });
    const below = pool("x-tick", across.length, "text");
    across.forEach((value, i) => {
      set(below[i], {x: x.at(value), y: floor + 16, "text-anchor": "middle"});
      say(below[i], short(value));
    });
    set(xTitle, {x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 3});
    say(xTitle, data.x === "seconds" ? words.seconds : words.step);
  }
  function line(xs, ys, x, y) {
    let path = "", pen = "M";
    for (let i = 0; i < xs.length; i++) {
      if (ys[i] === null) { pen = "M"; continue; }
      path += `${pen}${x.at(xs[i]).toFixed(1)} ${y.at(ys[i]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }
  function render(data, isPlain) {
    const width = figure.clientWidth;
    if (!width) return;
    const height = tall ? Math.round(Math.min(480, Math.max(240, width * 0.6))) : 110;
    const last = Math.max(data.train.x.at(-1) ?? 0, data.validation.x.at(-1) ?? 0), most = data.x_max === null ? Math.max(last * 1.05, 10) : Math.max(data.x_max, last);
    const inner = width - MARGIN.left - MARGIN.right, deep = height - MARGIN.top - MARGIN.bottom;
    const top = name === "loss" ? data.loss_max : name === "accuracy" ? 1 : (Math.max(0, ...data.train.lr) || 0.1) * 1.05;
    const x = {most, at: v => MARGIN.left + inner * v / most, back: px => (px - MARGIN.left) / inner * most};
    const y = {most: top, at: v => MARGIN.top + deep * (1 - v / top)};
    scale = {x, y, height, data};
    set(svg, {width, height, viewBox: `0 0 ${width} ${height}`, class: isPlain ? "plain" : ""});
    set(clipBox, {x: MARGIN.left, y: MARGIN.top - 4, width: inner + 6, height: deep + 8});
    axes(x, y, width, height, data);
    lines.forEach((spec, i) => set(paths[i], {d: line(data[spec.of].x, data[spec.of][spec.key], x, y)}));
    marks(data, x, y, width);
  }
  function marks(data, x, y, width) {
    const values = data.validation[name] ?? [];
    set(dots, {d: values.map((v, i) => v === null ? "" : `M${x.at(data.validation.x[i]).toFixed(1)} ${y.at(v).toFixed(1)}h0`).join("")});
    const marked = data.best && data.best[name] !== undefined && values.length > 1;
    best.style.display = marked ? "" : "none";
    if (marked) set(best, {cx: x.at(data.best.x), cy: y.at(data.best[name])});
    const tested = name === "accuracy" && data.test !== null;
    set(test, {d: tested ? `M${MARGIN.left} ${y.at(data.test)}H${width - MARGIN.right}` : ""});
    say(testLabel, tested ? `${words.test} ${three(data.test)}` : "");
    if (tested) set(testLabel, {x: MARGIN.left + 4, y: y.at(data.test) - 7});
  }
  function point(index, one) {
    if (index === null || !scale || !scale.data.train.x.length) { cross.style.display = "none"; tip.hidden = true; return; }
    const {x, height, data} = scale, at = x.at(data.train.x[index]);
    cross.style.display = "inline";
    set(cross, {x1: at, x2: at, y1: MARGIN.top, y2: height - MARGIN.bottom});
    tip.hidden = one !== name;
    if (tip.hidden) return;
    tip.innerHTML = reading(name, data, index);
    const room = figure.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, at + 12 > room ? at - 12 - tip.offsetWidth : at + 12)}px`;
  }
  svg.addEventListener("pointermove", event => scale && pointAll(nearest(scale, event.offsetX), name));
  svg.addEventListener("pointerleave", () => pointAll(null));
  svg.addEventListener("blur", () => pointAll(null));
  svg.addEventListener("keydown", event => {
    const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!move || !scale || !scale.data.train.x.length) return;
    event.preventDefault();
    const end = scale.data.train.x.length - 1;
    pointAll(Math.min(end, Math.max(0, (pointed ?? end) + move)), name);
  });
  return {render, point, label: text => set(svg, {"aria-label": text})};
}

function nearest({x, data}, px) {
  const xs = data.train.x, wanted = x.back(px);
  let low = 0, high = xs.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < wanted) low = middle; else high = middle; }
  return high >= 0 && Math.abs(xs[high] - wanted) < Math.abs(xs[low] - wanted) ? high : low;
}
function reading(name, data, i) {
  const {train, validation} = data, row = (look, label, value) => `<div><i class="${look}"></i>${label} <b>${value}</b></div>`;
  const head = `<div class="where">${words.step} ${short(train.step[i])} · ${train.seconds[i].toFixed(1)} s</div>`;
  if (name === "lr") return head + row("lr", words.lr, short(train.lr[i]));
  let at = -1;
  while (at + 1 < validation.x.length && validation.x[at + 1] <= train.x[i]) at++;
  const rows = row("raw", words.batch, three(train[name][i])) + row("train", words.smoothed, three(train[`smooth_${name}`][i]));
  return head + rows + (at < 0 ? "" : row("validation", words.validation, three(validation[name][at])));
}

// ---- the view ------------------------------------------------------------------------------------------------------
const root = make("div", "watch", element);
const head = make("div", "watch-head", root), title = make("h3", "", head), status = make("span", "status", head);
const stop = make("button", "stop", head, words.stop);
const bar = make("div", "bar", root), filled = make("i", "", bar);
set(bar, {role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": words.progress});
const ending = make("div", "ending", root), sentence = make("p", "", ending), classify = make("button", "classify", ending, words.classify);
const log = make("details", "log", root);
make("summary", "", log, words.log);
const logText = make("pre", "", log);
const legend = make("div", "legend", root);
for (const [look, text] of [["raw", words.batch], ["train", words.smoothed], ["validation", words.validation], ["best", words.best], ["test", words.test]])
  make("i", look, make("span", look, legend, text)).setAttribute("aria-hidden", "true");
const charts = make("div", "charts", root);
const measured = key => [
  {of: "train", key, look: "raw"}, {of: "train", key: `smooth_${key}`, look: "smooth"}, {of: "validation", key, look: "validation"},
];
const all = [
  chart(charts, {name: "loss", title: words.loss, tall: true, wanted: 5, lines: measured("loss")}),
  chart(charts, {name: "accuracy", title: words.accuracy, tall: true, wanted: 5, lines: measured("accuracy")}),
  chart(root, {name: "lr", title: words.lr, tall: false, wanted: 2, lines: [{of: "train", key: "lr", look: "lr"}]}),
];
const summary = make("p", "sr-only", root), announced = make("p", "sr-only", root);
announced.setAttribute("role", "status");
let pointed = null, looked = null, seen = null, turn = null;
function pointAll(index, chosen = looked) { pointed = index; looked = chosen; all.forEach(one => one.point(index, chosen)); }

function update(view) {
  const hasEnded = seen && seen.run === view.run && seen.is_active && !view.is_active;
  const isNew = !seen || seen.key !== view.key;
  seen = view;
  say(title, view.title); say(status, view.status); say(sentence, view.ending); say(summary, view.summary); say(logText, view.log);
  root.dataset.state = view.state;
  show(stop, view.is_active); show(classify, view.can_classify); show(ending, Boolean(view.ending)); show(log, Boolean(view.log));
  show(bar, view.share !== null);
  filled.style.width = `${100 * (view.share ?? 0)}%`;
  set(bar, {"aria-valuenow": Math.round(100 * (view.share ?? 0))});
  if (isNew) say(announced, `${view.title}: ${view.status}`);
  stop.disabled = view.is_stopping;
  show(legend.querySelector("span.test"), view.curves.test !== null);
  render();
  if (view.turn !== turn) { turn = view.turn; trigger("turn", {turn}); }
  if (hasEnded) trigger("ended", {run: view.run});
}
function render() {
  if (!seen) return;
  all.forEach(one => one.render(seen.curves, seen.is_plain));
  all[0].label(`${words.loss}. ${seen.summary}`); all[1].label(`${words.accuracy}. ${seen.summary}`);
  if (pointed !== null) pointAll(Math.min(pointed, seen.curves.train.x.length - 1));
}
stop.addEventListener("click", () => { stop.disabled = true; trigger("stop", {run: seen.run}); setTimeout(ask, 200); });
classify.addEventListener("click", () => trigger("classify", {run: seen.run}));

let asking = false, waiting = null, failures = 0;
async function ask() {
  if (asking || !element.isConnected) return;
  clearTimeout(waiting);
  asking = true;
  try {
    if (!document.hidden && root.offsetParent !== null) {
      const answer = await server.snapshot([props.value || "", seen ? seen.version : ""]);
      failures = 0;
      if (answer) update(JSON.parse(answer));
    }
  } catch { if (++failures > 1) say(status, words.reconnecting); }
  asking = false;
  waiting = setTimeout(ask, Math.min(SLOWEST, 1000 * (1 + failures)));
}
if (props.first) update(JSON.parse(props.first));
new ResizeObserver(render).observe(charts);
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
watch("value", ask);
ask();
