"""The README against the code: its tables, commands and pictures are those of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from resnet_demo.cli import build_parser
from resnet_demo.datasets import DATASETS
from resnet_demo.recipes import RECIPES
from scripts.write_tables import written

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_model_table_is_the_registry():
    assert written(README) == README, "python scripts/write_tables.py writes it"


def test_every_command_line_it_shows_is_understood():
    commands = re.findall(r"^python -m resnet_demo (.+)$", README, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        build_parser().parse_args(shlex.split(command))


def test_every_data_set_and_recipe_is_named():
    for name in (*DATASETS, *RECIPES):
        assert f"`{name}`" in README


def test_every_picture_and_file_it_points_to_exists():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
    for name in re.findall(r"\b((?:scripts|tests)/\w+\.py)\b", README):
        assert (ROOT / name).is_file(), name


def test_the_space_front_matter_is_what_a_space_needs():
    front = README.split("---")[1]
    values = dict(line.split(": ", 1) for line in front.strip().split("\n"))
    assert values["sdk"] == "gradio" and values["app_file"] == "app.py" and (ROOT / values["app_file"]).is_file()
    assert len(values["short_description"]) <= 60 and values["python_version"] == '"3.12"'
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "gradio>=6.31,<7" in requirements and re.search(r"^torch(>=|$)", requirements, re.MULTILINE)


def test_no_file_is_too_large_for_a_space():
    for path in [*ROOT.glob("checkpoints/*"), *ROOT.glob("resnet_demo/**/*"), *ROOT.glob("docs/**/*")]:
        assert not path.is_file() or path.stat().st_size < 10_000_000, path


def test_nothing_that_ships_names_a_folder_of_whoever_made_it():
    for path in [*ROOT.glob("checkpoints/*.json*"), *ROOT.glob("resnet_demo/lessons/runs/*")]:
        assert not re.search(r'"(/|[A-Z]:\\\\)', path.read_text(encoding="utf-8")), path
