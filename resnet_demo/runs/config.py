"""What a run is asked to be, and by whom: `config.json`, where names become objects."""

from __future__ import annotations

import platform
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from ..datasets import DATASETS
from ..errors import InvalidOption
from ..recipes import Length, Recipe, find_recipe, for_depth
from ..specs import ResNetSpec, find_model, spec_from_dict

ID = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9_-])){0,79}")
LONGEST_TITLE = 80
LARGEST_SEED = 2**32 - 1
MOST_GPUS = 64


@dataclass(frozen=True)
class Owner:
    """Whose run it is: `id` decides about rights and is never shown, `name` is what others see."""

    id: str = "local"
    name: str = ""


@dataclass(frozen=True)
class RunConfig:
    """Everything that makes a run. `data` is a data set's name or the path of a folder or .zip.

    `compute` (device, precision, threads, ...) is filled when the run starts and kept when it goes on, since one thread
    more changes the weights; `recipe` is then the one that is trained, and `asked` what was asked for, where the lab
    chose part of it by measurement. `parent` is the run whose weights this one starts from. `gpus` is how many it
    trains on, where a server has several; 0 is the CPU, where a GPU is lent.
    """

    id: str
    spec: ResNetSpec
    data: str
    recipe: Recipe
    length: Length
    seed: int = 0
    owner: Owner = Owner()
    title: str = ""
    created: str = ""
    parent: str | None = None
    compute: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 1
    asked: Recipe | None = None

    def __post_init__(self) -> None:
        if not is_run_id(self.id):
            raise InvalidOption(
                option="id", value=repr(self.id), allowed="up to 80 of a-z, 0-9, dot, dash and underscore"
            )
        if not self.data:
            raise InvalidOption(
                option="data", value="empty", allowed="a data set's name, or the path of a folder or .zip"
            )
        if not isinstance(self.seed, int) or not 0 <= self.seed <= LARGEST_SEED:
            raise InvalidOption(option="seed", value=self.seed, allowed=f"a whole number from 0 to {LARGEST_SEED:,}")
        if not isinstance(self.gpus, int) or not 0 <= self.gpus <= MOST_GPUS:
            raise InvalidOption(option="gpus", value=self.gpus, allowed=f"a whole number from 0 to {MOST_GPUS}")

    @property
    def data_name(self) -> str:
        """The data set's name, or what the folder or .zip is called: other people's paths are not shown."""
        return re.split(r"[\\/]", self.data.rstrip("\\/"))[-1]

    def slots_of(self, slots: int) -> int:
        """How many of a server's devices this run takes."""
        return max(1, min(self.gpus, slots))

    def same_training(self, other: RunConfig) -> bool:
        """Whether both ask for the very same training, whoever asks."""
        asked = lambda c: (c.spec, c.data, c.asked or c.recipe, c.length, c.seed, c.parent, c.gpus)  # noqa: E731
        return asked(self) == asked(other)

    def settled(self, recipe: Recipe, compute: Mapping[str, Any]) -> RunConfig:
        """The config once it is known how the run is trained."""
        asked = self.asked if recipe == self.recipe else self.recipe
        return replace(self, recipe=recipe, compute=compute, asked=asked, versions=versions())

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, `from_dict`'s opposite."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunConfig:
        """The config that `as_dict` described; `spec` and `recipe` may be names too. Unknown keys are passed over.

        Raises: InvalidOption, InvalidSpec, UnknownModel, UnknownRecipe.
        """
        try:
            known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
            recipe = _recipe(values["recipe"])
            length = Length(**values["length"]) if values.get("length") else recipe.length
            owner = Owner(**values.get("owner", {}))
            asked = _recipe(values["asked"]) if values.get("asked") else None
            objects = {"spec": _spec(values["spec"]), "recipe": recipe, "length": length, "owner": owner}
            return cls(**{**known, **objects, "asked": asked})
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidOption(
                option="config.json", value=f"read ({error!r})", allowed="the description of a run"
            ) from error


def _spec(value: str | Mapping[str, Any]) -> ResNetSpec:
    return find_model(value) if isinstance(value, str) else spec_from_dict(value)


def _recipe(value: str | Mapping[str, Any]) -> Recipe:
    if isinstance(value, str):
        return find_recipe(value)
    lists = {key: tuple(value[key]) for key in ("milestones", "augment") if key in value}
    length = {"length": Length(**value["length"])} if "length" in value else {}
    return Recipe(**{**value, **lists, **length})


def new_config(
    spec: ResNetSpec,
    data: str,
    recipe: Recipe,
    length: Length | None = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    lr: float | None = None,
    owner: Owner = Owner(),
    title: str = "",
    parent: str | None = None,
    gpus: int = 1,
) -> RunConfig:
    """A new run with an id of its own; `length`, `batch_size` and `lr` replace the recipe's, paths become absolute.

    Raises: InvalidOption.
    """
    changes: dict[str, Any] = {"batch_size": batch_size, "peak_lr": lr, "length": length}
    if data not in DATASETS and data:
        data = str(Path(data).expanduser().absolute())
    recipe = replace(
        for_depth(recipe, spec.depth), **{key: value for key, value in changes.items() if value is not None}
    )
    return RunConfig(
        new_id(spec.name), spec, data, recipe, recipe.length, seed, owner, clean_title(title),
        now(), parent, None, versions(), gpus,
    )  # fmt: skip


def more_of(config: RunConfig, parent: str, length: Length, owner: Owner) -> RunConfig:
    """A new run like `config` that begins with the last weights of the run `parent`, for another `length`."""
    recipe = replace(config.recipe, length=length)
    return replace(
        config, id=new_id(config.spec.name), recipe=recipe, length=length, owner=owner, title="", created=now(),
        parent=parent, compute=None, versions=versions(), asked=None,
    )  # fmt: skip


def new_id(name: str) -> str:
    """An id that sorts by time (UTC), says which model it is, and is safe as a folder's name everywhere."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)}"


def is_run_id(text: object) -> bool:
    return isinstance(text, str) and ID.fullmatch(text) is not None


def clean_title(title: str) -> str:
    """A title on one line, without control characters, at most 80 characters long."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())[:LONGEST_TITLE].strip()


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """What this lab runs on; reads the installed versions and imports none of it."""
    found = {"resnet_demo": __version__, "python": platform.python_version(), "system": platform.system()}
    for package in ("torch", "safetensors"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
