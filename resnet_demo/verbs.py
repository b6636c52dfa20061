"""What the lab can be asked, as functions that return plain JSON values: shared by command line and HTTP endpoints.

Here names become objects. torch is loaded only by the verbs that compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .datasets import DATASETS, availability, load_data
from .errors import ArchiveRefused, BadRequest, DataUnavailable, InvalidOption
from .home import runs_dir
from .recipes import Length, find_recipe
from .runs.config import Owner, RunConfig, new_config
from .specs import MODELS, ResNetSpec, find_model

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .evaluate import Evaluation
    from .imagesets import Dataset, ImageSet

DEFAULT_MODEL, DEFAULT_DATASET, DEFAULT_RECIPE = "resnet20", "fashion-mnist", "budget"
MOST_TOP = 1000
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow makes a picture grey
Progress = Callable[[str, "float | None"], None]


def models() -> list[dict[str, Any]]:
    """Every model at its natural input."""
    from .layers import layer_table

    return [_model_row(spec, layer_table(spec)) for spec in MODELS.values()]


def _model_row(spec: ResNetSpec, table: Any) -> dict[str, Any]:
    return {
        "name": spec.name, "depth": spec.depth, "family": spec.family, "block": spec.block, "shortcut": spec.shortcut,
        "params": table.total_params, "macs": table.total_macs, "input": list(spec.input),
        "num_classes": spec.num_classes, "source": spec.source,
    }  # fmt: skip


def layers(model: str, input: Sequence[int] | None = None, classes: int | None = None) -> dict[str, Any]:
    """A model's layers for an input (C, H, W).

    Raises: UnknownModel, InputDoesNotFit, InvalidSpec.
    """
    from .layers import layer_table

    spec = find_model(model).adapted(num_classes=classes)
    return layer_table(spec, tuple(input) if input else None).as_dict()


def parse_input(text: str) -> tuple[int, int, int]:
    """“3,32,32” as (C, H, W).

    Raises: InvalidOption.
    """
    parts = text.replace("x", ",").split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
        raise InvalidOption(option="input", value=f"“{text}”", allowed="channels, height and width, such as 3,32,32")
    channels, height, width = (int(part) for part in parts)
    return channels, height, width


def datasets(root: Path | None = None) -> list[dict[str, Any]]:
    """Every data set and whether it is on this machine."""
    rows = []
    for spec in DATASETS.values():
        found = availability(spec.name, root)
        rows.append({
            "name": spec.name, "classes": list(spec.classes), "shape": list(spec.shape), "train": spec.train,
            "test": spec.test, "available": found.available, "where": found.where, "license": spec.license,
        })  # fmt: skip
    return rows


def run_config(
    model: str = DEFAULT_MODEL,
    dataset: str = DEFAULT_DATASET,
    recipe: str = DEFAULT_RECIPE,
    *,
    seconds: float | None = None,
    epochs: float | None = None,
    max_steps: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    augment: Sequence[str] | None = None,
    seed: int = 0,
    data: str | None = None,
    owner: Owner = Owner(),
    title: str = "",
    parent: str | None = None,
    gpus: int = 1,
) -> RunConfig:
    """What a run is asked to be; whatever is None is the recipe's own.

    Raises: UnknownModel, UnknownDataset, UnknownRecipe, InvalidOption.
    """
    from .catalogue import find_spec

    chosen = find_recipe(recipe)
    if augment is not None:
        chosen = replace(chosen, augment=tuple(augment))
    asked = Length(seconds, epochs, max_steps)
    length = asked if (seconds, epochs, max_steps) != (None, None, None) else None
    source = own_pictures(data) if data else find_spec(dataset).name
    return new_config(
        find_model(model), source, chosen, length, seed=seed, batch_size=batch_size, lr=lr, owner=owner, title=title,
        parent=parent, gpus=gpus,
    )  # fmt: skip


def own_pictures(path: str) -> str:
    """The absolute path of a folder or .zip of the user's own.

    Raises: ArchiveRefused if there is none.
    """
    found = Path(path).expanduser().absolute()
    if not found.exists():
        raise ArchiveRefused(path=path, why="there is no such file or folder")
    return str(found)


def evaluate(
    checkpoint: str, dataset: str | None = None, data: str | None = None, *, pictures: str | None = None,
    model: str | None = None, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Accuracy, class table and confusion matrix of a checkpoint on a test set (by default that of its own data).

    `data` is a folder or .zip whose test part is taken; `pictures` is one of which every picture counts. `dataset` and
    `model` also say what weights from elsewhere are.
    Raises: UnknownCheckpoint, CheckpointRefused, ClassesDiffer, and what loading data raises.
    """
    if pictures:
        return _evaluate_pictures(checkpoint, pictures, dataset, model, progress)
    name, source, result = evaluation(checkpoint, dataset, data, model=model, progress=progress)
    return {"checkpoint": name, "dataset": source, **result.as_dict()}


def _evaluate_pictures(
    checkpoint: str, pictures: str, dataset: str | None, model: str | None, progress: Progress | None
) -> dict[str, Any]:
    from .brought import open_any
    from .evaluate import evaluate as measure
    from .many import read_many

    opened, path = open_any(checkpoint, dataset, model, progress), Path(own_pictures(pictures))
    found = read_many(opened, [(path, path.name)], progress=progress or (lambda what, share: None))
    labelled = found.labelled(opened)
    if labelled is None:
        raise ArchiveRefused(path=path.name, why="its pictures do not lie in folders named after their classes")
    result = measure(opened, labelled).as_dict()
    return {"checkpoint": checkpoint, "dataset": path.name, **result, "refused": list(found.refused)}


def evaluation(
    checkpoint: str, dataset: str | None = None, data: str | None = None, *, model: str | None = None,
    progress: Progress | None = None,
) -> tuple[str, str, Evaluation]:  # fmt: skip
    """The same as an object: the checkpoint's name, the data's, and the evaluation."""
    from .brought import open_any
    from .evaluate import evaluate as measure

    opened = open_any(checkpoint, dataset, model, progress)
    source = data or dataset or opened.card.get("dataset")
    if not source:
        raise BadRequest(what="This checkpoint does not say what it was trained on: name the data to test it on.")
    if not data:
        _check_testable(opened, str(source))
    loaded = load_test_data(str(source), opened.shape, progress)
    tell = (lambda share: progress("testing", share)) if progress else None
    return str(checkpoint), loaded.name, measure(opened, loaded.test, progress=tell)


def _check_testable(checkpoint: Checkpoint, dataset: str) -> None:
    """Raises: DataUnavailable for ImageNet, ClassesDiffer before anything is loaded or fetched for nothing."""
    from .evaluate import check_classes
    from .imagenet import NAME, TITLE

    if dataset == NAME:
        instead = "Give pictures in folders named after its classes (--pictures)."
        raise DataUnavailable(
            dataset=TITLE, why="the lab cannot fetch it, its pictures are not public", instead=instead
        )
    if dataset in DATASETS:
        check_classes(checkpoint, DATASETS[dataset].classes)


def load_test_data(source: str, shape: tuple[int, int, int], progress: Progress | None = None) -> Dataset:
    """The data at the size and with the channels that a checkpoint was trained on."""
    loaded = load_data(source, side=shape[1], progress=progress)
    return replace(loaded, train=with_channels(loaded.train, shape[0]), test=with_channels(loaded.test, shape[0]))


def with_channels(images: ImageSet, channels: int) -> ImageSet:
    """The same pictures in grey (1 channel) or in colour (3)."""
    import torch

    have = images.images.shape[1]
    if have == channels:
        return images
    if have == 1:
        return replace(images, images=images.images.expand(-1, channels, -1, -1))
    luma = images.images.new_tensor(LUMA, dtype=torch.float32).view(1, 3, 1, 1)
    grey = torch.cat([(part * luma).sum(1, keepdim=True).round().byte() for part in images.images.split(4096)])
    return replace(images, images=grey.expand(-1, channels, -1, -1))


def classify(
    images: Iterable[str | Path], checkpoint: str, top: int = 5, dataset: str | None = None, model: str | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The `top` most probable classes of each picture. `dataset` and `model` say what weights from elsewhere are.

    Raises: UnknownCheckpoint, CheckpointRefused, PictureRefused, InvalidOption.
    """
    from .brought import open_any
    from .predict import classify as predict

    if not 1 <= top <= MOST_TOP:
        raise InvalidOption(option="top", value=top, allowed=f"1 to {MOST_TOP:,}")
    paths = [str(image) for image in images]
    predictions = predict(open_any(checkpoint, dataset, model, progress), paths, top=top)
    return [
        {"image": path, "top": [{"class": name, "probability": probability} for name, probability in prediction.top]}
        for path, prediction in zip(paths, predictions)
    ]


def publish(
    checkpoint: str, repo: str, *, private: bool = False, dataset: str | None = None, model: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Puts a checkpoint on the Hugging Face Hub, as who HF_TOKEN or the Hub's own login on this machine says.

    Raises: UnknownCheckpoint, CheckpointRefused, BadRequest, PublishFailed.
    """
    from .brought import open_any
    from .publish import publish as put

    done = put(open_any(checkpoint, dataset, model, progress), repo, private=private)
    return {"checkpoint": checkpoint, "repo": done.repo, "url": done.url, "private": done.is_private}


def runs(root: Path | None = None) -> list[dict[str, Any]]:
    """Every run of this home, the newest first."""
    from .runs.store import RunStore

    return [run.summary() for run in RunStore(runs_dir(root)).runs()]
