"""Several people at one lab: whose run is whose, the line, many tabs, runs laid over each other, files and links."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from resnet_demo.events import RunFinished, RunStarted, Step, Validation
from resnet_demo.runs.config import Owner
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.forms import TrainForm

pytestmark = [pytest.mark.slow, pytest.mark.ui]
LONG = 180_000
HELD = "JSON.parse(document.querySelector('#hand textarea, #hand input')?.value || '{}')"


@pytest.fixture(scope="module")
def finished(server):
    """Two finished runs of somebody who is not here."""
    return [_made(server, model, seed) for model, seed in (("resnet20", 0), ("plain20", 1))]


def _made(server, model, seed):
    store = RunStore(server.home / "runs")
    form = TrainForm(model=model, dataset="fashion-mnist-small", length="steps", amount=20 + seed, seed=seed)
    run = store.create(form.config(Owner("v-absent", "<i>Eve</i>")))
    events = [RunStarted(model, "fashion-mnist-small", "budget", seed, 128, 10_800, 1_200, 20 + seed, None)]
    events += [
        Step(i, i / 84, 2.3 / i, i / 30, 0.1, seconds=i / 2, images_per_second=900.0) for i in range(1, 21 + seed)
    ]
    events += [Validation(i, i / 84, 1.0, i / 30, 1_200, seconds=i / 2) for i in (10, 20)]
    events += [RunFinished("steps", 20 + seed, 20 / 30, 0.6, None, 10.0, 900.0)]
    (run.path / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    run.last_path.write_bytes(b"weights")
    run.set_status(Status("finished", "steps", best_accuracy=20 / 30, test_accuracy=0.6))
    return run


def start(page, length="3 min"):
    page.locator("#train-model input").click()
    page.get_by_role("option", name="ResNet-9-slim", exact=True).click()
    page.locator("#train-length").get_by_label(length, exact=True).check()
    before = hand(page)["run"]
    page.locator("#train-start").click()
    page.wait_for_function(
        f"{HELD}.run !== {json.dumps(before)}",
        timeout=LONG,
    )


def hand(page):
    return json.loads(page.locator("#hand textarea, #hand input").first.input_value())


def view(page):
    return page.locator("#run-view .watch")


def test_nobody_stops_anothers_run_and_the_line_outlives_a_reload(visitor, expect):
    ada, bob = visitor.open("?data=fashion-mnist-small"), visitor.open("?data=fashion-mnist-small")
    ada.locator("#who summary").click()
    ada.locator("#who .who-name").fill("<b>Ada</b>")
    ada.locator("#who button").click()
    expect(ada.locator("#who summary")).to_have_text("<b>Ada</b>")
    start(ada)
    expect(view(ada)).to_have_attribute("data-state", "running", timeout=LONG)

    bob.wait_for_timeout(2000)  # Gradio complains of answers that are still on their way when a page goes
    bob.reload(wait_until="domcontentloaded")
    expect(view(bob)).to_have_attribute("data-state", "running", timeout=LONG)
    expect(bob.locator("#run-table tr.chosen .owner")).to_have_text("<b>Ada</b>")
    stop = bob.locator("#run-view button.stop")
    expect(stop).to_be_hidden()
    stop.evaluate("button => { button.hidden = false; button.click(); }")
    expect(bob.get_by_test_id("toast-body")).to_contain_text("belongs to <b>Ada</b>")
    expect(view(ada)).to_have_attribute("data-state", "running")

    expect(bob.locator("#train-line")).to_contain_text("1 in line before you")
    start(bob)
    expect(view(bob)).to_have_attribute("data-state", "queued")
    waiting = hand(bob)["run"]
    bob.wait_for_timeout(2000)
    bob.reload(wait_until="domcontentloaded")
    expect(bob.locator("#run-view .status")).to_contain_text("number 1 in line", timeout=LONG)
    assert hand(bob)["run"] == waiting
    bob.get_by_role("button", name="Leave the line").click()
    expect(view(bob)).to_have_attribute("data-state", "stopped", timeout=LONG)

    tabs = [ada, *(ada.context.new_page() for _ in range(5))]
    for tab in tabs[1:]:
        tab.goto(visitor.server.url, wait_until="domcontentloaded")
    for tab in tabs:
        expect(view(tab)).to_have_attribute("data-state", "running", timeout=LONG)
        expect(tab.locator("#run-view button.stop")).to_be_visible()
    tabs[-1].get_by_role("button", name="Stop", exact=True).click()
    for tab in (ada, tabs[-1]):
        expect(view(tab)).to_have_attribute("data-state", "stopped", timeout=LONG)
    expect(ada.get_by_role("button", name="Go on")).to_be_visible()


def test_the_owner_stops_goes_on_tests_renames_gives_more_time_and_deletes(visitor, expect):
    page = visitor.open("?data=fashion-mnist-small")
    start(page)
    first = hand(page)["run"]
    press = lambda name: page.locator("#run-view").get_by_role("button", name=name, exact=True).click()  # noqa: E731
    is_now = lambda state: expect(view(page)).to_have_attribute("data-state", state, timeout=LONG)  # noqa: E731
    has_points = "document.querySelector('#run-view .chart.loss path.smooth')?.getAttribute('d')?.length > 20"
    is_now("running")
    page.wait_for_function(has_points, timeout=LONG)
    press("Stop")
    is_now("stopped")
    press("Go on")
    is_now("running")
    page.wait_for_timeout(1500)
    press("Stop")
    is_now("stopped")
    press("Test it now")
    expect(page.locator("#run-view .ending")).to_contain_text("Test accuracy 0.", timeout=LONG)
    press("Rename")
    page.locator("#run-view .renaming input").fill("<b>my first</b>")
    page.locator("#run-view .renaming input").press("Enter")
    expect(page.locator("#run-view h2")).to_contain_text("<b>my first</b>")
    page.locator("#run-view").get_by_role("button", name="Delete").click()
    page.locator("#run-view button.sure").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("The run and its weights are gone")
    expect(page.locator(f"#run-table [data-run='{first}']")).to_have_count(0)

    short = visitor.open("?data=fashion-mnist-small&model=resnet9-slim&steps=6&batch=64")
    expect(short.locator("#train-amount input")).to_have_value("6")
    before = hand(short)["run"]
    short.locator("#train-start").click()
    short.wait_for_function(f"{HELD}.run !== '{before}'")
    expect(view(short)).to_have_attribute("data-state", "finished", timeout=LONG)
    parent = hand(short)["run"]
    short.locator("#run-view .more select").select_option("steps:6")
    short.locator("#run-view .more button").click()
    short.wait_for_function(f"{HELD}.run !== '{parent}'")
    expect(view(short)).to_have_attribute("data-state", "finished", timeout=LONG)
    expect(short.locator("#run-view .facts")).to_contain_text("began with an earlier run")


def test_runs_laid_over_each_other(visitor, finished, expect):
    residual, plain = finished
    page = visitor.open(f"?run={residual.id}")
    # What is there before it is a recorded run.
    expect(view(page)).to_have_attribute("data-state", "finished", timeout=LONG)
    expect(page.locator("#run-view .legend")).to_be_visible()
    page.locator(f"[data-tick='{plain.id}']").check()
    expect(page.locator("#run-view .compared > div")).to_have_count(2)
    expect(page.locator("#run-view .warned")).to_contain_text("differ in steps (20, 21)")
    expect(page.locator("#run-view .differ")).to_contain_text("plain20")
    expect(page.locator("#run-view .chart.loss g.run.plain path.validation")).to_have_css("stroke", "rgb(0, 114, 178)")
    page.wait_for_url(re.compile("compare="))
    page.reload(wait_until="domcontentloaded")
    expect(page.locator("#run-view .compared > div")).to_have_count(2)
    page.locator("#run-view .tools input[type=checkbox]").check()
    page.locator("#run-view .tools select").select_option("epoch")
    expect(page.locator("#run-view .chart.loss .axis-title")).to_have_text("epoch")
    page.locator(f"[data-off='{plain.id}']").click()
    expect(page.locator("#run-view .compared")).to_be_hidden()
    assert hand(page)["compare"] == ""


def test_a_run_is_taken_along(visitor, finished, expect):
    page = visitor.open(f"?run={finished[0].id}")
    # What is there before it is a recorded run.
    expect(view(page)).to_have_attribute("data-state", "finished", timeout=LONG)
    page.locator("#run-view .along summary").click()
    expect(page.locator("#run-view .along pre").first).to_contain_text("train --model resnet20")
    starts = {"Weights": b"weights", "Metrics": b"event,step", "PNG": b"\x89PNG", "SVG": b"<?xml"}
    for name, first in starts.items():
        with page.expect_download() as download:
            page.locator("#run-view .along").get_by_role("button", name=name).click()
        assert Path(download.value.path()).read_bytes().startswith(first), name
        assert download.value.suggested_filename.startswith(finished[0].id)


def test_a_recorded_run_is_taken_along_and_done_again(visitor, expect):
    page = visitor.open()
    # Before the page has the run that is in training, if there is one, a recorded one is shown.
    page.wait_for_function(f"!{HELD}.run || {HELD}.run === document.querySelector('#run-view .watch').dataset.run")
    page.locator("#run-table [data-run='recorded:resnet20-fashion-mnist'] button").click()
    page.wait_for_function(f"{HELD}.checkpoint === 'resnet20-fashion-mnist'")
    expect(view(page)).to_have_attribute("data-run", "recorded:resnet20-fashion-mnist")
    page.locator("#run-view .along summary").click()
    expect(page.locator("#run-view .along pre").first).to_contain_text("train --model resnet20")
    with page.expect_download() as download:
        page.locator("#run-view .along").get_by_role("button", name="Metrics").click()
    assert download.value.suggested_filename == "resnet20-fashion-mnist.csv"
    page.locator("#run-view").get_by_role("button", name="Same settings").click()
    expect(page.locator("#train-amount input")).to_have_value("12")


def test_a_link_fills_the_form_and_hides_what_it_says(visitor, expect):
    words = "model=plain56&data=mnist&recipe=plateau&seconds=45&batch=64&lr=0.05&seed=7&hide=runs,recipe,nonsense"
    page = visitor.open(f"?{words}")
    expect(page.locator("#train-seed input")).to_have_value("7")
    expect(page.locator("#train-batch input")).to_have_value("64")
    expect(page.locator("#train-lr input")).to_have_value("0.05")
    expect(page.locator("#train-model input")).to_have_value("Plain-56")
    expect(page.locator("#train-length").get_by_label("45 s", exact=True)).to_be_checked()
    for hidden in ("#run-table", "#train-recipe"):
        expect(page.locator(hidden)).to_be_hidden()


def test_the_board_is_there_for_others(visitor, finished, expect):
    page = visitor.open(f"?run={finished[0].id}")
    page.get_by_role("tab", name="Class", exact=True).click()
    expect(page.locator("#class-board circle").first).to_be_visible(timeout=LONG)
    expect(page.locator("#class-board")).to_contain_text("<i>Eve</i>")
    with page.expect_download() as download:
        page.locator("#class-csv").click()
    assert finished[0].id in Path(download.value.path()).read_text(encoding="utf-8")
