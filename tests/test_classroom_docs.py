"""docs/CLASSROOM.md is held to: every command is parsed or run, every sentence of the lab that it quotes exists."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from app import classroom, parse_arguments
from resnet_demo.errors import LabFull
from resnet_demo.runs.classroom import Classroom
from resnet_demo.runs.tidying import Keeping
from resnet_demo.ui import serve, sign_in
from resnet_demo.ui.strings import en
from scripts import make_stick

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "CLASSROOM.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line]
PROGRAMS = {"app.py": parse_arguments, "scripts/make_stick.py": make_stick.parse_arguments}


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("python")])
def test_every_command_is_understood(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lab.pem", "lab.key"):
        (tmp_path / name).write_text("x")
    _, program, *words = shlex.split(command)
    PROGRAMS[program](words)


def test_there_is_nothing_but_commands_that_are_tested():
    kinds = {line.split()[0] for line in COMMANDS}
    assert kinds == {"python", "curl"}  # curl's are run in test_serving_browser.py


def test_every_option_that_is_named_exists(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    known = capsys.readouterr().out
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert named >= {"--root-path", "--proxy", "--origin", "--disk-gb", "--line", "--longest-run", "--class-code"}
    assert not [option for option in named if option not in known]


def test_the_service_and_the_proxies_fit_the_lab():
    (unit,), (nginx,), (caddy,) = blocks("ini"), blocks("nginx"), blocks("caddy")
    started = re.search(r"ExecStart=\S+ app\.py (.*)", unit)[1]
    options = parse_arguments(shlex.split(started))
    assert serve.serving_from(options, {}).root_path == "/lab" and classroom(options).is_on
    assert float(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) > serve.SAVING_SECONDS + serve.ANSWERING_SECONDS
    for text in (nginx, caddy):
        assert text.count("{") == text.count("}") and "127.0.0.1:7860" in text and "/lab/" in text
    for header in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For"):
        assert f"proxy_set_header {header} " in nginx
    assert "client_max_body_size 210m" in nginx and "proxy_buffering off" in nginx


def test_the_numbers_are_the_labs():
    usual = {field.name: field.default for field in fields(Classroom)}
    assert f"the newest {usual['keep_runs']}" in TEXT and f"{usual['disk_gb']:g} GB; old runs go first" in TEXT
    assert Keeping().gigabytes == usual["disk_gb"]
    assert f"After\n{sign_in.WRONG_ALLOWED} wrong codes" in TEXT and sign_in.WITHIN_SECONDS == 300
    assert f"lasts\n{sign_in.KEPT_SECONDS // 3600} hours" in TEXT and f"({serve.SAVING_SECONDS:.0f}\nseconds" in TEXT
    assert Classroom(is_shared=True).longest_seconds == 30 * 60 and "30 minutes where others can reach the lab" in TEXT


def test_what_the_lab_is_quoted_with_is_what_it_says():
    assert "another site's page" in en.ALL["door.foreign"] and "another site's page" in TEXT
    assert "Too many wrong codes came from here" in en.ALL["door.wait"]
    assert "for runs are used up here" in LabFull.template and "GB for runs are used up here" in TEXT
    code = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("app.py", "resnet_demo/ui/serve.py"))
    for words in ("Teacher's token:", "Class code:", "* Running on local URL:  ", "* For the class:  "):
        assert f"\n{words}" in TEXT and words in code


def test_a_folder_of_the_stick_is_named_as_it_is_made(tmp_path):
    options = make_stick.parse_arguments([str(tmp_path), "--for", "windows"])
    assert options.machines == ["windows"] and "INSTALL.txt" in TEXT
    assert (Path(make_stick.__file__).parent / "stick" / "INSTALL.txt").is_file()
