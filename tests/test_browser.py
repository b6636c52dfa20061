"""A visitor in a real browser: looks around, trains, reloads, stops, classifies, on a desktop and on a phone."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from resnet_demo.errors import OutOfMemory
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.forms import TrainForm

pytestmark = [pytest.mark.slow, pytest.mark.ui]
TABS = ("Model", "Train", "Layers", "Classify")
HAND = "(document.querySelector('#hand textarea, #hand input')?.value ?? '')"  # there is none while a page reloads
LONG = 180_000  # milliseconds: the machine may be busy


def points(page, chart="loss", line="smooth"):
    """How many points a curve of the run in hand has; those laid over it are drawn behind it."""
    curve = page.locator(f"#run-view .chart.{chart} path.{line}").first
    return len(re.findall(r"[ML]", curve.get_attribute("d") or ""))


def wait_for_points(page, least):
    """Of a run that somebody started: until the page knows which one is in hand it shows a recorded one."""
    state = "document.querySelector('#run-view .watch')?.dataset.state"
    page.wait_for_function(f"{HAND}.startsWith('{{') && {state} !== 'recorded'", timeout=LONG)
    path = "document.querySelector('#run-view .chart.loss path.smooth')?.getAttribute('d') ?? ''"
    failed = "document.querySelector('#run-view .watch')?.dataset.state === 'failed'"
    page.wait_for_function(f"{failed} || (({path}).match(/[ML]/g) ?? []).length >= {least}", timeout=LONG)
    assert points(page) >= least, page.locator("#run-view .ending").inner_text()


def start(page, *, model="ResNet-9-slim", length="3 min", amount=None):
    """Fills in the form as a visitor does, and clicks Start."""
    page.locator("#train-model input").click()
    page.get_by_role("option", name=model, exact=True).click()
    page.locator("#train-length").get_by_label(length, exact=True).check()
    if amount is not None:
        page.locator("#train-amount input").fill(str(amount))
    page.locator("#train-start").click()
    page.wait_for_url(re.compile(r"[?&]run="), timeout=LONG)


def hand(page):
    return json.loads(page.locator("#hand textarea, #hand input").first.input_value())


def test_there_is_something_to_see_before_a_click(visitor, expect):
    page = visitor.open()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#run-view .chart.loss .y-tick").first).to_be_visible()
    expect(page.locator("#run-view h2")).not_to_be_empty()
    expect(page.locator("#chip")).to_contain_text(re.compile("CPU|GPU|NVIDIA|MPS|Apple"), timeout=LONG)
    expect(page.locator("#train-strip img")).to_be_visible(timeout=LONG)
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        expect(page.locator("#in-hand")).to_be_visible()


def test_what_a_link_says_is_in_hand_and_choosing_changes_the_link(visitor, expect):
    page = visitor.open("?model=plain56&data=cifar10&checkpoint=../../x")
    expect(page.locator("#hand-bar")).to_contain_text("Plain-56")
    expect(page.locator("#hand-bar")).to_contain_text("CIFAR-10")
    expect(page.locator("#train-model input")).to_have_value("Plain-56")
    page.locator("#train-dataset input").click()
    page.get_by_role("option", name="MNIST", exact=True).click()
    page.wait_for_url(re.compile(r"data=mnist"))
    page.reload(wait_until="domcontentloaded")
    expect(page.locator("#hand-bar")).to_contain_text("Plain-56")
    held = {key: value for key, value in hand(page).items() if value}
    assert held == {"model": "plain56", "dataset": "mnist"}


def test_the_link_is_copied(visitor, expect):
    page = visitor.open("?model=resnet56")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.wait_for_url(re.compile("data="))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_train_reload_watch_from_elsewhere_stop_and_classify(visitor, expect):
    page = visitor.open()
    start(page)
    wait_for_points(page, 2)
    run, seen = hand(page)["run"], points(page)

    page.reload(wait_until="domcontentloaded")
    wait_for_points(page, seen)
    assert hand(page)["run"] == run
    elsewhere = visitor.open()
    wait_for_points(elsewhere, seen)
    assert hand(elsewhere)["run"] == run
    expect(elsewhere.locator("#run-view .watch")).to_have_attribute("data-state", "running")

    page.get_by_role("button", name="Stop", exact=True).click()
    for viewer in (page, elsewhere):
        expect(viewer.locator("#run-view .watch")).to_have_attribute("data-state", "stopped", timeout=LONG)
        expect(viewer.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    expect(page.locator("#run-view .status")).to_contain_text("stopped")
    page.get_by_role("button", name="Classify with it").click()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    assert hand(page)["checkpoint"] == run
    expect(page.locator("#classify-bars")).to_contain_text("%", timeout=LONG)


def test_a_short_run_to_its_test(visitor, expect):
    page = visitor.open("?data=fashion-mnist-small")
    start(page, length="steps", amount=10)
    expect(page.locator("#run-view .watch")).to_have_attribute("data-state", "finished", timeout=LONG)
    expect(page.locator("#run-view .ending")).to_contain_text(re.compile(r"Test accuracy 0\.\d{3} on 2,000 pictures"))
    expect(page.locator("#run-view .chart.accuracy .test-label")).to_contain_text("test 0.")
    expect(page.locator("#run-table tr.chosen")).to_contain_text("finished")
    expect(page.locator("#hand-bar")).to_contain_text("on test")
    page.locator("#run-view .chart.loss svg").hover()
    expect(page.locator("#run-view .chart.loss .tip")).to_contain_text("training, smoothed")
    page.locator("#run-view .chart.loss svg").press("ArrowLeft")
    expect(page.locator("#run-view .chart.accuracy .cross")).to_have_css("display", "inline")


def test_bad_input_is_a_sentence_in_the_page(visitor, expect):
    page = visitor.open()
    page.locator("#train-more button").first.click()
    page.locator("#train-lr input").fill("-1")
    page.locator("#train-start").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("lr cannot be -1")


def test_a_run_that_failed_says_why_and_what_to_do(visitor, server, expect):
    store = RunStore(server.home / "runs")
    run = store.create(TrainForm(model="resnet56").config())
    (run.path / "log.txt").write_text("loading\n<b>out of memory</b>\n", encoding="utf-8")
    run.set_status(replace(Status("queued"), state="running").failed_with(OutOfMemory(batch_size=512, half=256)))
    page = visitor.open(f"?run={run.id}")
    expect(page.locator("#run-view .ending")).to_contain_text("Out of memory with a batch of 512: try a batch of 256.")
    expect(page.locator("#run-view .log pre")).to_contain_text("<b>out of memory</b>")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#run-table").get_by_role("button").first.click()
    expect(page.locator("#run-table tr.chosen")).to_have_count(1)


def test_a_link_to_a_run_that_is_gone(visitor, expect):
    page = visitor.open("?run=20200101-000000-resnet20-dead")
    expect(page.locator("#run-view h2")).to_have_text("This run is not here any more")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(visitor, theme):
    page = visitor.open(f"?__theme={theme}", width=390, height=844, color_scheme=theme, has_touch=True)
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(1500)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{tab} is {width} pixels wide"
    page.get_by_role("tab", name="Train").click()
    heights = page.locator("#run-view .chart.loss svg, #run-view .chart.accuracy svg").evaluate_all(
        "charts => charts.map(chart => chart.clientHeight)"
    )
    assert min(heights) >= 220
