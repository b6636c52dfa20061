// The live view: status, progress, what may be done with the run, its curves and those compared with it. Follows
// curves.js in gr.HTML's js_on_load, with `trigger`, `server` and `watch`. Asks once a second while it can be seen.
// props.value is "shown|first compared|second|..."; an empty place keeps its colour free.

const SLOWEST = 4000;
const root = make("div", "watch", element);
const head = make("div", "watch-head", root), title = make("h2", "", head), status = make("span", "status", head);
const stop = button("stop", head, words.stop, () => { stop.disabled = true; act("stop"); });
const bar = make("div", "bar", root), filled = make("i", "", bar);
set(bar, {role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": words.progress});
const facts = make("p", "facts", root);
const ending = make("div", "ending", root), sentence = make("p", "", ending);
const classify = button("classify", ending, words.classify, () => trigger("classify", {run: seen.run}));
const half = button("quietly half", ending, "", () => trigger("fill", {run: seen.run, half: true}));
const free = button("quietly", ending, words.free, () => trigger("fill", {run: seen.run, half: false, free: true}));
const log = make("details", "log", root);
make("summary", "", log, words.log);
const logText = make("pre", "", log);
const acts = make("div", "acts", root);

function button(look, parent, text, done) {
  const node = make("button", look, parent, text);
  node.type = "button";
  node.addEventListener("click", done);
  return node;
}
function act(what, extra = "") { trigger("act", {run: seen.run, what, extra}); setTimeout(ask, 300); }

// ---- what may be done ----------------------------------------------------------------------------------------------
const resume = button("quietly", acts, words.resume, () => act("resume"));
const test = button("quietly", acts, words.test_now, () => act("test"));
const more = make("span", "more", acts), longer = make("select", "", more);
longer.setAttribute("aria-label", words.more_for);
button("quietly", more, words.more_time, () => act("more", longer.value));
const again = button("quietly", acts, words.again, () => trigger("fill", {run: seen.run, half: false}));
const rename = button("quietly", acts, words.rename, () => {
  show(renaming, true); show(rename, false);
  newName.value = seen.named; newName.focus();
});
const renaming = make("span", "renaming", acts), newName = make("input", "", renaming);
set(newName, {maxlength: 80, "aria-label": words.new_name});
show(renaming, false);
button("quietly", renaming, words.keep, renamed);
newName.addEventListener("keydown", event => { if (event.key === "Enter") renamed(); if (event.key === "Escape") closeForms(); });
function renamed() { act("rename", newName.value); closeForms(); }
const remove = button("quietly", acts, words.delete, () => {
  if (remove.classList.toggle("sure")) { say(remove, words.delete_sure); setTimeout(closeForms, 6000); }
  else { act("delete"); closeForms(); }
});
function closeForms() {
  show(renaming, false); show(rename, seen?.acts.includes("rename") && seen.mine);
  remove.classList.remove("sure"); say(remove, words.delete);
}

// ---- to take along -------------------------------------------------------------------------------------------------
const along = make("details", "along", root);
make("summary", "", along, words.along);
const files = make("div", "acts", along);
const takes = Object.fromEntries(["weights", "csv", "png", "svg"].map(what =>
  [what, button("quietly", files, words[`take_${what}`], () => trigger("take", {run: seen.run, what}))]));
const links = ["run", "settings"].map(what => button("quietly", files, words[`link_${what}`], event => copy(event.target, what)));
const codes = ["command", "python"].map(what => { make("h3", "", along, words[what]); return make("pre", "", along); });
let details = null;
along.addEventListener("toggle", () => { if (along.open) describe(); });
async function describe() {
  if (!along.open || !seen?.acts.includes("along") || details?.run === seen.run) return;
  const run = seen.run;
  let told;
  try { told = JSON.parse(await server.details([run])); } catch { return; }
  if (run !== seen.run) return;
  details = {run, ...told};
  say(codes[0], told.command); say(codes[1], told.python);
}
async function copy(node, what) {
  if (!details || details.run !== seen.run) {
    try { details = {run: seen.run, ...JSON.parse(await server.details([seen.run]))}; } catch { return; }
  }
  const address = new URL(window.location.href);
  address.search = what === "run" ? `?run=${encodeURIComponent(seen.run)}` : details.link;
  try { await navigator.clipboard.writeText(address.href); } catch {
    const field = Object.assign(document.createElement("textarea"), {value: address.href, readOnly: true});
    document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
  }
  say(node, words.copied);
  setTimeout(() => say(node, words[`link_${what}`]), 2000);
}

// ---- how it is drawn -----------------------------------------------------------------------------------------------
const legend = make("div", "legend", root);
const marks = {
  raw: words.batch, train: words.smoothed, validation: words.validation, best: words.best, test: words.tested,
};
for (const [look, text] of Object.entries(marks))
  make("i", look, make("span", look, legend, text)).setAttribute("aria-hidden", "true");
const bestText = legend.querySelector("span.best").firstChild;
const compared = make("div", "compared", root), warned = make("div", "warned", root);
let look = {x: "", smooth: 0.94, log: false};
try { look = {...look, ...JSON.parse(localStorage.getItem("resnet-lab-look"))}; } catch { /* the look is not kept then */ }
const tools = make("div", "tools", root);
const slider = make("input", "", make("label", "", tools, words.smoothing));
set(slider, {type: "range", min: 0, max: 0.99, step: 0.01});
const strength = make("output", "", slider.parentElement);
const axis = make("select", "", make("label", "", tools, words.axis));
for (const key of ["", "step", "epoch", "seconds"]) make("option", "", axis, key ? words[key] : words.auto).value = key;
const logLabel = make("label", "", tools), logged = make("input", "", logLabel);
logged.type = "checkbox";
logLabel.append(words.log_scale);
slider.value = look.smooth; axis.value = look.x; logged.checked = look.log;
tools.addEventListener("input", () => {
  look = {x: axis.value, smooth: +slider.value, log: logged.checked};
  try { localStorage.setItem("resnet-lab-look", JSON.stringify(look)); } catch { /* as above */ }
  render();
});
const charts = make("div", "charts", root);
const all = [
  chart(charts, {name: "loss", title: words.loss, tall: true, wanted: 5}),
  chart(charts, {name: "accuracy", title: words.accuracy, tall: true, wanted: 5}),
  chart(root, {name: "lr", title: words.lr, tall: false, wanted: 2}),
];
const differ = make("div", "differ", root);
const summary = make("p", "sr-only", root), announced = make("p", "sr-only", root);
announced.setAttribute("role", "status");
let pointed = null, looked = null, seen = null, turn = null;
const views = new Map();
function pointAll(index, chosen = looked) { pointed = index; looked = chosen; all.forEach(one => one.point(index, chosen)); }

const asked = () => (props.value || "").split("|");
function series() {
  const [main, ...slots] = asked(), several = slots.some(id => id && id !== main);
  const own = slots.indexOf(main), ink = getComputedStyle(root).color;
  const one = (view, slot) => ({
    id: view.run, name: view.name, view, data: view.curves, look: view.is_plain ? "plain" : "",
    colour: several ? (slot < 0 ? ink : COLOURS[slot % COLOURS.length]) : "",
  });
  const others = slots.flatMap((id, slot) => id && id !== main && views.has(id) ? [one(views.get(id), slot)] : []);
  return [...(seen ? [one(seen, own)] : []), ...others];
}
function update(view) {
  const hasEnded = seen && seen.run === view.run && seen.is_active && !view.is_active;
  const isNew = !seen || seen.key !== view.key;
  if (seen && seen.run !== view.run) closeForms();
  seen = view;
  describe();
  say(title, view.title); say(status, view.status); say(facts, view.facts);
  say(sentence, view.ending); say(summary, view.summary); say(logText, view.log);
  say(classify, view.state === "recorded" ? words.classify_shipped : words.classify);
  root.dataset.state = view.state; root.dataset.run = view.run;
  show(facts, view.facts); show(classify, view.can_classify); show(ending, view.ending); show(log, view.log);
  show(bar, view.share !== null);
  filled.style.width = `${100 * (view.share ?? 0)}%`;
  set(bar, {"aria-valuenow": Math.round(100 * (view.share ?? 0))});
  if (isNew) say(announced, `${view.title}: ${view.status}`);
  offer(view);
  if (view.turn !== turn) { turn = view.turn; trigger("turn", {turn}); compare(true); }
  if (hasEnded) trigger("ended", {run: view.run});
}
function offer(view) {
  const can = what => view.acts.includes(what);
  show(stop, can("stop") && view.mine); say(stop, view.is_waiting ? words.leave : words.stop);
  stop.disabled = view.is_stopping;
  show(resume, can("resume") && view.mine); show(test, can("test") && view.mine);
  show(remove, can("delete") && view.mine); show(rename, can("rename") && view.mine && renaming.hidden);
  show(more, can("more")); show(again, can("again")); show(half, view.half); show(free, view.free);
  say(half, words.half.replace("{n}", view.half));
  const lengths = JSON.stringify(view.lengths);
  if (longer.dataset.lengths !== lengths) {
    longer.dataset.lengths = lengths;
    longer.replaceChildren();
    for (const [text, value] of view.lengths) make("option", "", longer, text).value = value;
  }
  show(along, can("along")); show(takes.weights, can("weights"));
  show(acts, view.acts.some(what => what !== "stop" && what !== "along" && what !== "weights"));
  describe();
}
function render() {
  if (!seen) return;
  const runs = series(), several = runs.length > 1;
  const key = look.x || (runs.every(run => run.data.x === "seconds") ? "seconds" : "step");
  say(strength, look.smooth.toFixed(2));
  show(legend, !several); show(compared, several); show(differ, several); show(warned, several);
  show(legend.querySelector("span.test"), seen.curves.test !== null);
  const best = seen.curves.best;
  bestText.textContent = !best ? words.best
    : words.best_at.replace("{accuracy}", three(best.accuracy)).replace("{epoch}", best.epoch.toFixed(1));
  if (several) list(runs);
  all.forEach(one => one.render(runs, look, key));
  all[0].label(`${words.loss}. ${seen.summary}`); all[1].label(`${words.accuracy}. ${seen.summary}`);
  if (pointed !== null) pointAll(Math.min(pointed, all[0].last()));
}
function list(runs) {
  const lines = runs.map(({id, name, colour, look, view}) => {
    const best = view.curves.best;
    return `<div><i class="swatch ${look}" style="--run:${colour}"></i>${plain(name)} <span>${words.best} ${three(best?.accuracy)}</span>` +
      (id === asked()[0] ? "" : ` <button type="button" data-off="${plain(id)}" aria-label="${words.untick}">×</button>`) + "</div>";
  }).join("");
  if (compared.dataset.lines !== lines) { compared.innerHTML = lines; compared.dataset.lines = lines; }
}
compared.addEventListener("click", event => {
  const off = event.target.closest("[data-off]");
  if (off) trigger("tick", {run: off.dataset.off, on: false});
});

let comparing = "";
async function compare(anew) {
  const ids = [...new Set(asked().filter(Boolean))], key = ids.join("|");
  if (ids.length < 2 || (key === comparing && !anew)) return;
  comparing = key;
  try { differ.innerHTML = await server.compare(ids); } catch { comparing = ""; }
  warned.replaceChildren(...differ.querySelectorAll(".warning"));
}

// ---- asking --------------------------------------------------------------------------------------------------------
let asking = false, waiting = null, failures = 0;
async function ask() {
  if (asking || !element.isConnected) return;
  clearTimeout(waiting);
  asking = true;
  try {
    if (!document.hidden && root.offsetParent !== null) {
      const ids = asked(), [main, ...others] = ids, wanted = [main, ...new Set(others.filter(id => id && id !== main))];
      const since = id => id === main ? (seen && seen.asked === id ? seen.version : "") : views.get(id)?.version ?? "";
      const answer = await server.snapshot([window.labWho || "", ...wanted.flatMap(id => [id, since(id)])]);
      failures = 0;
      if (answer && props.value.split("|")[0] === main) {
        JSON.parse(answer).forEach((view, i) => view && (i ? views.set(wanted[i], view) : update({...view, asked: main})));
        render();
      }
      compare(false);
    }
  } catch { if (++failures > 1) say(status, words.reconnecting); }
  asking = false;
  waiting = setTimeout(ask, Math.min(SLOWEST, 1000 * (1 + failures)));
}
if (props.first) { update({...JSON.parse(props.first), asked: asked()[0]}); render(); }
new ResizeObserver(render).observe(charts);
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
watch("value", () => { render(); ask(); });
ask();
