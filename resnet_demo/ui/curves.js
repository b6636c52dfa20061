// Charts of one run or of several over one axis. Runs in gr.HTML's js_on_load, before view.js, with `element` and `props`.
// A series is {id, name, look, colour, dash, data}; `look` is the visitor's: {x, smooth, log}. Only attributes ever change.

const words = props.words, SVG = "http://www.w3.org/2000/svg";
const MARGIN = {top: 8, right: 14, bottom: 34, left: 50};
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A8A"];  // Okabe and Ito, yellow is grey

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
const show = (node, yes) => { if (node.hidden === Boolean(yes)) node.hidden = !yes; };
const plain = text => Object.assign(document.createElement("i"), {textContent: text}).innerHTML;

// ---- numbers -------------------------------------------------------------------------------------------------------
const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
function ticks(most, wanted, isTime = false) {
  if (!(most > 0) || !Number.isFinite(most)) most = 1;
  const rough = most / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const steps = isTime && rough <= CLOCK.at(-1) && rough > 0.5 ? CLOCK : [1, 2, 2.5, 5, 10].map(m => m * power);
  const step = steps.find(s => s >= rough * 0.999);
  return Array.from({length: Math.floor(most / step + 1e-6) + 1}, (_, i) => +(i * step).toPrecision(10));
}
function logTicks(least, most) {
  const found = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++)
    for (const m of [1, 2, 5]) found.push(+(m * 10 ** power).toPrecision(6));
  return found.filter(value => value >= least * 0.999 && value <= most);
}
const short = value => value >= 1000 ? value.toLocaleString("en-US") : String(+value.toPrecision(6));
const three = value => value === null || value === undefined ? "–" : value.toFixed(3);

// The running mean of means, weighted by age in steps, as if no step had been left out. Validation is never smoothed.
function smoothed(train, key, memory) {
  let mean = 0, weight = 0;
  return train[`mean_${key}`].map((value, i) => {
    if (value !== null) {
      const kept = memory ** train.count[i];
      mean = kept * mean + (1 - kept) * value;
      weight = kept * weight + (1 - kept);
    }
    return weight ? mean / weight : null;
  });
}
function smooth(data, key, memory) {
  const name = `${key} ${memory}`;
  data.smooth = data.smooth ?? {};
  return data.smooth[name] = data.smooth[name] ?? smoothed(data.train, key, memory);
}

// ---- one chart -----------------------------------------------------------------------------------------------------
function chart(parent, {name, title, tall, wanted}) {
  const figure = make("figure", `chart ${name}`, parent);
  make("figcaption", "", figure, title);
  const svg = draw("svg", "", figure, {role: "img", "aria-label": title, tabindex: 0});
  const clip = `clip-${name}-${Math.random().toString(36).slice(2)}`;
  const clipBox = draw("rect", "", draw("clipPath", "", svg, {id: clip}));
  const grid = draw("g", "grid", svg), plot = draw("g", "plot", svg, {"clip-path": `url(#${clip})`});
  const rings = draw("g", "rings", svg), test = draw("path", "test", plot), cross = draw("line", "cross", svg);
  const xTitle = draw("text", "axis-title", svg, {"text-anchor": "middle"});
  const testLabel = draw("text", "test-label", svg, {"text-anchor": "start"});
  const tip = make("div", "tip", figure);
  tip.hidden = true;
  let scale = null;

  function pool(parent, kind, count, tag) {
    const found = [...parent.querySelectorAll(`:scope > .${kind}`)];
    while (found.length < count) found.push(draw(tag, kind, parent));
    found.forEach((node, i) => node.style.display = i < count ? "" : "none");
    return found;
  }
  function axes(x, y, width, height, key) {
    const across = ticks(x.most, width > 420 ? 6 : 4, key === "seconds"), floor = height - MARGIN.bottom;
    const up = y.isLog ? logTicks(y.least, y.most) : ticks(y.most, wanted);
    const rules = pool(grid, "rule", up.length, "line"), left = pool(grid, "y-tick", up.length, "text");
    up.forEach((value, i) => {
      set(rules[i], {x1: MARGIN.left, x2: width - MARGIN.right, y1: y.at(value), y2: y.at(value)});
      set(left[i], {x: MARGIN.left - 8, y: y.at(value) + 4, "text-anchor": "end"});
      say(left[i], short(value));
    });
    const below = pool(grid, "x-tick", across.length, "text");
    across.forEach((value, i) => {
      set(below[i], {x: x.at(value), y: floor + 16, "text-anchor": "middle"});
      say(below[i], short(value));
    });
    set(xTitle, {x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 3});
    say(xTitle, words[key]);
  }
  function line(xs, ys, x, y) {
    let path = "", pen = "M";
    for (let i = 0; i < xs.length; i++) {
      if (ys[i] === null || ys[i] === undefined) { pen = "M"; continue; }
      path += `${pen}${x.at(xs[i]).toFixed(1)} ${y.at(ys[i]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }
  function yScale(runs, look, deep) {
    if (name !== "loss") {
      const most = name === "accuracy" ? 1 : (Math.max(0, ...runs.flatMap(run => run.data.train.lr)) || 0.1) * 1.05;
      return {most, at: v => MARGIN.top + deep * (1 - v / most)};
    }
    const most = Math.max(...runs.map(run => run.data.loss_max));
    if (!look.log) return {most, at: v => MARGIN.top + deep * (1 - v / most)};
    const seen = runs.flatMap(run => [...smooth(run.data, "loss", look.smooth), ...run.data.validation.loss]).filter(v => v > 0);
    const least = Math.min(most / 10, ...seen) * 0.9, span = Math.log(most / least);
    return {most, least, isLog: true, at: v => MARGIN.top + deep * (1 - Math.log(Math.max(v, least / 2) / least) / span)};
  }
  function render(runs, look, key) {
    const width = figure.clientWidth;
    if (!width || !runs.length) return;
    const height = tall ? Math.round(Math.min(480, Math.max(240, width * 0.6))) : 110;
    const inner = width - MARGIN.left - MARGIN.right, deep = height - MARGIN.top - MARGIN.bottom;
    const most = Math.max(...runs.map(({data}) => {
      const last = Math.max(data.train[key].at(-1) ?? 0, data.validation[key].at(-1) ?? 0);
      return data.x_max[key] === null ? last * 1.05 : Math.max(data.x_max[key], last);
    })) || 10;
    const x = {most, at: v => MARGIN.left + inner * v / most, back: px => (px - MARGIN.left) / inner * most};
    const y = yScale(runs, look, deep);
    scale = {x, y, height, runs, look, key, lead: runs.find(run => run.data.train.step.length) ?? runs[0]};
    set(svg, {width, height, viewBox: `0 0 ${width} ${height}`});
    set(clipBox, {x: MARGIN.left, y: MARGIN.top - 4, width: inner + 6, height: deep + 8});
    axes(x, y, width, height, key);
    pool(plot, "run", runs.length, "g").forEach((group, i) => {
      if (i < runs.length) curve(group, runs[i], scale); else set(group, {class: "run"});
    });
    marks(runs, x, y, width, key);
  }
  function curve(group, run, {x, y, look, key}) {
    const {train, validation} = run.data;
    set(group, {class: `run ${run.look}`});
    group.style.setProperty("--run", run.colour);
    const part = (kind, d) => set(pool(group, kind, 1, "path")[0], {d});
    if (name === "lr") return part("lr", line(train[key], train.lr, x, y));
    part("raw", run.colour ? "" : line(train[key], train[name], x, y));
    part("smooth", line(train[key], smooth(run.data, name, look.smooth), x, y));
    part("validation", line(validation[key], validation[name], x, y));
    part("validation-dots", validation[name].map((v, i) => v === null ? "" :
      `M${x.at(validation[key][i]).toFixed(1)} ${y.at(v).toFixed(1)}h0`).join(""));
  }
  function marks(runs, x, y, width, key) {
    const marked = name === "lr" ? [] : runs.filter(run => run.data.best?.[name] != null && run.data.validation.step.length > 1);
    pool(rings, "best", marked.length, "circle").forEach((ring, i) => {
      if (i >= marked.length) return;
      set(ring, {r: 6, cx: x.at(marked[i].data.best[key]), cy: y.at(marked[i].data.best[name])});
      ring.style.stroke = marked[i].colour;
    });
    const tested = name === "accuracy" && runs.length === 1 && runs[0].data.test !== null, value = runs[0].data.test;
    set(test, {d: tested ? `M${MARGIN.left} ${y.at(value)}H${width - MARGIN.right}` : ""});
    say(testLabel, tested ? `${words.test} ${three(value)}` : "");
    if (tested) set(testLabel, {x: MARGIN.left + 4, y: y.at(value) - 7});
  }
  function point(index, one) {
    if (index === null || !scale || !scale.lead.data.train.step.length) { cross.style.display = "none"; tip.hidden = true; return; }
    const {x, height, lead, key} = scale, value = lead.data.train[key][index], at = x.at(value);
    cross.style.display = "inline";
    set(cross, {x1: at, x2: at, y1: MARGIN.top, y2: height - MARGIN.bottom});
    tip.hidden = one !== name;
    if (tip.hidden) return;
    tip.innerHTML = reading(name, scale, index);
    const room = figure.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, at + 12 > room ? at - 12 - tip.offsetWidth : at + 12)}px`;
  }
  svg.addEventListener("pointermove", event => scale && pointAll(nearest(scale, event.offsetX), name));
  svg.addEventListener("pointerleave", () => pointAll(null));
  svg.addEventListener("blur", () => pointAll(null));
  svg.addEventListener("keydown", event => {
    const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!move || !scale || !scale.lead.data.train.step.length) return;
    event.preventDefault();
    const end = scale.lead.data.train.step.length - 1;
    pointAll(Math.min(end, Math.max(0, (pointed ?? end) + move)), name);
  });
  return {render, point, label: text => set(svg, {"aria-label": text}), last: () => (scale?.lead.data.train.step.length ?? 0) - 1};
}

function before(xs, value) {  // the last index whose x is not beyond value, -1 if there is none
  let low = 0, high = xs.length;
  while (low < high) { const middle = (low + high) >> 1; if (xs[middle] <= value) low = middle + 1; else high = middle; }
  return low - 1;
}
function nearest({x, key, lead}, px) {
  const xs = lead.data.train[key], wanted = x.back(px), low = Math.max(0, before(xs, wanted));
  return low + 1 < xs.length && Math.abs(xs[low + 1] - wanted) < Math.abs(xs[low] - wanted) ? low + 1 : low;
}
function reading(name, {lead, runs, look, key}, i) {
  const {train} = lead.data, value = train[key][i];
  const row = (mark, label, text, colour = "") =>
    `<div><i class="${mark}" ${colour && `style="background:${colour}"`}></i>${plain(label)} <b>${text}</b></div>`;
  const where = [`${words.step} ${short(train.step[i])}`, `${train.seconds[i].toFixed(1)} s`, `${words.epoch} ${train.epoch[i].toFixed(2)}`];
  const head = `<div class="where">${where.join(" · ")}</div>`;
  if (runs.length > 1) return head + runs.filter(run => !run.ghost).map(run => {
    const at = before(run.data.train[key], value), seen = before(run.data.validation[key], value);
    if (name === "lr") return row("lr", run.name, at < 0 ? "–" : short(run.data.train.lr[at]), run.colour);
    const training = `<small>${words.training} ${three(smooth(run.data, name, look.smooth)[at])}</small>`;
    return row("train", run.name, `${three(run.data.validation[name][seen])} ${training}`, run.colour);
  }).join("");
  if (name === "lr") return head + row("lr", words.lr, short(train.lr[i]));
  const {validation} = lead.data, at = before(validation[key], value);
  const smoothed = row("train", words.smoothed, three(smooth(lead.data, name, look.smooth)[i]));
  return head + row("raw", words.batch, three(train[name][i])) + smoothed + (at < 0 ? "" : row("validation", words.validation, three(validation[name][at])));
}
