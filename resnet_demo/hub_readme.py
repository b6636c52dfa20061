"""A checkpoint's card as the README of its repository on the Hugging Face Hub."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from .intervals import wilson
from .specs import spec_from_dict

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

HUB_DATASETS = {
    "fashion-mnist": "zalando-datasets/fashion_mnist", "fashion-mnist-small": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10", "mnist": "ylecun/mnist",
}  # fmt: skip
MOST_CLASSES = 100
LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "BSD-3-Clause": "bsd-3-clause"}


def readme(card: dict[str, Any], repo: str, data: ModelCardData) -> str:
    """The README: the Hub's own block of data first, then what a person wants to know. `card` is one of the lab's."""
    _fill(card, data)
    return f"---\n{data.to_yaml(line_break=chr(10))}\n---\n\n{_body(card, repo)}"


def _fill(card: dict[str, Any], data: ModelCardData) -> None:
    from huggingface_hub import EvalResult

    name, dataset = _title(card), str(card.get("dataset") or "")
    data.license = LICENCES.get(str(card.get("licence")))
    data.datasets = [HUB_DATASETS[dataset]] if dataset in HUB_DATASETS else None
    test = card.get("test") or {}
    if test.get("accuracy") is None:
        return
    data.metrics, data.model_name = ["accuracy"], name
    data.eval_results = [
        EvalResult(
            task_type="image-classification", dataset_type=HUB_DATASETS.get(dataset, dataset or "own"),
            dataset_name=str(card.get("dataset_title") or dataset or "own pictures"), dataset_split="test",
            metric_type="accuracy", metric_value=float(test["accuracy"]),
        )
    ]  # fmt: skip


def _title(card: dict[str, Any]) -> str:
    return str(card.get("name") or card["model"])


def _body(card: dict[str, Any], repo: str) -> str:
    spec = spec_from_dict(card["spec"])
    data = str(card.get("dataset_title") or card.get("dataset") or "data of its author")
    channels, height, width = card["shape"]
    rows = [("Network", f"{spec.name}, {spec.depth} layers ({spec.source})"), ("Trained on", data)]
    rows += [("Test accuracy", said)] if (said := _accuracy(card.get("test") or {})) else []
    rows += [("Validation accuracy", f"{card['validation_accuracy']:.4f}")] if card.get("validation_accuracy") else []
    rows += [("Takes", f"pictures of {width} x {height} pixels, {'grey' if channels == 1 else f'{channels} channels'}")]
    rows += [("Trained for", f"{card['step']:,} steps in {card['seconds']:.0f} s")] if _was_trained(card) else []
    rows += [("Recipe", str((card.get("recipe") or {}).get("name")))] if (card.get("recipe") or {}).get("name") else []
    rows += [("Licence", str(card.get("licence") or "not stated"))]
    table = "\n".join(f"| {_plain(what)} | {_plain(words)} |" for what, words in rows)
    return f"""# {_plain(_title(card))}

A [residual network](https://arxiv.org/abs/1512.03385) trained in ResNet Lab, a browser lab for such networks.
It can only answer with its {spec.num_classes:,} classes, whatever a picture shows: {_classes(card)}.

| | |
|---|---|
{table}

## Load it

With ResNet Lab installed:

```python
from resnet_demo import load_model

model, card = load_model("hub:{repo}")
```

```
python -m resnet_demo classify photo.jpg --checkpoint hub:{repo}
```

`model.safetensors` holds the weights under torchvision's names, `preprocess.mean` and `preprocess.std` (of pixels in
[0, 1]) and the card; `config.json` is the card alone.
"""


def _was_trained(card: dict[str, Any]) -> bool:
    return isinstance(card.get("step"), int) and isinstance(card.get("seconds"), (int, float))


def _accuracy(test: dict[str, Any]) -> str:
    n, accuracy = test.get("n"), test.get("accuracy")
    if not n or accuracy is None:
        return ""
    low, high = wilson(round(accuracy * n), n)
    return f"{accuracy:.4f} on {n:,} test pictures (95 % interval {low:.4f} to {high:.4f})"


def _classes(card: dict[str, Any]) -> str:
    names = [_plain(name) for name in card["classes"][:MOST_CLASSES]]
    more = len(card["classes"]) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _plain(words: object) -> str:
    """The words as text, whatever they are: no Markdown, no HTML, no second line."""
    text = escape(" ".join(str(words).split()), quote=False)
    return "".join(f"\\{c}" if c in r"\`*_[]|#<>" else c for c in text)
