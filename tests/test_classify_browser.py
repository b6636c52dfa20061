"""The Classify tab in a real browser: examples, uploads, refusals, and a click on a cell of the confusion matrix."""

from __future__ import annotations

import pytest
from PIL import Image
from test_classify_tab import COUNTS, add_run

from resnet_demo.runs.store import RunStore
from resnet_demo.ui.page import Lab

pytestmark = [pytest.mark.slow, pytest.mark.ui]
LONG = 180_000  # milliseconds: the machine may be busy


@pytest.fixture(scope="module")
def run(server) -> str:
    """A finished run on the small data set whose card holds a test."""
    lab = Lab(server.home, RunStore(server.home / "runs"), None)
    test = {"n": 1000, "accuracy": 0.95, "per_class": [], "confusion": COUNTS}
    return add_run(lab, "finished", "2020-01-01T00:00:00", 0.95, data="fashion-mnist-small", test=test)


def opened(visitor, run: str, **options):
    page = visitor.open(f"?checkpoint={run}&data=fashion-mnist-small", **options)
    page.get_by_role("tab", name="Classify").click()
    page.locator("#classify-bars li").first.wait_for(timeout=LONG)
    return page


def test_an_example_an_upload_and_a_refusal(visitor, run, expect, tmp_path):
    page = opened(visitor, run)
    before = page.locator("#classify-eye img").get_attribute("src")
    page.locator("#classify-examples button").nth(9).click()
    expect(page.locator("#classify-eye img")).not_to_have_attribute("src", before, timeout=LONG)
    expect(page.locator("#classify-bars li")).to_have_count(5)
    Image.new("RGB", (64, 48), "white").save(tmp_path / "scan.tiff")
    (tmp_path / "no.png").write_bytes(b"this is no picture")
    for name, words in (("scan.tiff", "Inverted"), ("no.png", "no.png cannot be used")):
        page.get_by_label("Remove Image").click()
        page.locator("#classify-picture input[type=file]").first.set_input_files(tmp_path / name)
        expect(page.locator("#classify")).to_contain_text(words, timeout=LONG)


def test_a_click_on_a_cell_fills_the_strip(visitor, run, expect):
    page = opened(visitor, run, width=390, height=844)
    expect(page.locator("#classify-grades .headline")).to_contain_text("0.950")
    cell = page.locator("#classify-grades [role=gridcell]").first
    cell.press("ArrowDown")
    page.locator("#classify-grades [role=gridcell]:focus").press("Enter")
    expect(page.locator("#classify-strip")).to_contain_text("Trouser taken for T-shirt/top", timeout=LONG)
    expect(page.locator("#classify-grades td.chosen")).to_have_count(1)
    page.locator("#classify-grades").get_by_role("button", name="64 pictures").click()
    expect(page.locator("#classify-strip button")).to_have_count(64, timeout=LONG)
    before = page.locator("#classify-eye img").get_attribute("src")
    page.locator("#classify-strip button").nth(3).click()
    expect(page.locator("#classify-eye img")).not_to_have_attribute("src", before, timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_two_checkpoints_side_by_side(visitor, run, expect, server):
    lab = Lab(server.home, RunStore(server.home / "runs"), None)
    add_run(lab, "finished", "2020-01-02T00:00:00", 0.9, data="fashion-mnist-small")
    page = opened(visitor, run, width=390, height=844)
    page.locator("#classify-pair-with input").click()
    page.get_by_role("option").filter(has_text="0.900 on test").first.click()
    table = page.locator("#classify-pair")
    expect(table.locator(".side .headline b")).to_have_count(2, timeout=LONG)
    expect(table.locator(".class-table tbody tr")).to_have_count(10)
    assert sum(int(n.replace(",", "")) for n in table.locator(".counts button").all_inner_texts()) == 2000
    table.locator("[data-sort]").nth(6).click()
    expect(table.locator("th[aria-sort]")).to_have_count(1)
    differences = [text.replace("−", "-") for text in table.locator(".class-table td:nth-child(7)").all_inner_texts()]
    assert len(differences) == 10 and [float(value) for value in differences] == sorted(map(float, differences))[::-1]
    table.locator(".asks button").click()
    pictures = page.locator("#classify-pair-strip .strip button")
    expect(pictures).to_have_count(60, timeout=LONG)
    expect(pictures.first.locator("span")).to_have_count(2)
    before = page.locator("#classify-eye img").get_attribute("src")
    pictures.nth(3).click()
    expect(page.locator("#classify-eye img")).not_to_have_attribute("src", before, timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
