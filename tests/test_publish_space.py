"""The folder goes to a Space: what goes, what is refused, against a stand-in for the Hub on this machine."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hub_stand_in import OWNER, TOKEN
from test_hub import hub  # noqa: F401  (a fixture)

from scripts import publish_space
from scripts.publish_space import ROOT, Refused, files_to_publish, main

FILES = {
    "app.py": "x",
    "requirements.txt": "torch",
    "README.md": "---\n---",
    "resnet_demo/a.py": "1",
    "tests/t.py": "2",
}


def git(folder, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    monkeypatch.setattr(publish_space, "ROOT", tmp_path)
    return tmp_path


def test_this_very_folder_may_go():
    files = files_to_publish(ROOT, force=True)
    assert {"app.py", "README.md", "requirements.txt", "resnet_demo/assets/fashion-mnist-small.npz"} <= set(files)
    assert not [name for name in files if name.startswith(("tests/", ".", "benchmarks/"))]


def test_there_and_again(hub, folder, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main([f"{OWNER}/lab", "--private", "--hardware", "zero-a10g"]) == 0
    space = hub.repositories[f"{OWNER}/lab"]
    assert set(space.files) == set(FILES) - {"tests/t.py"}
    assert (space.kind, space.is_private, space.hardware) == ("space", True, "zero-a10g")
    assert "Published 4 files" in capsys.readouterr().out
    (folder / "resnet_demo" / "a.py").unlink()
    git(folder, "commit", "-am", "gone")
    assert main([f"{OWNER}/lab"]) == 0 and "resnet_demo/a.py" not in space.files


def test_a_dry_run_asks_nobody(hub, folder, capsys):  # noqa: F811
    assert main([f"{OWNER}/lab", "--dry-run"]) == 0
    assert "4 files would go" in capsys.readouterr().out and not hub.asked


@pytest.mark.parametrize(
    ("token", "space", "mood", "words"),
    [
        ("", f"{OWNER}/lab", 0, "there is no token"),
        ("hf_wrong", f"{OWNER}/lab", 0, "the token is not accepted"),
        (TOKEN, "bob/lab", 0, "may not write there"),
        (TOKEN, "no name", 0, "is no name of a Space"),
        (TOKEN, f"{OWNER}/lab", 402, "has to pay"),
        (TOKEN, f"{OWNER}/lab", 418, "status 418"),
    ],
)
def test_one_sentence_says_why_not(hub, folder, monkeypatch, capsys, token, space, mood, words):  # noqa: F811
    hub.mood = mood
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert main([space]) == 1
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1 and TOKEN not in told


def test_what_is_not_committed_and_what_is_too_large_stay_here(folder):
    (folder / "app.py").write_text("y")
    with pytest.raises(Refused, match="1 files are not committed"):
        files_to_publish(folder, force=False)
    assert len(files_to_publish(folder, force=True)) == 4
    (folder / "README.md").write_bytes(bytes(10_000_001))
    with pytest.raises(Refused, match=r"README.md has 10.0 MB"):
        files_to_publish(folder, force=True)
    (folder / "README.md").unlink()
    with pytest.raises(Refused, match=r"there is no README\.md"):
        files_to_publish(folder, force=True)


def test_without_git_the_folder_goes_as_it_is(folder):
    shutil.rmtree(folder / ".git")
    with pytest.raises(Refused, match="no git checkout"):
        files_to_publish(folder, force=False)
    assert len(files_to_publish(folder, force=True)) == 4
