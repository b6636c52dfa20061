"""Every English sentence and part of a sentence that the core hands to a person, read from its source.

That is: an error's template, what its fields are filled with, what the package's own exceptions say, what is told
while somebody waits. An f-string is a text whose holes are numbered from 1 in the order of the source:
f"it is larger than {n} MB" is "it is larger than {1} MB". The templates of classes keep the names of their fields.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from resnet_demo import errors

ROOT = Path(errors.__file__).parent
OUTSIDE = ("ui/strings", "lessons", "cli.py", "options.py", "__main__.py", "ui/links.py", "ui/api.py")
NAMES_ONLY = {"option", "name", "run", "id", "code", "log", "step", "lr", "length", "batch_size", "half"}
TELLING = {"progress", "_progress", "tell", "_doing", "_bar"}  # their first argument is read by whoever waits
TOLD = ("availability", "device_label", "_notes")  # what they return is shown as it is
TOLD_CONSTANTS = ("LICENCE",)
SOURCED = ("Recipe", "ResNetSpec", "replace")  # where one of them is from is shown beside it
NOT_WORDS = {"own_name", "EXAMPLE", "OWN", "NORMALISATIONS"}  # names, whatever the language
NAMES = {"imagenet", "ImageNet", "none"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """Where an expression stands: names are looked up in its function, then in its module."""

    module: str
    function: Function | None = None


class Source:
    """The package as trees, with what is needed to follow a name from where it is used to where it was written."""

    def __init__(self, root: Path = ROOT) -> None:
        files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
        self.trees = {
            name: ast.parse(path.read_text(encoding="utf-8"))
            for name, path in files.items()
            if not name.startswith(OUTSIDE)
        }
        self.functions: dict[str, list[tuple[Place, Function]]] = defaultdict(list)
        self.calls: dict[str, list[tuple[Place, ast.Call]]] = defaultdict(list)
        for module, tree in self.trees.items():
            self._index(tree, Place(module))
        self.labs = {name for name, value in vars(errors).items() if _is_lab_error(value)}
        classes = [node for tree in self.trees.values() for node in tree.body if isinstance(node, ast.ClassDef)]
        self.own = self.labs | {
            node.name for node in classes if any(_name(base).endswith(("Error", "Exception")) for base in node.bases)
        }

    def _index(self, node: ast.AST, place: Place) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                self.functions[child.name].append((place, child))
                self._index(child, Place(place.module, child))
                continue
            if isinstance(child, ast.Call):
                self.calls[_name(child.func)].append((place, child))
            self._index(child, place)

    @cached_property
    def sentences(self) -> dict[str, str]:
        """Each text once, in the order of the source, with the module where it is first found."""
        found = {getattr(errors, name).template: "errors.py" for name in sorted(self.labs)}
        for place, expression in self._spoken():
            for text in self.texts(expression, place, frozenset()):
                found.setdefault(text, place.module)
        return {text: where for text, where in found.items() if is_language(text)}

    def _spoken(self) -> Iterator[tuple[Place, ast.expr]]:
        for name in sorted(self.own):
            for place, call in self.calls[name]:
                if name in self.labs:
                    yield from ((place, word.value) for word in call.keywords if word.arg not in NAMES_ONLY)
                else:
                    yield from ((place, argument) for argument in call.args)
        yield from ((place, word.value) for place, call in self.calls["__init__"] for word in call.keywords)
        for name in sorted(TELLING):
            yield from ((place, call.args[0]) for place, call in self.calls[name] if call.args)
        for place, call in self.calls["partial"]:
            if _name(call.args[0]) == "_tell":
                yield place, call.args[2]
        for name in SOURCED:
            for place, call in self.calls[name]:
                yield from ((place, word.value) for word in call.keywords if word.arg == "source")
        for name in TOLD_CONSTANTS:
            yield from (
                (Place(module), value) for module, tree in self.trees.items() for value in _assigned(name, tree)
            )
        for name in TOLD:
            for place, function in self.functions[name]:
                yield from ((Place(place.module, function), value) for value in _returned(function))

    def texts(self, node: ast.expr | None, place: Place, seen: frozenset[int]) -> Iterator[str]:
        """What `node` can be in words, one template each; holes that hold words of their own give these as well."""
        if node is None or id(node) in seen:
            return
        seen |= {id(node)}
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield template(node)
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from self.texts(part.value, place, seen)
        else:
            for inner, where in self._leads_to(node, place):
                yield from self.texts(inner, where, seen)

    def _leads_to(self, node: ast.expr, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        if isinstance(node, ast.IfExp):
            yield from ((node.body, place), (node.orelse, place))
        elif isinstance(node, ast.BoolOp):
            yield from ((value, place) for value in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from ((node.left, place), (node.right, place))
        elif isinstance(node, ast.Subscript):
            yield node.value, place
        elif isinstance(node, ast.Dict):
            yield from ((value, place) for value in node.values)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, place)
        elif isinstance(node, ast.Name) and node.id not in NOT_WORDS:
            yield from self._of_name(node.id, place)

    def _of_call(self, call: ast.Call, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        name = _name(call.func)
        is_method = isinstance(call.func, ast.Attribute)
        if is_method and name in ("strip", "rstrip", "lstrip", "format", "removeprefix", "get"):
            yield call.func.value, place
            yield from ((argument, place) for argument in call.args[1:] if name == "get")
        elif is_method and name == "join":
            yield from ((argument, place) for argument in call.args)
        elif name not in self.own | NOT_WORDS:
            for where, function in self.functions.get(name, ()):
                if where.module == place.module or not name.startswith("_"):
                    yield from ((value, Place(where.module, function)) for value in _returned(function))

    def _of_name(self, name: str, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        """What was assigned to it here; of a parameter, what callers give; at last the constant of a module."""
        if place.function is not None:
            found = list(_assigned(name, place.function))
            yield from ((value, place) for value in found)
            position = _position(name, place.function)
            if position is not None:
                yield from self._given(place, position, name)
                return
            if found:
                return
        for module, tree in self.trees.items():
            if module == place.module or name.isupper():
                yield from ((value, Place(module)) for value in _assigned(name, tree, is_deep=False))

    def _given(self, place: Place, position: int, name: str) -> Iterator[tuple[ast.expr, Place]]:
        function = place.function
        assert function is not None
        for where, call in self.calls[function.name]:
            if function.name.startswith("_") and where.module != place.module:
                continue
            shift = 1 if isinstance(call.func, ast.Attribute) and _position("self", function) == 0 else 0
            given = [word.value for word in call.keywords if word.arg == name]
            given += call.args[position - shift : position - shift + 1] if position - shift >= 0 else []
            yield from ((value, where) for value in given[:1])


def template(node: ast.JoinedStr) -> str:
    """The f-string as a text with numbered holes."""
    parts, holes = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(part.value)
        else:
            holes += 1
            parts.append(f"{{{holes}}}")
    return "".join(parts)


def is_language(text: str) -> bool:
    """Words for a person: not a name, an address or a file, not holes and signs alone."""
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\{\w*(:[^}]*)?\}", "", text))
    return bool(words) and (" " in text or text.isalpha()) and text not in NAMES


def _is_lab_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.LabError)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _position(name: str, function: Function) -> int | None:
    """Where the parameter stands; past the end for one that is given by name alone."""
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if name in names:
        return names.index(name)
    return 99 if name in [argument.arg for argument in arguments.kwonlyargs] else None


def _assigned(name: str, scope: ast.AST, is_deep: bool = True) -> Iterator[ast.expr]:
    for node in ast.walk(scope) if is_deep else ast.iter_child_nodes(scope):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if _is_target(node) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name and node.value is not None:
                yield node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts)
                yield from (value for one, value in pairs if isinstance(one, ast.Name) and one.id == name)


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign))


def _returned(function: Function) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            if isinstance(node.value, ast.Call) and _name(node.value.func) == "Availability":
                yield node.value.args[1]
            else:
                yield node.value
