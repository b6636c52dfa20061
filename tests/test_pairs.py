"""Two checkpoints on the same pictures: the counts, the tables, the pictures, and which ones are offered."""

from __future__ import annotations

import re
from dataclasses import replace

import gradio as gr
import pytest
import torch
from test_classify_tab import CLASSES, add_run, clicked, hand, lab, pictures, shown, silent, write_checkpoint  # noqa: F401

from resnet_demo import checkpoint as checkpoints
from resnet_demo.errors import ClassesDiffer
from resnet_demo.intervals import sign_test
from resnet_demo.ui import gradebook, pair_view, pairs, shelf
from resnet_demo.ui.classify_handlers import Handlers


@pytest.fixture
def two(lab, pictures):  # noqa: F811
    """Checkpoints “one” and “two”, the latter with its classes in another order."""
    write_checkpoint(checkpoints.SHIPPED / "one.safetensors")
    write_checkpoint(checkpoints.SHIPPED / "two.safetensors", seed=4, classes=list(reversed(CLASSES)))
    return pairs.Pairing(lab)


def paired(lab):  # noqa: F811
    return pairs.measured(lab, shelf.find(lab, "one"), shelf.find(lab, "two"), silent)


def test_every_picture_is_counted_once_and_where_it_belongs(two, pictures):  # noqa: F811
    pair = paired(two.lab)
    truth = pictures.test.labels
    first, second = pair.first.predicted == truth, pair.second.predicted == truth
    wanted = {"both": first & second, "first": first & ~second, "second": ~first & second, "neither": ~first & ~second}
    for kind, chosen in wanted.items():
        assert pair.counts()[kind] == int(chosen.sum())
        assert sorted(pair.where(kind)) == chosen.nonzero().flatten().tolist()
        for true in range(10):
            assert pair.counts(true)[kind] == int((chosen & (truth == true)).sum())
    assert len(pair.where("differ")) == int((pair.first.predicted != pair.second.predicted).sum())
    sure = [float(pair.first.confidence[i] + pair.second.confidence[i]) for i in pair.where("all")]
    assert len(sure) == 60 and sure == sorted(sure, reverse=True)


def test_another_order_of_the_classes_changes_nothing(two):
    pair = paired(two.lab)
    alone = gradebook.measure(two.lab, shelf.find(two.lab, "two"), silent)
    assert pair.second.grades.accuracy == alone.grades.accuracy and pair.second.grades.classes == CLASSES
    for true, name in enumerate(CLASSES):
        assert pair.second.grades.row(true) == alone.grades.row(alone.grades.classes.index(name))


def test_the_figures_are_those_of_the_pair(two):
    pair, (page, below) = paired(two.lab), two.compare(hand("one"), "two", silent)
    counts = pair.counts()
    assert [int(n.replace(",", "")) for n in re.findall(r"<td><button[^>]*>([\d,]+)<", page)] == [
        counts[kind] for kind in ("both", "first", "second", "neither")
    ]
    assert [float(n) for n in re.findall(r"<b>(0\.\d{3})</b>", page)] == [
        round(side.grades.accuracy, 3) for side in (pair.first, pair.second)
    ]
    rows = page.split("<tbody>")[2].split("<tr>")[1:]
    values = [[float(value) for value in re.findall(r'data-v="([-\d.]+)"', row)] for row in rows]
    for true, (n, first, _, second, _, difference, only_first, only_second) in enumerate(values):
        of_class = pair.counts(true)
        assert (n, only_first, only_second) == (6, of_class["first"], of_class["second"])
        assert first == pytest.approx((of_class["both"] + of_class["first"]) / 6, abs=1e-6)
        assert second - first == pytest.approx(difference, abs=1e-5)
    assert len(values) == 10 and "Click a count" in below


def test_a_click_shows_those_pictures_with_both_answers(two):
    pair = paired(two.lab)
    for kind in ("both", "first", "second", "neither", "differ"):
        strip = two.show(hand("one"), "two", clicked(show=kind))
        assert shown(strip) == set(pair.where(kind)[: pair_view.MOST_PICTURES])
    index = pair.where("differ", 3)[0]
    strip = two.show(hand("one"), "two", clicked(show="differ", true=3))
    said = [side.grades.classes[side.predicted[index]] for side in (pair.first, pair.second)]
    assert all(f"</b> {name}" in strip for name in said) and "is Dress" in strip and "of Dress" in strip
    picture = two.take(hand("one"), "two", clicked(picture=index))
    assert picture.size == (280, 280)
    for wrong in (-1, 60, "0", True, None):
        with pytest.raises(gr.Error):
            two.take(hand("one"), "two", clicked(picture=wrong))


def test_the_second_look_computes_nothing(two, monkeypatch):
    page = two.compare(hand("one"), "two", silent)
    monkeypatch.setattr(gradebook, "evaluate", lambda *args, **options: pytest.fail("computed again"))
    assert two.compare(hand("one"), "two", silent) == page
    gradebook._kept.clear()  # a server that was started again reads them from disk
    assert two.compare(hand("one"), "two", silent) == page
    assert "<b>0." in Handlers(two.lab).grade(hand("two"))


def test_an_unfinished_run_has_both_judged_on_validation(two):
    run = add_run(two.lab, "stopped", "2026-01-01T00:00:00")
    for first, second in ((run, "one"), ("one", run)):
        page, _ = two.compare(hand(first), second, silent)
        assert "judged on validation" in page and page.count("on 20 pictures") == 2


def test_only_those_with_the_same_classes_are_offered(two, lab):  # noqa: F811
    other = write_checkpoint(checkpoints.SHIPPED / "other.safetensors", classes=[f"c{n}" for n in range(10)])
    offered = two.offer(shelf.find(lab, "one"))
    assert [key for _, key in offered["choices"]] == ["two"] and offered["interactive"]
    alone = two.offer(shelf.find(lab, "other"))
    assert alone["choices"] == [] and "no other checkpoint" in alone["info"] and not alone["interactive"]
    assert Handlers(lab).mirror(hand("one"))[3] == offered
    assert 'role="alert"' in two.compare(hand("one"), other.stem, silent)[0]
    with pytest.raises(ClassesDiffer):
        pairs.measured(lab, shelf.find(lab, "one"), shelf.find(lab, "other"), silent)
    assert two.compare(hand("one"), None, silent) == ("", "")
    assert 'role="alert"' in two.compare(hand("one"), "never-was", silent)[0]


def test_answers_to_other_pictures_are_not_paired(two):
    pair = paired(two.lab)
    other = replace(pair.second, labels=torch.zeros(60, dtype=torch.int64), key="two")
    gradebook.lend("other", other)
    with pytest.raises(gr.Error):
        two.show(hand("one"), "two", clicked(show="differ", of=["", "other"]))


def test_names_are_escaped(two):
    page = pair_view.pair_html(paired(two.lab), ["<script>a", "b&c"])
    assert "<script>" not in page and "b&amp;c" in page


def test_the_chance_of_so_large_a_difference():
    assert sign_test(0, 0) == sign_test(4, 4) == 1
    assert sign_test(1, 9) == sign_test(9, 1) == pytest.approx(22 / 1024)
    assert sign_test(59, 6) == pytest.approx(8e-12, rel=0.5) and sign_test(3000, 3000) == 1
