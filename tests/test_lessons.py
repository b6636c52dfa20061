"""The lessons: their files and links, the figures they quote, what was recorded for them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from statistics import mean
from urllib.parse import parse_qsl

import pytest
from made_recordings import STEPS, write

from resnet_demo.datasets import DATASETS
from resnet_demo.lessons import texts
from resnet_demo.lessons.figures import FIGURES, figures
from resnet_demo.lessons.reading import recorded, table
from resnet_demo.lessons.table import BLOCKS, GRADIENT_NETS, GRADIENTS, HERE, RECORDINGS, RUNS, SEEDS
from resnet_demo.recipes import RECIPES
from resnet_demo.specs import is_model
from resnet_demo.ui import lesson_pictures, lesson_runs, lessons_tab
from resnet_demo.ui.links import SETTINGS, form_of, wish_of
from resnet_demo.ui.strings import say

LONGEST = 420  # words of a lesson, so that it is one screen with its picture
PLACES = re.compile(r"{(\w+)(?::[^}]*)?}")
CLAIMS = re.compile(r"\?!?(\w+): ")


def all_links():
    return [(key, *link) for key in texts.KEYS for link in texts.links(texts.source(key))]


def test_every_lesson_has_one_file_and_every_file_is_a_lesson():
    files = {path.stem.split("-")[0] for path in (HERE / "en").glob("*.md")}
    assert files == set(texts.KEYS) and len(list((HERE / "en").glob("*.md"))) == len(texts.KEYS)
    titles = [texts.title(key) for key in texts.KEYS]
    assert len(set(titles)) == len(titles) and all(0 < len(title) <= 32 for title in titles)
    assert texts.source("1", "xx") == texts.source("1")


@pytest.mark.parametrize("key", texts.KEYS)
def test_a_lesson_is_short_and_has_something_to_try(key):
    body = texts.body(key, figures(key))
    longest = LONGEST if key.isdigit() else 2 * LONGEST
    assert len(body.split()) <= longest and (key == "teacher" or "\n## Try it\n" in body)
    assert texts.links(body)


@pytest.mark.parametrize("key", texts.KEYS)
def test_a_translated_lesson_says_the_same(key):
    ours, theirs = (re.split(r"\n{2,}", texts.source(key, lang).strip()) for lang in ("en", "zh"))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        assert CLAIMS.findall(one) == CLAIMS.findall(other)
        assert sorted(PLACES.findall(one)) == sorted(PLACES.findall(other))
        assert [address for _, address in texts.links(one)] == [address for _, address in texts.links(other)]


@pytest.mark.parametrize(("key", "words", "address"), all_links())
def test_every_link_fills_the_form_as_it_promises(key, words, address):
    said = dict(parse_qsl(address[1:], strict_parsing=True))
    if "lesson" in said:
        assert set(said) == {"lesson"} and said["lesson"] in texts.KEYS
        return
    assert set(said) <= {"model", "data", *SETTINGS} and is_model(said["model"]) and said["data"] in DATASETS
    form = form_of(wish_of(said))
    recipe = RECIPES[said.get("recipe", "budget")]
    assert form.recipe == recipe.name and form.lr == float(said.get("lr", recipe.peak_lr))
    assert (form.length, form.amount) in {(kind, float(said[kind])) for kind in ("steps", "epochs") if kind in said}
    assert form.batch_size == float(said.get("batch", recipe.batch_size))
    augment = said["augment"].split(",") if "augment" in said else recipe.augment
    assert form.augment == [name for name in augment if name != "none"]
    config = replace(form, model=said["model"], dataset=said["data"]).config()
    assert config.spec.name == said["model"]
    hand = json.loads(lessons_tab.filled(lessons_tab.Hand(), said))
    assert (hand["model"], hand["dataset"]) == (said["model"], said["data"])
    again = [form_of(lessons_tab.wished(said)) for _ in range(2)]
    assert again == [form, form] and lessons_tab.wished(said) != lessons_tab.wished(said)


@pytest.fixture
def made(tmp_path):
    """Every recording, with figures that can be worked out by hand: plain56 worst, forgetting and no norm bad."""
    bad = {"plain56": (0.9, 0.6), "plain44": (0.7, 0.7)}
    for name, recording in RECORDINGS.items():
        loss, accuracy = bad.get(recording.model, (0.5, 0.8))
        write(tmp_path, name, loss=loss + recording.seed / 100, accuracy=accuracy)
    write(tmp_path, "5-without-0.1", stop="diverged")
    write(tmp_path, "5-forgets", accuracy=0.3)
    write(tmp_path, "6-few-nothing", accuracy=0.7, losses=[0.5, 0.3, 0.6, 0.9])
    write(tmp_path, "6-plateau", lr=[0.1] * 10 + [0.05] * 10)
    norms = {f"{net}": [{"step": step, "norms": [8.0, 2.0, 1.0]} for step in (0, 10, 100)] for net in GRADIENT_NETS}
    norms["plain56"][1]["norms"] = norms["plain56"][2]["norms"] = [0.5, 2.0, 1.0]
    parts = [{"name": "layer1.0", "branch": 1.0, "passing": 2.0, "without": 0.7}]
    parts += [{"name": "layer2.0", "branch": 3.0, "passing": 2.0, "without": None}]
    row = {"model": "resnet20", "pictures": 2000, "accuracy": 0.9, "parts": parts}
    (tmp_path / f"{GRADIENTS}.json").write_text(json.dumps(norms))
    (tmp_path / f"{BLOCKS}.json").write_text(json.dumps({"resnet20-fashion-mnist": row}))
    return tmp_path


def test_the_figures_are_those_of_the_recordings(made):
    deeper = figures("1", made)
    assert deeper["plain56_loss"] == pytest.approx(0.9 + mean(SEEDS) / 100)
    assert deeper["plain20_accuracy"] == pytest.approx(0.8)
    assert deeper["degrades"] and deeper["from_depth"] == 44 and deeper["points_lost"] == pytest.approx(20)
    assert deeper["shortcut_helps"] and deeper["plain20_test"] == pytest.approx(0.79) and deeper["steps"] == STEPS
    assert deeper["deeper_even"]
    gradients = figures("2", made)
    assert (gradients["plain56_start"], gradients["plain56_end"], gradients["overshoots"]) == (8, 0.5, True)
    blocks = figures("3", made)
    assert (blocks["resnet20_mean"], blocks["resnet20_share"], blocks["resnet20_bar"]) == (0.7, 1.0, 0.5)
    assert (blocks["resnet20_costly"], blocks["resnet20_worst_name"], blocks["has_plain20"]) == (1, "layer1.0", False)
    norm = figures("5", made)
    assert norm["without_high_diverged"] and norm["without_high"] == 0.1 and not norm["broken_guesses"]
    assert not norm["norm_helps"] and not norm["norm_allows_more"]  # as far as the others, no further
    assert norm["forgetting_hurts"] and norm["forgets"] == 0.3
    few = figures("6", made)
    assert (
        few["nothing_rises"]
        and few["nothing_lowest"] == pytest.approx(1.4 / 3)
        and few["nothing_last"] == pytest.approx(0.6)
    )
    assert few["nothing_gap"] == pytest.approx(10) and few["nothing_kept"] and not few["none_helps"]
    assert few["plateau_fired"] and few["annealing_depends"]


def test_several_seeds_are_told_of_as_several(made):
    body = texts.body("1", figures("1", made))
    assert "was trained 3 times (thin lines; Plain-32 and Plain-44 once)" in body
    assert "in every run" in body and "Plain-20 (one run each)" not in body


def test_what_is_recorded_of_a_lesson_is_told_before_the_rest_is(made):
    (made / "6-steps.jsonl").unlink()
    body = texts.body("6", figures("6", made))
    assert "it overfits" in body and "not all recorded yet" in body and "0.1: constant" not in body
    rows = json.loads((made / f"{BLOCKS}.json").read_text())
    plain = {**rows["resnet20-fashion-mnist"], "model": "plain20", "accuracy": 0.95}
    (made / f"{BLOCKS}.json").write_text(json.dumps({**rows, "plain20-fashion-mnist": plain}))
    body = texts.body("3", figures("3", made))
    assert "So a lost block costs the plain network more: 25 points on average, against 20." in body
    assert "was not taken apart" not in body


def test_where_deeper_is_not_worse_the_lesson_does_not_say_so(made):
    for seed in SEEDS:
        write(made, f"1-plain56-seed{seed}", loss=0.4 + seed / 10, accuracy=0.8)
    found = figures("1", made)
    assert not found["degrades"] and "So the degradation is not shown here" in texts.body("1", found)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("key", FIGURES)
def test_a_lesson_quotes_only_what_there_is(made, tmp_path_factory, key, lang):
    found, source = figures(key, made), texts.source(key, lang)
    quoted = set(PLACES.findall(source)) | set(CLAIMS.findall(source))
    absent = {name for name in quoted if name not in found}
    assert all(name.partition("_")[0] in ("plain20", "resnet56") and key == "3" for name in absent)
    claims = [name for name, value in found.items() if isinstance(value, bool) and name != "recorded"]
    for said in (None, True, False):
        with_all = {**{name: 0.5 for name in absent}, **found, **{name: said for name in claims if said is not None}}
        body = texts.body(key, with_all, lang)
        assert "{" not in body and not CLAIMS.search(body)
    body = texts.body(key, figures(key, tmp_path_factory.mktemp("empty")), lang)
    assert "{" not in body and not CLAIMS.search(body)


def test_the_prose_about_gradients_is_true_of_its_drawing():
    ratio = lambda kind, depth, norm=True: (norms := lessons_tab._at_start(depth, kind, norm))[0] / norms[-1]  # noqa: E731
    assert ratio("plain", 20) > 10 and ratio("plain", 56) > 1_000 and ratio("plain", 110) > 2e6
    assert all(ratio("resnet", depth) < 50 for depth in (20, 56, 110))
    assert ratio("plain", 56, norm=False) < 0.1 < ratio("resnet", 56, norm=False) < 10
    assert max(lessons_tab._at_start(56, "resnet", False)) > 100 * max(lessons_tab._at_start(56, "resnet", True))


def test_blocks_have_their_names_below_their_bars_and_in_a_table():
    few = {"accuracy": 0.9, "parts": [{"name": "layer1.0", "branch": 1.0, "passing": 3.0, "without": 0.5}]}
    many = {"accuracy": 0.9, "parts": [{**few["parts"][0], "name": f"layer{i // 9 + 1}.{i % 9}"} for i in range(27)]}
    drawn, table = lesson_pictures.blocks({"ResNet-8": few}).split("<details")
    assert ">layer1.0</text>" in drawn
    assert "<td>ResNet-8</td><td>layer1.0</td><td>0.250</td><td>0.500</td>" in table
    drawn, table = lesson_pictures.blocks({"ResNet-56": many}).split("<details")
    assert drawn.count("</text>") == 3 + 3 and table.count("<td>layer") == 27


def test_what_every_lesson_needs_is_recorded_as_the_table_says():
    for name, recording in RECORDINGS.items():
        found = recorded(name)
        assert found is not None, f"python scripts/record_lessons.py {name}"
        head = found.head
        assert (head["id"], head["spec"]["name"], head["data"]) == (name, recording.model, recording.dataset)
        assert (head["seed"], head["length"]["steps"], head["pictures"]) == (
            recording.seed,
            recording.steps,
            recording.pictures,
        )
        assert head["recipe"]["peak_lr"] == recording.full_recipe.peak_lr
        assert found.has_diverged or found.history.step == recording.steps
        assert (RUNS / f"{name}.jsonl").stat().st_size < 60_000
    assert set(table(GRADIENTS)) == set(GRADIENT_NETS)
    assert "resnet20-fashion-mnist" in table(BLOCKS)


def test_the_shipped_lesson_says_what_its_files_hold():
    """Read by other means than the lesson's own: lines of JSON."""

    def ends(model):
        files = [(RUNS / f"1-{model}-seed{seed}.jsonl").read_text().splitlines() for seed in SEEDS]
        runs = [[json.loads(line) for line in lines] for lines in files]
        last = [[row for row in run if row["event"] == "validation"][-1]["accuracy"] for run in runs]
        losses = [[r["loss"] for r in run if r["event"] == "step" and r["step"] > 0.9 * 366] for run in runs]
        return mean(last), mean(map(mean, losses))

    said = lessons_tab.words("1")
    (plain20, loss20), (plain56, loss56), (resnet56, _) = map(ends, ("plain20", "plain56", "resnet56"))
    for quoted in (f"{plain20:.3f}", f"{plain56:.3f}", f"{resnet56:.3f}", f"{loss20:.2f}", f"{loss56:.2f}"):
        assert quoted in said
    assert ("not shown here" in said) or (loss56 > loss20)
    if "points less." in said:
        assert f"{100 * (plain20 - plain56):.1f} points less" in said


def test_every_view_is_named_and_drawn(made, monkeypatch):
    monkeypatch.setattr(lesson_runs, "RUNS", made)
    monkeypatch.setattr(lesson_runs, "recorded", lambda name: recorded(name, made))
    lesson_runs._drawn.cache_clear()
    for lesson, views in lesson_runs.VIEWS.items():
        for view in set(views) - {"long"}:
            assert view in lesson_runs.views_of(lesson) and say(f"lessons.view_{view}")
            drawn = json.loads(lesson_runs.series(None, lesson, view))
            assert {run["name"] for run in drawn if not run["ghost"]} and all(
                run["data"]["train"]["step"] for run in drawn
            )
    four = json.loads(lesson_runs.series(None, "1", "four"))
    thin = len(SEEDS) if len(SEEDS) > 1 else 0
    assert len(four) == 4 * (1 + thin) and sum("thin" in run["look"] for run in four) == 4 * thin
    bold = next(run for run in four if run["name"] == "Plain-56" and not run["ghost"])
    assert bold["data"]["train"]["mean_loss"][0] == pytest.approx(0.9 + mean(SEEDS) / 100) and "plain" in bold["look"]
    lesson_runs._drawn.cache_clear()


def test_a_lesson_that_is_not_recorded_says_how_it_would_be(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons_tab, "figures", lambda key: figures(key, tmp_path))
    monkeypatch.setattr(lesson_runs, "RUNS", tmp_path)
    told = json.loads(lessons_tab.curves_value("5"))
    assert not told["views"] and "scripts/record_lessons.py 5" in told["missing"]
    assert "{" not in lessons_tab.words("5")
    assert json.loads(lessons_tab.curves_value("7"))["missing"] == ""


def test_a_link_that_nobody_should_send_changes_nothing_unknown():
    said = {"model": "../../x", "data": "nowhere", "steps": "10"}
    hand = json.loads(lessons_tab.filled(lessons_tab.Hand(), said))
    assert (hand["model"], hand["dataset"]) == ("resnet20", "fashion-mnist")


def test_the_gradients_answer_any_depth_with_one_that_there_is():
    assert "Plain-8:" in lessons_tab.gradient_picture(-5, True, 0)
    assert "Plain-20:" in lessons_tab.gradient_picture(21.5, False, 0)
    assert 'class="quiet"' in lessons_tab.gradient_picture(1e9, True, 7).replace("'", '"')
