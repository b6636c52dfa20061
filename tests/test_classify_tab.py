"""The Classify tab: which checkpoints there are, what a picture and a click bring, and what a card alone can fill."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from gradio.data_classes import ImageData
from PIL import Image

from resnet_demo import checkpoint as checkpoints
from resnet_demo.checkpoint import save_checkpoint
from resnet_demo.datasets import DATASETS
from resnet_demo.errors import DataUnavailable, LabError, UnknownCheckpoint
from resnet_demo.imagesets import Dataset, ImageSet
from resnet_demo.preprocess import Preprocess
from resnet_demo.recipes import RECIPES
from resnet_demo.resnet import build_model
from resnet_demo.runs.config import new_config
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.specs import find_model
from resnet_demo.ui import examples, gradebook, shelf
from resnet_demo.ui.classify_handlers import Handlers, sent, strip_for
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.page import Lab
from resnet_demo.ui.safe_image import handed_on, safe_image
from resnet_demo.ui.strings.en import CLASSIFY

CLASSES = DATASETS["fashion-mnist"].classes
COUNTS = [[95 if true == said else (5 if said == (true + 1) % 10 else 0) for said in range(10)] for true in range(10)]
TEST = {"n": 1000, "accuracy": 0.95, "per_class": [], "confusion": COUNTS}


def write_checkpoint(path: Path, seed: int = 0, channels: int = 1, **card) -> Path:
    model = build_model("resnet20", num_classes=10, in_channels=channels, seed=seed).eval()
    preprocess = Preprocess(torch.full((channels, 1, 1), 0.29), torch.full((channels, 1, 1), 0.35))
    known = {"name": path.stem, "model": "resnet20", "dataset": "fashion-mnist", "dataset_title": "Fashion-MNIST",
             "classes": list(CLASSES), "shape": [channels, 28, 28], "step": 7}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, model, preprocess, {**known, **card})
    return path


@pytest.fixture
def lab(tmp_path, monkeypatch) -> Lab:
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    gradebook._kept.clear()
    return Lab(tmp_path, RunStore(tmp_path / "runs"), None)


@pytest.fixture
def pictures(monkeypatch) -> Dataset:
    """A small stand-in for Fashion-MNIST: 200 training and 60 test pictures of noise."""
    draw = torch.Generator().manual_seed(1)

    def drawn(n: int) -> ImageSet:
        images = torch.randint(0, 256, (n, 1, 28, 28), generator=draw, dtype=torch.uint8)
        return ImageSet(images, torch.arange(n) % 10, CLASSES)

    data = Dataset("fashion-mnist", "Fashion-MNIST", drawn(200), drawn(60))
    monkeypatch.setattr(gradebook, "load_data", lambda source, **options: data)
    return data


def add_run(
    lab: Lab, state: str, created: str, accuracy: float | None = None, data: str = "fashion-mnist", **card
) -> str:
    config = new_config(find_model("resnet20"), data, RECIPES["budget"])
    run = lab.store.create(type(config)(**{**vars(config), "created": created}))
    write_checkpoint(run.best_path, seed=len(lab.store.runs()), **card)
    write_checkpoint(run.last_path, seed=50 + len(lab.store.runs()), **card)
    run.set_status(Status(state, test_accuracy=accuracy))
    return run.id


def clicked(**message) -> gr.EventData:
    return gr.EventData(None, {"sent": message})


def hand(key: str = "") -> str:
    return Hand().with_(checkpoint=key).to_json()


def silent(*args, **kwargs) -> None:
    return None


def test_the_newest_finished_run_comes_first_then_runs_still_going(lab, monkeypatch):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors", test=TEST)
    old = add_run(lab, "finished", "2026-01-01T00:00:00", 0.9)
    stopped = add_run(lab, "stopped", "2026-01-02T00:00:00")
    new = add_run(lab, "finished", "2026-01-03T00:00:00", 0.91)
    going = add_run(lab, "running", "2026-01-04T00:00:00")
    monkeypatch.setattr(type(lab.store.get(going)), "is_held", lambda run: run.id == going)
    listed = shelf.entries(lab)
    assert [entry.key for entry in listed] == [new, going, "small", stopped, old]
    assert listed[1].path.name == "last.safetensors" and listed[0].path.name == "best.safetensors"
    labels = [text for text, _ in shelf.choices(lab)]
    assert labels[0].startswith("ResNet-20 on Fashion-MNIST · 0.910 on test")
    assert "training now, step" in labels[1] and "0.950 on test" in labels[2]


def test_the_hand_decides_and_an_empty_one_gets_the_first(lab):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    run = add_run(lab, "finished", "2026-01-01T00:00:00", 0.9)
    assert shelf.chosen(lab, Hand()).key == run
    assert shelf.chosen(lab, Hand().with_(checkpoint="small")).key == "small"
    with pytest.raises(UnknownCheckpoint):
        shelf.chosen(lab, Hand().with_(checkpoint="never-was"))
    taken = Hand.of(Handlers(lab).choose(hand(), "small"))
    assert (taken.checkpoint, taken.model, taken.dataset) == ("small", "resnet20", "fashion-mnist")


def test_no_key_leaves_the_shelf(lab, tmp_path):
    write_checkpoint(tmp_path / "secret.safetensors")
    for key in ("../secret", "secret.safetensors", str(tmp_path / "secret.safetensors"), "..", "runs", ""):
        with pytest.raises(UnknownCheckpoint):
            shelf.find(lab, key)


def test_a_file_is_opened_again_only_when_it_was_replaced(lab):
    path = write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    first = shelf.opened(path)
    assert shelf.opened(path) is first
    write_checkpoint(path, seed=9, more="so that the file has another size")
    assert shelf.opened(path) is not first


def test_a_picture_gets_its_bars_and_the_models_view(lab):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    eye, bars = do.answer(np.full((60, 40, 3), 255, np.uint8), "auto", "auto", hand())
    assert "28 × 28 pixels, grey" in eye and "Inverted" in eye
    assert bars.count("<li>") == 5 and "only answer with its own 10 classes" in bars and "Ankle boot" in bars
    eye, _ = do.answer(np.full((60, 40, 3), 255, np.uint8), "auto", "no", hand())
    assert "Inverted" not in eye
    assert "click an example" in do.answer(None, "auto", "auto", hand())[1]


def test_refusals_stand_where_the_answer_would(lab):
    do = Handlers(lab)
    assert "no weights yet" in do.answer(None, "auto", "auto", hand())[1]
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    _, bars = do.answer(b"<svg onload='x()'/>", "auto", "auto", hand())
    assert 'role="alert"' in bars and "SVG" in bars
    _, bars = do.answer(None, "auto", "auto", hand("gone"))
    assert 'role="alert"' in bars and "gone" in bars and "gone" in do.grade(hand("gone"))


def test_a_colour_picture_before_a_grey_model_gets_the_offer_of_another(lab, monkeypatch):
    monkeypatch.setattr(shelf, "published", list, raising=False)
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do, colourful = Handlers(lab), np.zeros((40, 40, 3), np.uint8)
    colourful[:, :20, 0] = 200
    assert "in colour" not in do.answer(colourful, "auto", "auto", hand())[1]
    write_checkpoint(checkpoints.SHIPPED / "photos.safetensors", channels=3, dataset="cifar10-jpeg")
    bars = do.answer(colourful, "auto", "auto", hand("small"))[1]
    assert bars.count("<li>") == 5 and "this model sees it in grey" in bars and "&quot;use&quot;: &quot;photos" in bars
    for plain in (colourful[:, :, :1], np.full((40, 40, 3), 90, np.uint8), np.full((9, 9, 3), (90, 95, 80), np.uint8)):
        assert "in colour" not in do.answer(plain, "auto", "auto", hand("small"))[1]
    assert "in colour" not in do.answer(colourful, "auto", "auto", hand("photos"))[1]
    taken, tab = do.follow(hand("small"), clicked(use="photos"))
    assert Hand.of(taken).checkpoint == "photos" and tab == gr.skip()
    assert do.follow(hand(), clicked(go="train"))[1].selected == "train"
    with pytest.raises(UnknownCheckpoint):
        do.follow(hand(), clicked(use="../photos"))


def test_the_image_field_hands_on_files_unopened(tmp_path):
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(b"no picture at all")
    assert handed_on(ImageData(path=str(bomb))) == str(bomb)
    assert handed_on(None) is None
    address = "data:image/png;base64," + base64.b64encode(b"abc").decode()
    assert handed_on(ImageData(url=address)) == b"abc"
    assert handed_on(ImageData(url="data:image/png;base64,§")) == b""
    image = safe_image(elem_id="here")
    assert image.preprocess(ImageData(path=str(bomb))) == str(bomb) and image.get_block_name() == "image"
    again = image.__class__(**image.constructor_args)  # what Gradio does when a handler skips or updates the component
    assert again.preprocess(ImageData(path=str(bomb))) == str(bomb) and again.elem_id == "here"
    assert not list(Path(examples.__file__).parent.glob("*.pyi"))


def test_what_browsers_cannot_show_is_shown_to_them(lab, tmp_path):
    do = Handlers(lab)
    Image.new("RGB", (30, 20), (1, 2, 3)).save(tmp_path / "scan.TIF")
    (tmp_path / "broken.tif").write_bytes(b"II*")
    assert do.show_upload(str(tmp_path / "scan.TIF")).size == (30, 20)
    for other in (str(tmp_path / "broken.tif"), "photo.jpg", b"bytes", None):
        assert do.show_upload(other) == gr.skip()


def test_a_card_alone_fills_the_tables(lab, monkeypatch):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors", test=TEST)

    def no_data(*args, **options):
        raise DataUnavailable(dataset="Fashion-MNIST", why="it is not here", instead="")

    monkeypatch.setattr(gradebook, "load_data", no_data)
    page = Handlers(lab).grade(hand())
    assert "<b>0.950</b>" in page and "on 1,000 test pictures of Fashion-MNIST; 95 % interval 0.935 to 0.962" in page
    assert page.count('role="gridcell"') == 100 and page.count('<th scope="row"><button') == 10
    assert "Trouser (5)" in page and "T-shirt/top → Trouser: 5" in page
    with pytest.raises(LabError, match="not on this machine"):
        Handlers(lab).show(hand(), clicked(show="class", true=0), silent)


def test_a_click_on_a_cell_shows_those_pictures(lab, pictures):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    assert "Test it on 10,000 pictures" in do.grade(hand())
    figures, _ = do.show(hand(), clicked(show="some"), silent)
    assert "on 60 test pictures" in figures
    found = gradebook.measure(lab, shelf.chosen(lab, Hand()), silent)
    said = int(found.predicted[3])
    _, strip = do.show(hand(), clicked(show="cell", true=3, predicted=said), silent)
    wanted = {i for i in range(60) if found.labels[i] == 3 and found.predicted[i] == said}
    assert shown(strip) == wanted and 3 in wanted
    other = (said + 1) % 10
    count = found.grades.confusion[3][other]
    _, strip = do.show(hand(), clicked(show="cell", true=3, predicted=other), silent)
    assert len(shown(strip)) == count and f"{count} of 6." in strip


def shown(strip: str) -> set[int]:
    return {int(index) for index in re.findall(r"&quot;picture&quot;: (\d+)", strip)}


def test_a_class_shows_its_mistakes_first_and_surest_first(lab, pictures):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    found = gradebook.measure(lab, shelf.chosen(lab, Hand()), silent)
    for true in range(10):
        order = found.where(true)
        is_wrong = [bool(found.predicted[i] != true) for i in order]
        assert len(order) == 6 and is_wrong == sorted(is_wrong, reverse=True)
        sure = [float(found.confidence[i]) for i, wrong in zip(order, is_wrong) if wrong]
        assert sure == sorted(sure, reverse=True)
    mistakes = found.surest_mistakes()
    assert len(mistakes) == found.grades.n - found.grades.correct
    strip = strip_for(found, {"show": "mistakes"})
    assert 'class="wrong"' in strip and 'class="right"' not in strip


def test_the_second_look_computes_nothing(lab, pictures, monkeypatch):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    do.show(hand(), clicked(show="some"), silent)
    monkeypatch.setattr(gradebook, "evaluate", lambda *args, **options: pytest.fail("computed again"))
    assert "mistakes" in do.show(hand(), clicked(show="mistakes"), silent)[1]
    assert "on 60 test pictures" in do.grade(hand())
    figures, _ = do.show(hand(), clicked(show="mistakes", of=""), silent)
    assert figures == gr.skip()


def test_clicks_mean_the_weights_whose_figures_are_on_show(lab, pictures, monkeypatch):
    run = add_run(lab, "running", "2026-01-01T00:00:00")
    monkeypatch.setattr(type(lab.store.get(run)), "is_held", lambda run: True)
    do = Handlers(lab)
    figures, _ = do.show(hand(run), clicked(show="some"), silent)
    token = re.search(r"&quot;of&quot;: &quot;(\w+)&quot;", figures)[1]
    write_checkpoint(lab.store.get(run).last_path, seed=99, more="newer weights")
    monkeypatch.setattr(gradebook, "evaluate", lambda *args, **options: pytest.fail("computed again"))
    assert do.show(hand(run), clicked(show="mistakes", of=token), silent)[0] == gr.skip()
    assert do.take_from_strip(hand(run), clicked(picture=0, of=token)).size == (280, 280)
    assert "Try it on" in do.grade(hand(run))
    other = add_run(lab, "stopped", "2026-01-02T00:00:00")
    with pytest.raises(pytest.fail.Exception):
        do.show(hand(other), clicked(show="mistakes", of=token), silent)


def test_an_unfinished_run_is_judged_on_validation_and_never_on_test(lab, pictures):
    run = add_run(lab, "stopped", "2026-01-01T00:00:00")
    do = Handlers(lab)
    assert "Try it on 6,000 validation pictures" in do.grade(hand(run))
    pictures.test.images.fill_(0)
    do.show(hand(run), clicked(show="some"), silent)
    found = gradebook.measure(lab, shelf.find(lab, run), silent)
    assert found.grades.split == "validation" and found.grades.n == 20
    assert not any(bool((found.images.images[i] == 0).all()) for i in range(20))
    assert "on 20 validation pictures" in do.grade(hand(run)) and "judged on validation" in do.grade(hand(run))


def test_examples_are_the_test_pictures_they_say(lab):
    sheet = examples.sheet_for("fashion-mnist")
    assert tuple(sheet.images.images.shape) == (20, 1, 28, 28)
    assert sheet.images.labels.tolist() == [*range(10), *range(10)]
    described = json.loads((examples.FOLDER / "fashion-mnist.json").read_text(encoding="utf-8"))
    assert described["classes"] == list(CLASSES)
    if gradebook.availability("fashion-mnist").available:
        from resnet_demo.datasets import load_dataset

        test = load_dataset("fashion-mnist").test
        indices = [index for row in described["indices"] for index in row]
        assert torch.equal(test.images[indices], sheet.images.images)
        assert torch.equal(test.labels[indices], sheet.images.labels)


def test_a_clicked_example_comes_back_to_the_model_exactly(lab):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    do = Handlers(lab)
    sheet = examples.sheet_for("fashion-mnist").images.images
    for index in (0, 7, 19):
        picture = do.take_example(hand(), clicked(example=index))
        file = io.BytesIO()
        picture.save(file, "PNG")
        eye, _ = do.answer(file.getvalue(), "auto", "auto", hand())
        png = base64.b64decode(re.search(r"base64,([^\"]+)", eye)[1])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), sheet[index, 0].numpy())
    assert do.take_example(hand(), clicked(sample="boot-on-white")).mode == "RGB"


def test_a_picture_of_the_strip_can_be_classified(lab, pictures):
    write_checkpoint(checkpoints.SHIPPED / "small.safetensors")
    picture = Handlers(lab).take_from_strip(hand(), clicked(picture=5))
    assert picture.size == (280, 280)
    assert np.array_equal(np.asarray(picture.reduce(10)), pictures.test.images[5, 0].numpy())


@pytest.mark.parametrize(
    "message", [{}, {"example": -1}, {"example": 20}, {"example": "0"}, {"example": True}, None, [1]]
)
def test_messages_that_no_button_sends(lab, message):
    with pytest.raises(gr.Error):
        Handlers(lab).take_example(hand(), gr.EventData(None, {"sent": message}))
    assert sent(gr.EventData(None, None)) == {}


def test_every_state_of_a_run_has_its_words():
    from resnet_demo.runs.status import STATES

    assert {f"classify.state_{state}" for state in (*STATES, "shipped")} <= set(CLASSIFY)
