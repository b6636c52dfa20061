"""The house's directions, read from the source: each layer imports only what stands to its left."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "resnet_demo"
LAYERS = (
    {"errors"},
    {"architecture", "custom"},
    {"events", "specs", "recipes", "home", "system"},
    {
        "resnet",
        "device",
        "cores",
        "onednn",
        "distributed",
        "preprocess",
        "augment",
        "fetch",
        "idx",
        "imagesets",
        "catalogue",
        "imagenet",
        "pictures",
        "framing",
        "layout",
        "listing",
        "sources",
        "folders",
        "datasets",
    },
    {
        "layers",
        "sight",
        "memory",
        "features",
        "fitting",
        "timing",
        "budget",
        "tree",
        "exports",
        "evaluate",
        "intervals",
        "gradients",
        "dissect",
        "cards",
        "weights",
        "checkpoint",
        "foreign",
        "brought",
        "hub",
        "hub_readme",
        "publish",
    },
    {"state", "pace", "train", "predict", "many", "explain", "plots"},
    {"runs"},
    {"lessons"},
    {"verbs", "arguments", "cli", "__main__"},
    {"ui"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
LIGHT = ("errors", "specs", "recipes", "events", "home", "catalogue", "datasets", "cli", "verbs")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own_imports(path: Path) -> set[str]:
    """The package's own modules (by the name right under it) that a file imports, wherever in the file."""
    base = ["resnet_demo", *path.relative_to(PACKAGE).with_suffix("").parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level] if node.level else []
            name = [*start, *(node.module or "").split(".")]
            full = [part for part in name if part]
            if full == ["resnet_demo"]:
                found |= {alias.name for alias in node.names}
            elif full[:1] == ["resnet_demo"]:
                found.add(full[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("resnet_demo.")}
    return {name for name in found if name in LEVEL}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_module_imports_only_from_its_left(path):
    if path == PACKAGE / "__init__.py":
        return
    assert top(path) in LEVEL, f"{top(path)} has no place among the layers"
    for name in own_imports(path):
        assert LEVEL[name] <= LEVEL[top(path)], f"{path.name} imports {name}, which stands to its right"


def test_only_the_page_imports_gradio():
    for path in modules():
        if top(path) != "ui":
            assert "gradio" not in imported_packages(path), path


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


def test_light_modules_load_neither_torch_nor_gradio():
    code = f"""
import sys
import resnet_demo
for name in {LIGHT!r}:
    __import__("resnet_demo." + name)
heavy = {{"torch", "torchvision", "gradio", "matplotlib", "PIL"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
def test_importing_everything_writes_nothing_and_asks_nobody(tmp_path):
    code = """
import pkgutil, socket, sys
def refuse(*_, **__): raise AssertionError("a connection at import")
socket.socket.connect = refuse
import resnet_demo
for module in pkgutil.walk_packages(resnet_demo.__path__, "resnet_demo."):
    if not module.name.startswith("resnet_demo.ui") and not module.name.endswith(("__main__", "worker")):
        __import__(module.name)
"""
    home = tmp_path / "home"
    environment = {"RESNET_DEMO_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": "", "SYSTEMROOT": "C:\\Windows"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert not home.exists()
