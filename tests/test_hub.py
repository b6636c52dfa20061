"""Checkpoints go to the Hub and come back the same, against a stand-in on this machine; a token leaves no trace."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hub_stand_in import OWNER, TOKEN, Hub, Repository
from huggingface_hub import constants
from safetensors.torch import save
from test_checkpoint import CARD, half

from resnet_demo import build_model, load_model
from resnet_demo.brought import open_any
from resnet_demo.checkpoint import open_checkpoint, save_checkpoint
from resnet_demo.cli import main
from resnet_demo.errors import BadRequest, CheckpointRefused, DataUnavailable, DownloadFailed, PublishFailed
from resnet_demo.hub import obtain
from resnet_demo.publish import HubResNet, public_card, publish

ROOT = Path(__file__).resolve().parent.parent
TEST = {"n": 200, "accuracy": 0.9, "per_class": [], "confusion": []}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with Hub() as stand_in:
        monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
        template = stand_in.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "no-tokens"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "RESNET_DEMO_OFFLINE", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield stand_in
        stand_in.shutdown()


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.safetensors"
    model = build_model("resnet20", in_channels=1, seed=3)
    save_checkpoint(path, model, half(), {**CARD, "name": "my net", "test": TEST, "licence": "MIT", "seconds": 60.0})
    return open_checkpoint(path)


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_there_and_back_again(hub, mine):
    done = publish(mine, f"{OWNER}/net", token=TOKEN)
    assert done.url == f"{hub.url}/{OWNER}/net"
    files = hub.repositories[f"{OWNER}/net"].files
    assert set(files) == {"model.safetensors", "config.json", "README.md"}
    assert json.loads(files["config.json"])["card"]["classes"] == list(mine.classes)
    back = open_any(f"hub:{OWNER}/net")
    assert same(back.model, mine.model) and same(back.preprocess, mine.preprocess) and back.card == mine.card
    assert same(load_model(f"hub:{OWNER}/net")[0], mine.model)
    theirs = HubResNet.from_pretrained(f"{OWNER}/net")
    assert same(theirs, mine.model) and theirs.card == mine.card and not theirs.training
    assert same(theirs.preprocess, mine.preprocess)


def test_the_readme_tells_people_and_the_hub_what_it_is(hub, mine):
    publish(mine, f"{OWNER}/net", token=TOKEN)
    readme = hub.repositories[f"{OWNER}/net"].files["README.md"].decode()
    front, body = readme.split("\n---\n", 1)
    for words in ("license: mit", "ylecun/mnist", "image-classification", "model-index", "value: 0.9"):
        assert words in front
    for words in ("20 layers", "0.9000 on 200 test pictures", f'load_model("hub:{OWNER}/net")', "| Licence | MIT |"):
        assert words in body


def test_only_two_files_are_downloaded_and_only_once(hub, mine):
    publish(mine, f"{OWNER}/net", token=TOKEN)
    hub.repositories[f"{OWNER}/net"].files["pytorch_model.bin"] = b"pickle"
    hub.asked.clear()
    seen = []
    obtain(f"{OWNER}/net", lambda what, share: seen.append(share))
    taken = {path.rpartition("/")[2] for method, path in hub.asked if method == "GET"}
    assert taken == {"config.json", "model.safetensors"} and seen[-1] == 1.0
    hub.asked.clear()
    obtain(f"{OWNER}/net")
    assert not [path for method, path in hub.asked if method == "GET"]


def test_a_revision_and_what_was_fetched_before_without_a_network(hub, mine, monkeypatch):
    publish(mine, f"{OWNER}/net", token=TOKEN)
    commit = hub.repositories[f"{OWNER}/net"].commit
    assert open_any(f"hub:{OWNER}/net@{commit}").name == "my net"
    with pytest.raises(CheckpointRefused, match="no such revision"):
        obtain(f"{OWNER}/net@elsewhere")
    obtain(f"{OWNER}/net")
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "1")
    assert open_any(f"hub:{OWNER}/net").name == "my net"
    with pytest.raises(DataUnavailable, match="switched off"):
        obtain(f"{OWNER}/other")
    with pytest.raises(PublishFailed, match="switched off"):
        publish(mine, f"{OWNER}/net", token=TOKEN)


def test_a_private_model_is_seen_by_its_owner_only(hub, mine, monkeypatch):
    assert publish(mine, f"{OWNER}/net", private=True, token=TOKEN).is_private
    assert publish(mine, f"{OWNER}/net", token=TOKEN).is_private
    publish(mine, f"{OWNER}/open", token=TOKEN)
    with pytest.raises(PublishFailed, match="everybody can see it"):
        publish(mine, f"{OWNER}/open", private=True, token=TOKEN)
    with pytest.raises(CheckpointRefused, match="or it is private"):
        obtain(f"{OWNER}/net")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(CheckpointRefused, match="or it is private"):
        obtain(f"{OWNER}/net", token=False)
    assert open_any(f"hub:{OWNER}/net").name == "my net"


def test_what_cannot_be_loaded_is_said_in_one_sentence(hub):
    hub.repositories["b/gated"] = Repository(is_gated=True)
    hub.repositories["b/empty"] = Repository({"README.md": b"x"})
    hub.repositories["b/vgg"] = Repository({"model.safetensors": save({"features.0.weight": torch.zeros(4, 3, 3, 3)})})
    for name, why in (
        ("b/none", "no such model"), ("b/gated", "let in only"),
        ("b/empty", "no model.safetensors"), ("b/vgg", "residual"),
    ):  # fmt: skip
        with pytest.raises(CheckpointRefused, match=why) as caught:
            open_any(f"hub:{name}")
        assert "\n" not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    hub.claims_bytes = 5_000_000_000
    with pytest.raises(CheckpointRefused, match="larger than 1,000 MB"):
        obtain("b/vgg")


@pytest.mark.parametrize(
    "name", ["", "one", "a/b/c", "../etc/passwd", "a/..", "http://x/y", "a/b@../c", "a/b c", "-/" * 9]
)
def test_names_that_are_none(hub, name):
    with pytest.raises(BadRequest, match="names no model"):
        open_any(f"hub:{name}")
    assert hub.asked == []


def test_a_hub_that_is_down_or_ill(hub, mine, monkeypatch):
    hub.mood = 418
    with pytest.raises(DownloadFailed, match="the Hub answered 418"):
        obtain("b/net")
    with pytest.raises(PublishFailed, match="the Hub answered 418"):
        publish(mine, f"{OWNER}/net", token=TOKEN)
    hub.shutdown()
    hub.server_close()
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        obtain("b/net")
    with pytest.raises(PublishFailed, match="cannot be reached") as caught:
        publish(mine, f"{OWNER}/net", token=TOKEN)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_weights_from_elsewhere_are_recognised(hub):
    state = build_model("resnet20", num_classes=2, seed=1).state_dict()
    labels = {"id2label": {"0": "cat", "1": "dog"}}
    hub.repositories["b/pets"] = Repository(
        {"model.safetensors": save(state), "config.json": json.dumps(labels).encode()}
    )
    found = open_any("hub:b/pets")
    assert found.spec.name == "resnet20" and found.classes == ("cat", "dog") and found.name == "b/pets"
    hub.repositories["b/silent"] = Repository({"model.safetensors": save(state)})
    with pytest.raises(CheckpointRefused, match="name the data set"):
        open_any("hub:b/silent")


@pytest.mark.parametrize(
    "token", ["wrong-token-of-somebody", "hf_with a space in it", "hf_line\nbreak" + "x" * 20, "short"]
)
def test_a_token_that_is_not_taken_is_not_repeated(hub, mine, token, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises((BadRequest, PublishFailed)) as caught:
        publish(mine, f"{OWNER}/net", token=token)
    told = str(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert token not in told and token.split()[0] not in told.replace("token", "")


def test_the_token_is_nowhere_afterwards(hub, mine, tmp_path, monkeypatch, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    publish(mine, f"{OWNER}/net", token=TOKEN)
    with pytest.raises(PublishFailed, match="right to write") as caught:
        publish(mine, "somebody-else/net", token=TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    open_any(f"hub:{OWNER}/net")
    told = str(caught.value) + caplog.text + "".join(capfd.readouterr())
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in told and not kept
    assert all(TOKEN.encode() not in data for data in hub.repositories[f"{OWNER}/net"].files.values())


def test_of_ones_own_pictures_only_the_folders_name_is_published():
    card = {"dataset": "/home/ann/private/birds", "dataset_title": "/home/ann/private/birds"}
    assert public_card(card) == {"dataset": "birds", "dataset_title": "birds"}
    assert public_card({"dataset": r"C:\Users\ann\birds.zip"})["dataset"] == "birds.zip"
    assert public_card({"dataset": "mnist"}) == {"dataset": "mnist"}


def test_without_a_token_one_is_told_how_to_log_in(hub, mine, capsys):
    assert main(["publish", str(mine.path), f"{OWNER}/net"]) == 2
    assert "hf auth login" in capsys.readouterr().err


def test_the_command_line_publishes_with_the_environments_token(hub, mine, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["publish", str(mine.path), f"{OWNER}/net", "--private", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["url"].endswith(f"/{OWNER}/net") and told["private"] and TOKEN not in out + err
    assert hub.repositories[f"{OWNER}/net"].is_private


@pytest.mark.slow
def test_a_process_of_its_own_reads_from_where_hf_endpoint_says(hub, mine, tmp_path):
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": TOKEN,
        "RESNET_DEMO_HOME": str(tmp_path / "home"), "HF_DEBUG": "1",
    }  # fmt: skip

    def lab(*words: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "resnet_demo", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    done = lab("publish", mine.path, f"{OWNER}/net")
    assert done.returncode == 0 and f"{OWNER}/net" in done.stdout and TOKEN not in done.stdout + done.stderr, (
        done.stderr
    )
    picture = ROOT / "resnet_demo" / "assets" / "examples" / "boot-on-white.jpg"
    done = lab("classify", picture, "--checkpoint", f"hub:{OWNER}/net", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)[0]["top"], done.stderr
    done = lab("classify", picture, "--checkpoint", "hub:ann/none")
    assert done.returncode == 2 and "no such model" in done.stderr and "Traceback" not in done.stderr
