"""The page for everyone: axe-core on every tab in both languages and both looks, the keyboard alone, 320 pixels."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ui]
TABS = ("model", "train", "layers", "classify", "lessons")
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
UNFOLD = "tab => document.querySelectorAll(`#tab-${tab} button.label-wrap:not(.open)`).forEach(one => one.click())"
MOST_STOPS = 60  # presses of the Tab key between one control and another


@pytest.fixture(scope="module")
def axe():
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


def at(visitor, path: str = "", **options):
    """A page with every tab's own view there."""
    page = visitor.open(path, **options)
    page.set_default_timeout(30_000)
    page.locator("#run-view svg").first.wait_for()
    return page


def go(page, tab: str) -> None:
    button = page.locator(f"#tab-{tab}-button")
    if button.count():
        button.first.click()
    else:  # on a narrow page the last tabs are in a menu
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=tab.capitalize()).click()
    page.locator(f"#tab-{tab}").first.wait_for()
    page.wait_for_timeout(1500)  # what is drawn once a tab is seen


def serious(axe, page) -> list[str]:
    found = axe.run(page, options={"runOnly": STANDARD, "resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {node['target']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("path", "look"), [("", "light"), ("", "dark"), ("zh", "light")])
def test_axe_finds_nothing_serious_on_any_tab(visitor, axe, path, look):
    page = at(visitor, f"{path}?__theme={look}", color_scheme=look)
    problems = {}
    for tab in TABS:
        go(page, tab)
        page.evaluate(UNFOLD, tab)
        problems[tab] = serious(axe, page)
    assert not any(problems.values()), problems


@pytest.mark.parametrize("tab", TABS)
def test_nothing_scrolls_sideways_at_320_pixels(visitor, tab):
    page = at(visitor, width=320, height=640)
    go(page, tab)
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0


def focused(page) -> str:
    return page.evaluate("(document.activeElement.closest('[id]') || {}).id || ''")


def press_until(page, key: str, wanted: str) -> None:
    for _ in range(MOST_STOPS):
        if focused(page).startswith(wanted):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{wanted} is not reached with {key}; the focus is at {focused(page)!r}")


def test_the_tabs_and_start_are_reached_with_the_keyboard_and_the_focus_is_seen(visitor):
    page = at(visitor)
    press_until(page, "Tab", "tab-train")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("#model-picture svg.net").first.wait_for()
    assert page.locator("#tab-model").is_visible()
    press_until(page, "Tab", "model-train")
    style = page.evaluate("(s => s.outlineStyle + s.boxShadow)(getComputedStyle(document.activeElement))")
    assert style not in ("nonenone", ""), "one does not see where the focus is"
    page.keyboard.press("Enter")
    page.locator("#tab-train").wait_for()
    press_until(page, "Tab", "train-start")


def test_who_wants_no_motion_sees_none(visitor):
    page = at(visitor, reduced_motion="reduce")
    for tab in TABS:
        go(page, tab)
        moving = page.evaluate(
            "document.getAnimations().filter(a => a.playState === 'running' && a.effect.getTiming().duration > 100)"
            ".map(a => a.effect.target.className.baseVal ?? a.effect.target.className)"
        )
        assert not moving


def test_what_changes_is_told_to_screen_readers(visitor):
    page = at(visitor)
    assert page.locator("#run-view [role=status]").count() >= 1
    assert page.locator("#run-view svg[aria-label], #run-view svg[aria-labelledby]").count() >= 1
    assert page.evaluate("document.documentElement.lang").startswith("en")
