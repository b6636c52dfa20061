"""What visitors bring to the Classify tab, and what stays of it: handlers, without a browser."""

from __future__ import annotations

import html
import json
import os
import re
import time
from itertools import chain

import gradio as gr
import pytest
import torch
from made_pictures import as_zip, picture
from test_classify_tab import CLASSES, clicked, hand, lab, pictures, silent, write_checkpoint  # noqa: F401

from resnet_demo import checkpoint as checkpoints
from resnet_demo.errors import CheckpointRefused, UnknownCheckpoint
from resnet_demo.intervals import wilson
from resnet_demo.resnet import build_model
from resnet_demo.runs.classroom import Classroom
from resnet_demo.ui import gradebook, imported, shelf
from resnet_demo.ui.bring import Bringing
from resnet_demo.ui.classify_handlers import Handlers
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.page import Lab


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs.pth"
    torch.save(build_model("resnet20", num_classes=10, in_channels=1, seed=3).state_dict(), path)
    return path


def test_weights_are_recognised_added_and_answer(lab, theirs):  # noqa: F811
    bringing = Bringing(lab)
    words, networks, data = bringing.look_at(str(theirs))
    assert "resnet20 with 10 classes and 1 input" in words and "plain20" in words
    assert networks["visible"] and networks["value"] == "resnet20" and ("MNIST", "mnist") in data["choices"]
    taken = Hand.of(bringing.add(str(theirs), "plain20", "fashion-mnist", "", "dataset", hand()))
    assert taken.model == "plain20" and taken.dataset == "fashion-mnist"
    entry = shelf.find(lab, taken.checkpoint)
    assert entry.state == "imported" and entry in shelf.entries(lab)
    _, bars = Handlers(lab).answer(b"", "auto", "auto", taken.to_json())
    assert "the file is empty" in bars
    _, bars = Handlers(lab).answer(picture(9), "auto", "auto", taken.to_json())
    assert bars.count("<li>") == 5
    assert Handlers(lab).mirror(taken.to_json())[0]["choices"][0][1] == entry.key


def test_where_others_can_come_nobody_sees_it_and_it_goes_within_the_hour(lab, theirs):  # noqa: F811
    room = Lab(lab.root, lab.store, None, Classroom(is_shared=True))
    key = imported.take(room, theirs, "mnist")
    assert shelf.entries(room) == [] and shelf.find(room, key).model == "resnet20"
    past = time.time() - imported.KEPT_SECONDS - 1
    os.utime(imported.path_of(room, key), (past, past))
    imported.tidy(room)
    with pytest.raises(UnknownCheckpoint):
        shelf.find(room, key)
    for wrong in ("imported-../../x", "imported-" + "0" * 32, "imported-"):
        assert imported.path_of(room, wrong) is None


def test_what_visitors_brought_is_never_the_owners_and_goes_when_the_server_starts(lab, theirs):  # noqa: F811
    room = Lab(lab.root, lab.store, None, Classroom(is_shared=True))
    path = imported.path_of(room, imported.take(room, theirs, "mnist"))
    assert imported.keys(lab) == []
    os.utime(path, (1.0, 1.0))
    assert imported.sweep(lab.root) == [] and not path.exists()


def test_a_file_that_was_damaged_stands_in_nobodys_way(lab, theirs):  # noqa: F811
    key = imported.take(lab, theirs, "mnist")
    imported.path_of(lab, key).write_bytes(b"")
    assert key not in [entry.key for entry in shelf.entries(lab)]
    with pytest.raises(UnknownCheckpoint):
        shelf.find(lab, key)


def test_what_is_refused_leaves_no_file(lab, tmp_path):  # noqa: F811
    torch.save(build_model("resnet20"), tmp_path / "module.pth")
    assert 'role="alert"' in Bringing(lab).look_at(str(tmp_path / "module.pth"))[0]
    with pytest.raises(CheckpointRefused):
        imported.take(lab, tmp_path / "module.pth", "mnist")
    assert not imported.folder(lab).exists() or not list(imported.folder(lab).iterdir())


def test_many_pictures_with_and_without_labels(lab, tmp_path):  # noqa: F811
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Bringing(lab)
    loose = []
    for n in range(3):
        loose.append(tmp_path / f"<b>{n}.png")
        loose[-1].write_bytes(picture(50 * n))
    shown = do.many([str(path) for path in loose], "auto", "auto", hand(), silent)
    assert shown.count("<img") == 3 and "without labels" in shown and "<b>" not in shown
    files = {f"{name}/{n}.png": picture(30 * n) for name in ("Bag", "Coat") for n in range(4)}
    labelled = as_zip(files, tmp_path / "mine.zip")
    page = do.many([str(labelled)], "auto", "auto", hand(), silent)
    assert "on 8 pictures of mine.zip" in page and 'role="grid"' in page
    token = page.split("&quot;of&quot;: &quot;")[1].split("&quot;")[0]
    strip = Handlers(lab).show(hand(), clicked(show="class", true=8, of=token), silent)[1]
    assert strip.count("<img") == 4
    assert Handlers(lab).take_from_strip(hand(), clicked(picture=7, of=token)).size == (280, 280)
    assert 'role="alert"' in do.many(
        [str(as_zip({"x/a.png": b"1"}, tmp_path / "bad.zip"))], "auto", "auto", hand(), silent
    )


def test_a_folder_is_as_good_as_a_zip(lab, tmp_path, monkeypatch):  # noqa: F811
    """The browser makes a .zip of it, which lies where uploads lie; nothing else is opened."""
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    do, event = Bringing(lab), lambda **told: gr.EventData(None, told)
    files = {f"{name}/{n}.png": picture(30 * n) for name in ("Bag", "Coat") for n in range(4)}
    path = as_zip(files, tmp_path / "uploads" / "folder.zip")
    page = do.folder("auto", "auto", hand(), event(path=str(path), name="<My> clothes"), silent)
    assert "on 8 pictures of &lt;My&gt; clothes" in page and 'role="grid"' in page
    loose = as_zip({f"{n}.png": picture(30 * n) for n in range(3)}, tmp_path / "uploads" / "loose.zip")
    assert "without labels" in do.folder("auto", "auto", hand(), event(path=str(loose), name="loose"), silent)
    outside = as_zip(files, tmp_path / "outside.zip")
    for wrong in (str(outside), str(tmp_path / "uploads"), "../outside.zip", 7, None):
        assert "was not uploaded" in do.folder("auto", "auto", hand(), event(path=wrong), silent)


def test_figures_outlive_the_server(lab, pictures, monkeypatch):  # noqa: F811
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    figures, _ = do.show(hand(), clicked(show="some"), silent)
    gradebook._kept.clear()
    monkeypatch.setattr(gradebook, "evaluate", lambda *args, **options: pytest.fail("computed again"))
    assert do.grade(hand()) == figures
    assert do.show(hand(), clicked(show="mistakes"), silent)[0] == figures
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors", seed=77)
    assert "Test it on" in do.grade(hand())


def test_where_the_answer_comes_from(lab):  # noqa: F811
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    page = do.where(picture(90), "auto", "auto", hand(), clicked(stage=None))
    assert page.count("<img") == 2 and "stage 3" in page and page.count("aria-pressed") == 3
    assert "stage 1" in do.where(picture(90), "auto", "auto", hand(), clicked(stage=1))
    assert 'role="alert"' in do.where(picture(90), "auto", "auto", hand(), clicked(stage=9))
    assert 'role="alert"' in do.where(b"no", "auto", "auto", hand(), clicked(stage=1))


def test_the_page_is_what_evaluate_prints(lab, pictures, monkeypatch, capsys):  # noqa: F811
    """Every figure on the tab, as it stands there, is what `evaluate --json` prints, or follows from it."""
    from resnet_demo import verbs
    from resnet_demo.cli import main

    path = write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    monkeypatch.setattr(verbs, "load_data", lambda source, **options: pictures)
    assert main(["evaluate", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    page, _ = Handlers(lab).show(hand(), clicked(show="some"), silent)
    low, high = wilson(sum(row["correct"] for row in printed["per_class"]), printed["n"])
    assert f"<b>{printed['accuracy']:.3f}</b>" in page
    assert f"on {printed['n']} test pictures of Fashion-MNIST; 95 % interval {low:.3f} to {high:.3f}" in page
    table, matrix = (part.split("</tbody>")[0] for part in page.split("<tbody>")[1:])
    counts = printed["confusion"]
    for index, (row, told) in enumerate(zip(table.split("<tr>")[1:], printed["per_class"], strict=True)):
        cells = re.findall(r'<td class="number" data-v="[-\d.]+">([^<]*)<', row)
        low, high = wilson(told["correct"], told["n"])
        said = sum(counts[true][index] for true in range(10))
        precision = f"{counts[index][index] / said:.3f}" if said else "–"
        wanted = [str(told["n"]), str(told["correct"]), f"{told['accuracy']:.3f}", f"{low:.3f}–{high:.3f}", precision]
        assert cells == wanted and f">{html.escape(told['class'])}<" in row
    assert [int(count) for count in re.findall(r'data-other="[^"]*">(\d+)<', matrix)] == [*chain(*counts)]


def test_an_address_that_leads_inside_is_refused(lab):  # noqa: F811
    from resnet_demo.errors import PictureRefused

    for address in ("http://127.0.0.1:1/", "file:///etc/passwd", "", None):
        with pytest.raises(PictureRefused):
            Bringing(lab).from_address(address)
    assert gr.__version__


@pytest.mark.slow
def test_a_thousand_pictures_together_and_one_by_one(lab):  # noqa: F811
    """The same answers, and probabilities within 1e-5."""
    from resnet_demo.evaluate import probabilities

    checkpoint = shelf.opened(write_checkpoint(checkpoints.SHIPPED / "small.safetensors"))
    images = torch.randint(0, 256, (1000, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    together = probabilities(checkpoint, images)
    singly = torch.cat([probabilities(checkpoint, image[None]) for image in images])
    assert torch.equal(together.argmax(1), singly.argmax(1))
    assert float((together - singly).abs().max()) < 1e-5


def test_gradio_finds_the_event_of_every_click():
    """It resolves all annotations of a handler, and gives None for the event where one of them has no meaning."""
    from typing import get_type_hints

    from resnet_demo.ui.bring import _pictures_behind

    for handler in (Handlers.show, Handlers.where, Handlers.take_example, Handlers.take_from_strip):
        assert get_type_hints(handler)["event"] is gr.EventData
    assert get_type_hints(_pictures_behind(None))["event"] is gr.EventData
