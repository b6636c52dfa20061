"""Networks side by side: what they are made of, what they cost, and the sentence that tells each from its namesakes."""

from __future__ import annotations

from html import escape

from ..architecture import ResNetSpec
from ..errors import LabError
from ..layers import layer_table
from ..memory import memory
from ..specs import MODELS, find_model
from .figures import short, which_one
from .layer_data import shape, size
from .strings import say
from .words import model_title

MOST = 6
BATCH_SIZE = 128
OPTION_B = "custom:basic-{0}.{0}.{0}-16.32.64-cifar-projection"


def namesakes(spec: ResNetSpec) -> list[str]:
    """Other networks that go by the same number, and a CIFAR net's option B; two neighbours where there are none."""
    same = [other.name for other in MODELS.values() if other.depth == spec.depth and other.name != spec.name]
    if spec.family == "cifar" and not spec.is_plain:
        same.insert(0, OPTION_B.format(spec.blocks_per_stage[0]))
    return (same or ["resnet20", "resnet18-cifar"])[: MOST - 1]


def compare_html(names: list[str]) -> str:
    """A column for each name that is a model, the first MOST of them; their times are measured once it is seen."""
    specs = [spec for name in dict.fromkeys(names) if (spec := _known(name))][:MOST]
    if not specs:
        return ""
    head = "".join(f'<th scope="col">{escape(model_title(spec.name))}</th>' for spec in specs)
    rows = zip(*(_cells(spec) for spec in specs))
    body = "".join(
        f'<tr><th scope="row">{escape(say(f"model.compare_{key}"))}</th>{"".join(row)}</tr>'
        for key, row in zip(ROWS, rows)
    )
    sentences = "".join(
        f"<dt>{escape(model_title(spec.name))}</dt><dd>{escape(which_one(spec))}</dd>" for spec in specs
    )
    return (
        f'<div class="wide"><table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<dl class="namesakes">{sentences}</dl>'
    )


ROWS = (
    "input", "layers", "stem", "stages", "blocks", "widths", "shortcut", "params", "macs", "weights", "training",
    "time",
)  # fmt: skip


def _known(name: str) -> ResNetSpec | None:
    try:
        return find_model(name)
    except LabError:
        return None


def _cells(spec: ResNetSpec) -> list[str]:
    table = layer_table(spec)
    takes = memory(table, BATCH_SIZE)
    stem = spec.stem
    pool = say("model.compare_pool") if stem.pool else ""
    values = (
        shape(table.input), str(spec.depth), f"{stem.kernel}×{stem.kernel}, {stem.width}, /{stem.stride}{pool}",
        str(len(spec.widths)), say(f"model.compare_{spec.block}", n=" + ".join(map(str, spec.blocks_per_stage))),
        " · ".join(map(str, spec.widths)), say(f"model.compare_{spec.shortcut}"),
        f"{table.total_params:,}", short(table.total_macs), size(takes.weights), size(takes.training),
    )  # fmt: skip
    time = f'<td class="time" data-model="{escape(spec.name)}" data-brief="yes">–</td>'
    return [*(f"<td>{escape(value)}</td>" for value in values), time]
