"""Both pages in a browser: no word of the other language on either, and every visitor in the language they read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from resnet_demo.ui.page import TABS
from resnet_demo.ui.strings import LANGUAGES

pytestmark = pytest.mark.slow
CHINESE = re.compile(r"[一-鿿]")
# Three words of plain English one after the other; names have capitals, and some have three of them.
ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z'’]+,? ){2,}[a-z'’]+\b|\b[a-z'’]+ (?:[A-Za-z][a-z'’]+,? )+[A-Za-z][a-z'’]+\b")
KEPT = "localStorage.getItem('resnet-lab-language')"
# What can be seen or heard; code and citations are the same in every language, the switch is in the other one.
WORDS = """() => {
  const out = new Set(), passed = "code, pre, samp, cite, script, style, [lang]:not(html)";
  const seen = node => !node.closest(passed) && node.checkVisibility({visibilityProperty: true});
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) if (seen(texts.currentNode.parentElement)) out.add(texts.currentNode.textContent.trim());
  for (const name of ["title", "placeholder", "aria-label", "alt"])
    for (const node of document.querySelectorAll(`[${name}]`)) if (seen(node)) out.add(node.getAttribute(name));
  return [...out];
}"""


def tabs(page) -> Iterator[str]:
    """Opens one tab after the other, with everything in it that unfolds."""
    for name in TABS:
        tab = page.locator(f"#tab-{name}-button")
        if not tab.count() or not tab.is_visible():
            continue
        tab.click()
        page.wait_for_timeout(1500)
        unfold = "tab => tab.querySelectorAll('details').forEach(one => { one.open = true; })"
        page.locator(f"#tab-{name}").evaluate(unfold)
        for fold in page.locator("button.label-wrap:not(.open):visible").all():
            fold.click()
        page.wait_for_timeout(700)
        yield name


def foreign(page, pattern: re.Pattern[str]) -> list[str]:
    return [text for text in page.evaluate(WORDS) if pattern.search(text)]


def test_the_chinese_page_is_in_chinese(visitor, expect):
    page = visitor.open("zh?model=resnet20&data=fashion-mnist-small")
    found = {name: foreign(page, ENGLISH) for name in tabs(page)}
    assert len(found) >= 5 and not any(found.values()), found
    page.locator("#tab-lessons-button").click()  # behind it may be the Class tab
    for index in range(page.locator("#lesson-choice input").count()):
        page.locator("#lesson-choice input").nth(index).check()
        page.wait_for_timeout(1000)
        assert not (told := foreign(page, ENGLISH)), told
    assert page.evaluate("[document.documentElement.lang, navigator.language]") == ["zh-CN", "zh-CN"]
    expect(page).to_have_title(LANGUAGES["zh"].words["frame.title"])


def test_the_english_page_is_in_english(visitor):
    page = visitor.open(locale="zh-CN", words="?lang=en")
    found = {name: foreign(page, CHINESE) for name in tabs(page)}
    assert len(found) >= 5 and not any(found.values()), found
    assert page.evaluate("[document.documentElement.lang, navigator.language]") == ["en", "en"]


def test_a_visitor_reads_what_the_browser_asks_for_until_they_choose(visitor, expect):
    asked = visitor.server.url + "?model=plain56"
    page = visitor.open("?model=plain56", locale="zh-TW")
    assert re.search(r"/zh\?model=plain56", page.url)
    expect(page.locator("#hand-bar")).to_contain_text("Plain-56")
    page.locator("#languages a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/\?model=plain56"))
    visitor.await_page(page)
    expect(page.locator("#hand-bar")).to_contain_text("Plain-56")
    assert page.evaluate(KEPT) == "en"
    page.goto(asked, wait_until="domcontentloaded")
    visitor.await_page(page)
    assert "/zh" not in page.url
    page.get_by_role("link", name="中文").click()
    page.wait_for_url(re.compile("/zh"))
    page.goto(asked, wait_until="domcontentloaded")
    visitor.await_page(page)
    assert "/zh?" in page.url and page.evaluate(KEPT) == "zh"


def test_the_switch_leads_to_the_tab_that_one_is_on(visitor, expect):
    page = visitor.open("?model=plain56")
    page.locator("#tab-layers-button").click()
    page.get_by_role("link", name="中文").click()
    page.wait_for_url(re.compile("/zh"))
    expect(page.locator("#tab-layers-button")).to_have_attribute("aria-selected", "true")
    expect(page).not_to_have_url(re.compile("#"))


def test_whoever_chose_nothing_stays_where_a_link_leads(visitor):
    assert visitor.open("zh?model=plain20").url.startswith(f"{visitor.server.url}zh?")
    assert "/zh" not in visitor.open("?model=plain20", locale="de-DE").url
    assert "/zh" in visitor.open("?lang=zh").url


def test_failures_are_told_in_the_language_of_the_page(visitor, expect, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing more")
    page = visitor.open("zh")
    page.locator("#tab-classify-button").click()
    page.locator("#classify-picture input[type=file]").first.set_input_files(broken)
    expect(page.locator("#classify-bars, [data-testid=toast-body]").filter(has_text="无法使用")).not_to_have_count(0)
    page.locator("#tab-layers-button").click()
    page.locator("#layers-height input").fill("4000")
    expect(page.locator("#layers-table")).to_contain_text(CHINESE)
    assert not foreign(page, ENGLISH)
