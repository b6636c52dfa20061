from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_demo.ui.hand import Hand


def test_there_and_back():
    hand = Hand(model="plain56", dataset="cifar10", checkpoint="20260101-1200-resnet20-ab12", run="x")
    assert Hand.of(hand.to_json()) == hand


@pytest.mark.parametrize(
    "text", ["", None, "{", "[]", "null", "3", '"resnet20"', "[" * 100_000, '{"model": ["resnet20"]}']
)
def test_what_is_no_hand_becomes_the_default(text):
    assert Hand.of(text) == Hand()


def test_unknown_words_become_defaults_and_known_ones_stay():
    given = {
        "model": "resnet21",
        "dataset": "imagenet",
        "checkpoint": "ok",
        "run": "../../etc",
        "more": 1,
    }
    assert Hand.of(json.dumps(given)) == Hand(checkpoint="ok")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "..", "a/../b", "C:\\x", "~root", "a b", "-x", ".hidden", "x\n", "x" * 201, "a//b", "é"]
)
def test_no_path_that_leads_elsewhere_is_ever_in_hand(name):
    hand = Hand.of(json.dumps({"checkpoint": name, "run": name}))
    assert (hand.checkpoint, hand.run) == ("", "")


def test_another_model_or_data_set_lets_go_of_the_checkpoint():
    hand = Hand(checkpoint="mine", run="mine")
    assert hand.with_(model="resnet56").checkpoint == ""
    assert hand.with_(dataset="mnist").checkpoint == ""
    assert hand.with_(model="resnet56", checkpoint="yours").checkpoint == "yours"
    assert hand.with_(run="other").checkpoint == "mine"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_never_raises(value):
    Hand.of(json.dumps(value))


@given(st.text())
def test_never_raises_on_text(text):
    Hand.of(text)
