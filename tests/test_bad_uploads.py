"""The bad files through the server: uploaded and given to the endpoint or the page's own handlers, as browsers do.

Each gets one sentence; the server stays up, small and where it is: it writes nothing, and runs nothing of theirs.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import bad_inputs
import psutil
import pytest

from benchmarks.serving import Lab, Refused, Visitor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Sparse invariant")]
ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 1_500_000_000
LONGEST_SENTENCE = 450
OWN_CARDS = ("card-", "spec-", "mean-", "std-", "no-card")  # good weights behind a card that lies


class Room:
    """A visitor of the server, a checkpoint in hand, and what was wrong with the answers."""

    def __init__(self, server) -> None:
        self.visitor = Visitor(Lab(server.url.rstrip("/"), server.home, server.process))
        self.process, self.home = psutil.Process(server.process.pid), server.home
        self.run = add_shipped(server)
        self.hand = json.dumps({"checkpoint": self.run, "dataset": "fashion-mnist-small"})
        self.before = self.files()
        self.wrong: list[tuple[str, str]] = []
        self.most_bytes = 0

    def files(self) -> set[Path]:
        return {item for item in self.home.parent.rglob("*") if item.is_file() and "uploads" not in str(item)}

    def upload(self, bad: bad_inputs.BadInput) -> dict:
        return self.visitor.upload(bad.data, re.sub(r"[^\w.-]", "_", bad.name, flags=re.ASCII))

    def judge(self, bad: bad_inputs.BadInput, said: str, was_answered: bool) -> None:
        self.most_bytes = max(self.most_bytes, self.process.memory_info().rss)
        is_sentence = 20 < len(said) < LONGEST_SENTENCE and "\n" not in said and "<script" not in said
        is_plain = not any(words in said for words in ("Traceback", "Error:", "Something went wrong"))
        if not (bad.may_pass if was_answered else is_sentence and is_plain):
            self.wrong.append((bad.name, said[:200]))

    def leave(self) -> None:
        """The next request is served, memory is small, and nothing new lies anywhere near."""
        bars = self.visitor.show(self.visitor.upload(bad_inputs.picture_file("PNG")), self.run)
        assert bars.count("<li>") == 5
        assert not self.wrong and self.most_bytes < MOST_BYTES
        new = {item.name for item in self.files() - self.before if item.parent.name != "imported"}
        assert new <= {"measured.json", "app.log"}
        assert not [name for name in ("evil.png", "evil.py", "secret.png", "MARK", "x") if (ROOT / name).exists()]


@pytest.fixture
def room(server) -> Iterator[Room]:
    room = Room(server)
    yield room
    room.leave()


def alert(page: str) -> str:
    """The sentence of an alert, "" where there is none."""
    found = re.search(r'role="alert">([^<]*)<', page)
    return html.unescape(found[1]) if found else ""


def test_pictures_through_the_endpoint(room):
    for bad in bad_inputs.pictures():
        if bad.name.startswith("zeros-") or bad.name == "large.bin":
            continue
        try:
            asked = {"data": [[room.upload(bad)], room.run, 1]}
            event = json.loads(room.visitor._ask("POST", "/gradio_api/call/classify", asked))["event_id"]
            said = room.visitor._ask("GET", f"/gradio_api/call/classify/{event}").decode()
        except Refused as error:
            said = str(error)
        data = said.rpartition("data:")[2].strip()
        error = json.loads(data) if "event: error" in said else ""
        room.judge(bad, str(error["error"] if isinstance(error, dict) else error), "event: complete" in said)


def test_pictures_through_the_page(room):
    for bad in bad_inputs.sample()[0]:
        bars = room.visitor.show(room.upload(bad), room.run)
        room.judge(bad, alert(bars), bars.count("<li>") == 5)


def test_archives_through_the_page(room):
    for bad in bad_inputs.archives(large=False):
        given = {"classify-files": [room.upload(bad)], "hand": room.hand}
        (page,) = room.visitor.press("classify-files", "upload", given)
        # Folders that are no classes of the checkpoint's are refused for that, whatever else is wrong.
        room.judge(bad, alert(page), not alert(page))


def test_a_folder_that_was_not_uploaded(room):
    for path in ("/etc/passwd", "../../x.zip", str(room.home), "", None, 7):
        event = {"path": path, "name": "<script>"}
        try:
            (page,) = room.visitor.press("classify-folder", "upload", {"hand": room.hand}, event)
            assert "was not uploaded" in alert(page)
        except Refused as error:  # Gradio's own word on paths
            assert "cannot be accessed" in str(error)


def test_weights_through_the_page(room):
    """First looked at, as when the file has arrived, then added, as when the button is pressed."""
    for bad in bad_inputs.checkpoints():
        given = {"classify-own": room.upload(bad), "hand": room.hand}
        if not bad.name.startswith(OWN_CARDS):
            page = room.visitor.press("classify-own", "upload", given)[0]
            if not bad.name.endswith(".card.safetensors"):
                room.judge(bad, alert(page), not alert(page))
        try:
            room.visitor.press("classify-own-add", "click", {**given, "classify-own-data": "fashion-mnist-small"})
            room.judge(bad, "", True)
        except Refused as error:
            room.judge(bad, html.unescape(str(error)), False)


def add_shipped(server) -> str:
    """A run whose weights the server can classify with."""
    from resnet_demo.recipes import RECIPES
    from resnet_demo.runs.config import new_config
    from resnet_demo.runs.status import Status
    from resnet_demo.runs.store import RunStore
    from resnet_demo.specs import find_model

    run = RunStore(server.home / "runs").create(
        new_config(find_model("resnet9-slim"), "fashion-mnist-small", RECIPES["budget"])
    )
    run.best_path.write_bytes(bad_inputs.carded())
    run.set_status(Status("finished", test_accuracy=0.5))
    return run.id
