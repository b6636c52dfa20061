// A lesson's curves. Follows curves.js in gr.HTML's js_on_load. props.value is JSON: {lesson, views, missing}.
// Links of the lesson's prose are caught here, and the lesson stands in the address while its tab can be seen.

const root = make("div", "watch lesson-runs", element), switches = make("div", "acts", root);
const missing = make("p", "quiet", root), charts = make("div", "charts", root), legend = make("div", "compared", root);
const place = element.closest("#lessons") ?? root;
let pointed = null, looked = null, runs = [], shown = "", part = "train", own = false, waiting = null;
const look = {x: "", smooth: 0.8, log: false};
const all = [
  chart(charts, {name: "loss", title: words.loss, tall: true, wanted: 5}),
  chart(charts, {name: "accuracy", title: words.accuracy, tall: true, wanted: 5}),
];
function pointAll(index, chosen = looked) { pointed = index; looked = chosen; all.forEach(one => one.point(index, chosen)); }
function told() { try { return JSON.parse(props.value || "{}"); } catch { return {}; } }
function held() {  // the visitor's run in hand
  try { return JSON.parse(document.querySelector("#hand textarea, #hand input").value).run || ""; } catch { return ""; }
}
let view = "";

function buttons(told) {
  switches.replaceChildren();
  const group = (names, chosen, pick) => {
    const span = make("span", "whose", switches);
    for (const [name, text] of names) {
      const node = make("button", "quietly", span, text);
      node.type = "button"; node.dataset.pick = name;
      node.setAttribute("aria-pressed", name === chosen);
      node.addEventListener("click", () => { pick(name); buttons(told); load(); });
    }
  };
  if (told.views.length > 1) group(told.views, view, name => { view = name; });
  if (!told.views.length) return;
  const parts = [["train", words.training], ["validation", words.validation], ["both", words.both]];
  group(parts, part, name => { part = name; });
  const laid = own ? ["off", words.own_off] : ["on", words.own_on];
  if (held() && !held().startsWith("recorded:")) group([laid], "", () => { own = !own; });
}
async function load() {
  clearTimeout(waiting);
  const now = told();
  if (!now.lesson || !now.views.length || !element.isConnected) { runs = []; return render(); }
  const run = own ? held() : "", asked = JSON.stringify([now.lesson, view, run]);
  try {
    if (root.offsetParent !== null && (asked !== shown || run)) {
      const answer = await server.lesson_series(JSON.parse(asked));
      if (view !== JSON.parse(asked)[1]) return;
      runs = JSON.parse(answer); shown = asked;
    }
  } catch { /* the next look asks again */ }
  render();
  if (runs.at(-1)?.active) waiting = setTimeout(load, 2000);
}
function render() {
  const now = told(), ink = getComputedStyle(root).color;
  show(charts, runs.length); show(legend, runs.length); show(missing, now.missing);
  say(missing, now.missing || "");
  root.dataset.part = part;
  if (!runs.length) return;
  const drawn = runs.map(run => ({...run, colour: run.colour === "own" ? ink : run.colour}));
  const lines = drawn.filter(run => !run.ghost).map(run => {
    const swatch = `<i class="swatch ${run.look}" style="--run:${run.colour}"></i>`;
    return `<div>${swatch}${plain(run.name)} <span>${words.validation} ${three(run.last)}</span></div>`;
  }).join("");
  if (legend.dataset.lines !== lines) { legend.innerHTML = lines; legend.dataset.lines = lines; }
  all.forEach(one => one.render(drawn, look, "step"));
  all[0].label(words.loss); all[1].label(words.accuracy);
}
function change() {
  const now = told();
  if (!now.lesson) return;
  place.dataset.lesson = now.lesson;
  if (!now.views.some(([name]) => name === view)) view = now.views.length ? now.views[0][0] : "";
  buttons(now);
  address();
  load();
}
// ---- the address ---------------------------------------------------------------------------------------------------
function address() {
  const here = new URL(window.location.href), lesson = told().lesson, seen = place.offsetParent !== null;
  if (here.searchParams.get("lesson") === (seen ? lesson : null)) return;
  if (seen) here.searchParams.set("lesson", lesson); else here.searchParams.delete("lesson");
  window.history.replaceState(window.history.state, "", here);
}
new ResizeObserver(() => {
  address();
  if (place.offsetParent !== null && told().lesson) { buttons(told()); load(); }
}).observe(place);
place.addEventListener("click", event => {
  const link = event.target.closest('a[href^="?"], a[href^="./"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  own = true;  // what is started from here is laid over the lesson's curves
  trigger("go", {words: link.search});
  window.scrollTo(0, 0);
});
new ResizeObserver(render).observe(charts);
watch("value", change);
change();
