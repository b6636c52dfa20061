"""Every language says everything: the page's words, the core's sentences, the lessons; each page speaks its own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from apart import finished
from core_sentences import Source

from resnet_demo.datasets import DATASETS
from resnet_demo.errors import PictureRefused
from resnet_demo.lessons import texts
from resnet_demo.runs.export import settings
from resnet_demo.ui.failures import sentence
from resnet_demo.ui.strings import DEFAULT, LANGUAGES, kept_by_language, language, named, say, speaking, spoken
from resnet_demo.ui.strings.sentences import HOLE, Sentences
from resnet_demo.ui.tongue import FirstScript
from resnet_demo.verbs import run_config

OTHERS = tuple(key for key in LANGUAGES if key != DEFAULT)
every_other = pytest.mark.parametrize("lang", OTHERS)
ENGLISH = LANGUAGES[DEFAULT].words
LESSONS = Path(texts.__file__).parent


def fields(text: str) -> set[str]:
    """The values that a text is filled with: `moment.day` is part of `moment`."""
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(text) if name}


# ---- the page's words --------------------------------------------------------------------------------------------
@every_other
def test_all_words_are_there_and_no_others(lang: str) -> None:
    words = LANGUAGES[lang].words
    assert not (lacking := sorted(ENGLISH.keys() - words.keys())), f"{lang}.py lacks {lacking}"
    assert not (more := sorted(words.keys() - ENGLISH.keys())), f"{lang}.py has {more}, which nobody says"
    assert all(text.strip() or not ENGLISH[key].strip() for key, text in words.items())


@every_other
def test_words_are_filled_with_the_same_values(lang: str) -> None:
    wrong = {key: text for key, text in LANGUAGES[lang].words.items() if fields(text) - fields(ENGLISH[key])}
    assert not wrong


def test_settings_have_names() -> None:
    names = settings(run_config("resnet20", "fashion-mnist", "budget", epochs=1)).keys() - {"parent"}
    assert not [name for name in names if f"setting.{name}" not in ENGLISH]


@every_other
def test_names_are_those_of_classes_and_data(lang: str) -> None:
    known = {name for spec in DATASETS.values() for name in (spec.title, *spec.classes)} | {"my pictures"}
    assert not LANGUAGES[lang].names.keys() - known


# ---- the core's sentences ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    return Source().sentences


def holes(text: str) -> list[str]:
    return sorted(HOLE.findall(text))


@every_other
def test_all_errors_are_translated(lang: str, said: dict[str, str]) -> None:
    known = LANGUAGES[lang].sentences.templates
    missing = [f"    {text!r}: {''!r},  # {where}" for text, where in said.items() if not known.get(text)]
    assert not missing, f"{len(missing)} keys lack among the TEMPLATES of {lang}:\n" + "\n".join(missing)


@every_other
def test_no_errors_are_translated_that_nobody_says(lang: str, said: dict[str, str]) -> None:
    stale = [repr(text) for text in LANGUAGES[lang].sentences.templates if text not in said]
    assert not stale, "nobody says this any more:\n" + "\n".join(stale)


@every_other
def test_translated_errors_have_the_same_holes(lang: str) -> None:
    templates = LANGUAGES[lang].sentences.templates
    assert not [text for text, words in templates.items() if holes(text) != holes(words)]


def test_errors_stay_as_they_are_where_no_table_knows_them() -> None:
    table = Sentences({"{path} cannot be used as a checkpoint: {why}.": "{path} 不能用作检查点：{why}。"})
    assert table.translated("a.pth cannot be used as a checkpoint: Sun.") == "a.pth 不能用作检查点：Sun。"
    assert table.translated("Something else.") == "Something else."


@every_other
def test_what_visitors_put_into_a_sentence_takes_no_long_time(lang: str) -> None:
    hostile = " knows the classes " * 100 + ", but the data have " * 100
    start = time.process_time()
    LANGUAGES[lang].sentences.translated(f"There is no model called “{hostile}”. Choose one of: none yet.")
    LANGUAGES[lang].sentences.translated(hostile * 100)
    assert time.process_time() - start < 1.0


def test_parts_of_errors_are_translated_in_turn() -> None:
    table = Sentences(
        {
            "{picture} cannot be used: {why}.": "无法使用 {picture}：{why}。",
            "{path} cannot be used as a data set: {why}.": "{path} 不能用作数据集：{why}。",
            "none of its pictures can be read. {1}": "其中没有一张图片可以读取。{1}",
            "it is larger than {1} MB": "它大于 {1} MB",
        }
    )
    refused = "b.png cannot be used: it is larger than 50 MB"
    told = f"a.zip cannot be used as a data set: none of its pictures can be read. {refused}."
    assert table.translated(told) == "a.zip 不能用作数据集：其中没有一张图片可以读取。无法使用 b.png：它大于 50 MB。"


# ---- the lessons -------------------------------------------------------------------------------------------------
def claims(source: str) -> list[tuple[str, str]]:
    return re.findall(r"^\?(!?)(\w+):", source, re.MULTILINE)


@every_other
@pytest.mark.parametrize("key", texts.KEYS)
def test_lessons_make_the_same_claims_with_the_same_figures(lang: str, key: str) -> None:
    assert list((LESSONS / lang).glob(f"{key}*.md")), f"lesson {key} is not there in {lang}"
    ours, theirs = texts.source(key), texts.source(key, lang)
    assert fields(theirs) == fields(ours)
    assert sorted(claims(theirs)) == sorted(claims(ours))
    assert [address for _, address in texts.links(theirs)] == [address for _, address in texts.links(ours)]


# ---- who speaks what ---------------------------------------------------------------------------------------------
def test_handlers_go_on_in_the_language_they_were_made_in() -> None:
    with speaking("zh"):
        plain = spoken(lambda: (language(), say("frame.tab_train")))

        @spoken
        async def later() -> str:
            await asyncio.sleep(0)
            return await asyncio.to_thread(language)

    assert plain() == ("zh", "训练") and finished(later()) == "zh" and language() == DEFAULT
    with pytest.raises(KeyError), speaking("tlh"):
        pass


def test_what_is_kept_is_kept_for_each_language() -> None:
    made = []

    @kept_by_language(maxsize=2)
    def words(key: str) -> str:
        made.append(key)
        return say(key)

    for lang in ("en", "zh", "en", "zh"):
        with speaking(lang):
            assert words("frame.tab_train") == say("frame.tab_train")
    assert len(made) == 2


def test_errors_and_names_are_told_in_the_language_of_the_page() -> None:
    refused = PictureRefused(picture="a.png", why="it is damaged or cut off")
    assert sentence(refused) == str(refused) and named("Ankle boot") == "Ankle boot"
    with speaking("zh"):
        assert re.search("[一-鿿]", sentence(refused)) and "damaged" not in sentence(refused)
        assert named("Ankle boot") == "短靴" and named("a folder of mine") == "a folder of mine"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from resnet_demo.ui import build_app, open_lab

    lab = open_lab(tmp_path_factory.mktemp("home"))
    yield build_app(lab)
    lab.scheduler.close()


@pytest.mark.slow
def test_every_handler_speaks_the_language_of_its_page(app: Any) -> None:
    handlers = [(one.page or DEFAULT, one.fn) for one in app.fns.values() if one.fn]
    handlers += [
        (block.page or DEFAULT, fn) for block in app.blocks.values() for fn in getattr(block, "server_fns", ())
    ]
    assert {page for page, _ in handlers} == set(LANGUAGES)
    mute = [f"{page}: {fn.__name__}" for page, fn in handlers if _language_of(fn) != page]
    assert not mute, "made without `guarded` or `spoken`"


def _language_of(fn: Any) -> str | None:
    while fn is not None and not hasattr(fn, "language"):
        fn = getattr(fn, "__wrapped__", None)
    return getattr(fn, "language", None)


@pytest.mark.slow
def test_every_page_has_the_same_parts_and_endpoints_are_on_one(app: Any) -> None:
    parts: dict[str, list[str]] = {}
    for block in app.blocks.values():
        if name := getattr(block, "elem_id", None):
            parts.setdefault(block.page, []).append(name)
    assert set(parts) == {"", *OTHERS} and all(parts[page] == parts[""] for page in OTHERS)
    names = [one.api_name for one in app.fns.values() if one.api_visibility == "public"]
    assert {"models", "classify", "start_run"} <= set(names)
    assert all(one.page == "" for one in app.fns.values() if one.api_visibility == "public")


def test_html_goes_out_with_its_language_and_the_script_in_front() -> None:
    page = b'<!doctype html><html\n\tlang="en"><head><meta></head><body></body></html>'

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        kind = b"text/html; charset=utf-8" if scope["path"] != "/config" else b"application/json"
        headers = [(b"content-type", kind), (b"content-length", str(len(page)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:9], "more_body": True})
        await send({"type": "http.response.body", "body": page[9:]})

    def ask(path: str) -> tuple[dict[bytes, bytes], bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path}
        finished(FirstScript(inner)(scope, None, send))  # type: ignore[arg-type]
        return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])

    headers, body = ask("/lab/zh")
    assert b'lang="zh-CN"' in body and b"<head><script>" in body and b'"here": "zh"' in body
    assert int(headers[b"content-length"]) == len(body)
    assert b'lang="en"' in ask("/lab")[1] and ask("/config")[1] == page
