"""The lessons in a browser: each can be read on a desktop and a phone, its curves show, its links fill the form."""

from __future__ import annotations

import re

import pytest

from resnet_demo.lessons import texts
from resnet_demo.lessons.figures import figures
from resnet_demo.ui.lesson_runs import views_of

pytestmark = [pytest.mark.slow, pytest.mark.ui]
LONG = 120_000  # milliseconds: the machine may be busy


def is_shown(page, expect, key):
    expect(page.locator("#lesson-prose h2").first).to_contain_text(texts.title(key), timeout=LONG)
    page.wait_for_url(re.compile(rf"[?&]lesson={key}(&|$)"))
    if views_of(key):
        expect(page.locator("#lesson-curves .chart.loss path.smooth").first).to_have_attribute(
            "d", re.compile("M.*L"), timeout=LONG
        )
        expect(page.locator("#lesson-curves .compared div").first).to_be_visible()
    elif key in "24" or (key == "3" and figures(key)["recorded"]):
        expect(page.locator("#lesson-picture svg").first).to_be_visible(timeout=LONG)
    if key in "123456" and not figures(key)["recorded"]:
        expect(page.locator("#lesson-curves .quiet")).to_contain_text("record_lessons.py")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_all_lessons_one_after_the_other(visitor, expect, width, height):
    page = visitor.open(f"?__theme={'dark' if width > 700 else 'light'}", width=width, height=height)
    page.get_by_role("tab", name="Lessons").click()
    for key in texts.KEYS:
        is_shown(page, expect, key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"lesson {key} scrolls sideways"
        if key != texts.KEYS[-1]:
            page.locator("#lesson-on").click()
    expect(page.locator("#lesson-on")).to_be_disabled()
    page.get_by_role("tab", name="Train").click()
    page.wait_for_url(lambda address: "lesson=" not in address)


def test_a_lesson_is_a_link_and_its_links_fill_the_form(visitor, expect):
    page = visitor.open("?lesson=4")
    expect(page.get_by_role("tab", name="Lessons")).to_have_attribute("aria-selected", "true", timeout=LONG)
    is_shown(page, expect, "4")
    page.locator("#lesson-prose").get_by_role("link", name="B: 1×1 where shapes change").click()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true", timeout=LONG)
    expect(page.locator("#hand-bar")).to_contain_text("Own ResNet-20")
    expect(page.locator("#train-amount input")).to_have_value("100", timeout=LONG)
    expect(page.locator("#train-lr input")).to_have_value("0.1")
    expect(page.locator("#train-dataset input")).to_have_value("Fashion-MNIST (small)")
    page.get_by_role("tab", name="Lessons").click()
    is_shown(page, expect, "4")


def test_the_gradient_follows_the_slider_and_a_lesson_leads_to_another(visitor, expect):
    page = visitor.open("?lesson=2")
    picture = page.locator("#lesson-picture")
    expect(picture).to_contain_text("Plain-56", timeout=LONG)
    page.locator("#lesson-depth input[type=number]").fill("20")
    page.locator("#lesson-depth input[type=number]").press("Enter")
    expect(picture).to_contain_text("Plain-20", timeout=LONG)
    page.locator("#lesson-choice").get_by_label(texts.title("7")).check()
    is_shown(page, expect, "7")
    page.locator("#lesson-prose").get_by_role("link", name="lesson 5").click()
    is_shown(page, expect, "5")
