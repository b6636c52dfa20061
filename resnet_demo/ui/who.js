// Who am I: a name, and for a teacher the token, kept in this browser and said to the server when they change.
const words = props.words, box = document.createElement("details");
box.className = "who";
box.innerHTML = `<summary></summary><div class="who-panel">
  <label>${words.name}<input class="who-name" maxlength="40" autocomplete="nickname"></label>
  <label class="who-teacher">${words.token}<input class="who-token" type="password" autocomplete="off"></label>
  <p>${words.kept}</p><button type="button">${words.keep}</button></div>`;
element.append(box);
const summary = box.querySelector("summary"), name = box.querySelector(".who-name"), token = box.querySelector(".who-token");
const told = () => { try { return JSON.parse(props.value || "{}"); } catch { return {}; } };

function show() {
  const who = JSON.parse(readWho()), {signed, teacher} = told();
  summary.textContent = (signed || who.name || words.nobody) + (teacher ? ` (${words.teacher})` : "");
  name.parentElement.hidden = Boolean(signed);
  if (document.activeElement !== name) name.value = who.name || "";
  if (document.activeElement !== token) token.value = who.token || "";
  token.parentElement.hidden = !props.has_teacher;
}
function keep() {
  const who = {...JSON.parse(readWho()), name: name.value.trim(), token: token.value.trim()};
  window.labWho = JSON.stringify(who);
  try { localStorage.setItem("resnet-lab-who", window.labWho); } catch { /* this page only */ }
  box.open = false;
  show();
  trigger("said", {who: window.labWho});
}
box.querySelector("button").addEventListener("click", keep);
box.addEventListener("keydown", event => {
  if (event.key === "Enter" && event.target.matches("input")) keep();
  if (event.key === "Escape") { box.open = false; summary.focus(); }
});
document.addEventListener("click", event => { if (!box.contains(event.target)) box.open = false; });
window.addEventListener("storage", event => {
  if (event.key === "resnet-lab-who" && element.isConnected) { show(); trigger("said", {who: readWho()}); }
});
watch("value", show);
show();
