// First thing on every page, before anything is painted: which language the visitor reads, and the way to the others.
// What the address says wins, then what was chosen here before, then, on the default's page alone, the browser's wish.
(() => {
  const {here, first, tags, words} = SPEAKS, KEPT = "resnet-lab-language";
  const root = window.location.pathname.replace(/\/+$/, "").replace(here === first ? /$/ : /\/[^/]*$/, "");
  const page = (lang, isNamed = false) => {
    const address = new URL(window.location.href);
    address.pathname = root + (lang === first ? "/" : "/" + lang);
    if (isNamed) address.searchParams.set("lang", lang); else address.searchParams.delete("lang");
    const tab = document.querySelector('[role="tab"][aria-selected="true"]');
    if (tab) address.hash = tab.id.replace(/-button$/, "");
    return address.href;
  };
  const known = (lang) => Object.hasOwn(tags, lang || "") ? lang : "";
  const kept = () => { try { return known(window.localStorage.getItem(KEPT)); } catch { return ""; } };
  const liked = () => navigator.languages.map((tag) => known(tag.toLowerCase().split("-")[0])).find(Boolean);
  window.speaksOf = {
    page,
    // Where nothing can be kept, as in a frame on somebody else's page, the address has to say it.
    choose(lang) {
      try { window.localStorage.setItem(KEPT, lang); } catch { return page(lang, true); }
      return page(lang);
    },
  };
  const said = known(new URL(window.location.href).searchParams.get("lang"));
  const wanted = said || kept() || (here === first && liked()) || here;
  if (wanted !== here) return window.location.replace(page(wanted, Boolean(said)));
  // Gradio's own words go by the browser's language; they are to be those of the page.
  for (const [name, value] of [["language", tags[here]], ["languages", [tags[here]]]])
    Object.defineProperty(navigator, name, {get: () => value, configurable: true});
  // Some names that it gives its controls know no language.
  const theirs = Object.entries(words);
  const rename = (node) => {
    for (const name of ["aria-label", "title"]) {
      const said = node.getAttribute(name) ?? "";
      const found = theirs.find(([word]) => said === word || (word.endsWith(" ") && said.startsWith(word)));
      if (found) node.setAttribute(name, said.replace(...found));
    }
  };
  const named = "[aria-label], [title]";
  // An address that ends in #tab-layers opens that tab; so the switch leads to the tab that one is on.
  let opening = /^#(tab-[a-z]+)$/.exec(window.location.hash)?.[1];
  const open = () => {
    const tab = opening && document.getElementById(opening + "-button");
    if (!tab) return;
    opening = null;
    window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
    setTimeout(() => tab.click());
  };
  new MutationObserver((changes) => {
    if (opening) open();
    if (theirs.length) for (const {type, target, addedNodes} of changes) {
      if (type === "attributes") rename(target);
      const added = [...addedNodes].filter((node) => node instanceof Element);
      added.forEach((node) => [node, ...node.querySelectorAll(named)].forEach(rename));
    }
  }).observe(document.documentElement, {childList: true, subtree: true, attributeFilter: ["aria-label", "title"]});
})();
