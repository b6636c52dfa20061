"""ImageNet's weights and the Hub on the Classify tab: handlers, without a browser."""

from __future__ import annotations

import gradio as gr
import pytest
from hub_stand_in import OWNER, TOKEN, Repository
from made_pictures import picture
from safetensors.torch import save
from test_classify_tab import clicked, hand, lab, silent, write_checkpoint  # noqa: F401
from test_fetch import server  # noqa: F401
from test_hub import hub  # noqa: F401
from test_imagenet import NAME, hub_folder, small, theirs, there  # noqa: F401

from resnet_demo import build_model
from resnet_demo import checkpoint as checkpoints
from resnet_demo.errors import LabError
from resnet_demo.runs.classroom import Classroom
from resnet_demo.ui import shelf
from resnet_demo.ui.api import Endpoints
from resnet_demo.ui.bring import Bringing
from resnet_demo.ui.classify_handlers import Handlers
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.hub_form import HubForm
from resnet_demo.ui.offer import Offer
from resnet_demo.ui.page import Lab


@pytest.fixture
def shipped(lab):  # noqa: F811
    return write_checkpoint(checkpoints.SHIPPED / "small.safetensors")


def test_weights_that_are_not_here_are_offered_with_their_size(lab, shipped, small):  # noqa: F811
    small("good")
    words = dict((key, text) for text, key in shelf.choices(lab))
    assert words[NAME] == "ResNet-18 on ImageNet · 0.698 as published · torchvision's weights, 1 MB to download"
    assert Handlers(lab).choose(hand(), NAME) == hand()
    said, listed = Offer(lab).show(hand(), NAME)
    assert "1 MB" in said and "127.0.0.1" in said and "Terms" in said and listed["value"] == "small"
    assert Offer(lab).show(hand(), "small")[0] == "" and Offer(lab).show(hand(), None)[0] == ""
    assert "1 MB" in Offer(lab).follow(hand(), clicked(use=NAME))
    with pytest.raises(LabError, match="not on this machine yet"):
        shelf.find(lab, NAME)
    assert "not on this machine yet" in Handlers(lab).answer(picture(9), "auto", "auto", hand(NAME))[1]
    assert shelf.chosen(lab, Hand()).key == "small"


def test_a_download_shows_how_far_it_is_and_then_the_weights_are_in_hand(lab, shipped, small):  # noqa: F811
    small("good")
    told = []
    said, held = Offer(lab).act(hand(), clicked(fetch=NAME), lambda share, desc: told.append(desc))
    assert said == "" and Hand.of(held).checkpoint == NAME and Hand.of(held).model == "resnet18"
    assert told and "downloading ResNet-18" in told[0]
    assert Offer(lab).act(hand(), clicked(fetch=None), silent)[0] == ""


def test_a_failed_download_leaves_what_was_in_hand(lab, shipped, small):  # noqa: F811
    small("cut")
    said, held = Offer(lab).act(hand(), clicked(fetch=NAME), silent)
    assert 'role="alert"' in said and "cut off" in said and "Try again" in said
    assert held == gr.skip() and shelf.chosen(lab, Hand.of(hand())).key == "small"


@pytest.mark.slow
def test_published_weights_answer_and_say_whose_figures_they_have(lab, shipped, there, monkeypatch):  # noqa: F811
    do, held = Handlers(lab), Handlers(lab).choose(hand(), NAME)
    assert Hand.of(held).checkpoint == NAME
    eye, bars = do.answer(picture(90), "auto", "auto", held)
    assert "224 × 224" in eye and "1,000 classes" in bars
    figures = do.grade(held)
    assert "69.8%" in figures and "ResNet18_Weights.IMAGENET1K_V1" in figures and "<table" not in figures
    monkeypatch.setattr("resnet_demo.ui.api.uploaded", lambda image: (image, "x.png"))
    path = lab.root / "x.png"
    path.write_bytes(picture(90))
    (answer,) = Endpoints(lab).classify([path], NAME, 3)
    assert len(answer["top"]) == 3
    assert do.mirror(held)[0]["value"] == NAME


def form(lab):  # noqa: F811
    return HubForm(lab, Bringing(lab))


def test_a_checkpoint_is_published_and_fetched_again(lab, shipped, hub):  # noqa: F811
    said, field = form(lab).publish(f"{OWNER}/net", True, f" {TOKEN} ", hand(), silent)
    assert f"{hub.url}/{OWNER}/net" in said and field == "" and TOKEN not in said
    assert hub.repositories[f"{OWNER}/net"].is_private
    hub.repositories[f"{OWNER}/net"].is_private = False
    *_, held = form(lab).fetch(f"{OWNER}/net", hand(), silent)
    entry = shelf.find(lab, Hand.of(held).checkpoint)
    assert entry.state == "imported" and entry.dataset == "fashion-mnist"


def test_a_refused_token_is_not_shown(lab, shipped, hub):  # noqa: F811
    for token in ("hf_wrong" * 4, "no token at all", "x\ny" * 9):
        said, field = form(lab).publish(f"{OWNER}/net", False, token, hand(), silent)
        assert 'role="alert"' in said and field == "" and token not in said


def test_on_a_shared_lab_nobody_acts_as_its_owner(lab, shipped, hub, monkeypatch):  # noqa: F811
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "Published" in form(lab).publish(f"{OWNER}/own", True, "", hand(), silent)[0]
    room = Lab(lab.root, lab.store, None, Classroom(is_shared=True))
    assert "token of yours" in form(room).publish(f"{OWNER}/net", False, "", hand(), silent)[0]
    assert f"{OWNER}/net" not in hub.repositories
    with pytest.raises(LabError, match="or it is private"):
        form(room).fetch(f"{OWNER}/own", hand(), silent)
    *_, held = form(lab).fetch(f"{OWNER}/own", hand(), silent)
    assert Hand.of(held).checkpoint.startswith("imported-")


def test_weights_without_a_card_fill_the_form_for_ones_own(lab, hub):  # noqa: F811
    state = build_model("resnet20", num_classes=10, in_channels=1, seed=1).state_dict()
    hub.repositories["b/digits"] = Repository({"model.safetensors": save(state)})
    file, which, network, data, classes, held = form(lab).fetch("b/digits@main", hand(), silent)
    assert file.endswith("digits.safetensors") and "resnet20" in which and network["visible"] and classes == ""
    assert ("MNIST", "mnist") in data["choices"] and held == gr.skip()
    with pytest.raises(gr.Error):
        form(lab).fetch(" ", hand(), silent)
