"""The layer table as HTML: a tree whose parts fold, and a flat table. Pure functions, no gradio."""

from __future__ import annotations

import inspect
from functools import lru_cache
from html import escape

from ..layers import LayerRow, LayerTable
from ..resnet import BLOCK_CLASSES, Block, ConvPool, ResNet, ZeroPad
from ..specs import ResNetSpec
from ..tree import Node, layer_tree
from .strings import say

SHARE_WORTH_A_BAR = 0.001


def tree_html(spec: ResNetSpec, table: LayerTable, lang: str = "en") -> str:
    """Stem, stages, blocks and layers as nested <details>; stages are open, blocks closed, equal blocks folded."""
    writer = _Writer(table, lang)
    body = "".join(writer.node(node, 0) for node in layer_tree(spec, table).children)
    return f'<div class="tree">{writer.head()}{body}{writer.foot()}</div>'


def flat_html(table: LayerTable, lang: str = "en") -> str:
    """A row for every call of a layer."""
    keys = ("name", "type", "output", "params", "share", "macs", "sees")
    number = {"output", "params", "share", "macs", "sees"}
    head = "".join(f'<th scope="col"{_is(key in number)}>{escape(say("layers." + key, lang))}</th>' for key in keys)
    rows = "".join(_flat_row(row, table) for row in table.rows)
    total = escape(say("layers.total", lang))
    foot = (
        f'<tr><th scope="row" colspan="3">{total}</th><td class="number">{table.total_params:,}</td>'
        f'<td class="number">100 %</td><td class="number">{table.total_macs:,}</td><td></td></tr>'
    )
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot>"
    return f'<div class="flat"><table>{body}</table></div>'


def _is(number: bool) -> str:
    return ' class="number"' if number else ""


def _flat_row(row: LayerRow, table: LayerTable) -> str:
    cells = (
        shape(row.output_shape),
        _count(row.params),
        percent(row.params, table.total_params),
        _count(row.macs),
        sees(row),
    )
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row">{escape(row.name)}</th><td>{row.type}</td>{numbers}</tr>'


def totals_html(table: LayerTable, lang: str = "en") -> str:
    """One line under the table."""
    return "<p class='totals'>" + escape(
        say(
            "layers.totals", lang, rows=len(table.rows), params=table.total_params, mib=table.params_bytes / 2**20,
            mb=table.params_bytes / 1e6, macs=table.total_macs, activations=_activation_bytes(table) / 1e6,
        )
    ) + "</p>"  # fmt: skip


def _activation_bytes(table: LayerTable) -> int:
    return sum(row.activation_bytes for row in table.rows)


def shape(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _count(number: int) -> str:
    return f"{number:,}" if number else "–"


def percent(part: int, whole: int) -> str:
    """A share with as many digits as it deserves; a dash for nothing."""
    if not part or not whole:
        return "–"
    value = 100 * part / whole
    return f"{value:.0f} %" if value >= 9.95 else f"{value:.1f} %" if value >= 0.05 else "< 0.1 %"


def sees(row: LayerRow) -> str:
    height, width = row.receptive_field
    return f"{height}×{width}"


class _Writer:
    """Writes nodes for one table, whose totals the shares refer to."""

    def __init__(self, table: LayerTable, lang: str) -> None:
        self.table, self.lang = table, lang

    def head(self) -> str:
        keys = ("part", "output", "params", "share", "macs")
        cells = "".join(f"<span>{escape(say('layers.' + key, self.lang))}</span>" for key in keys)
        return f'<span class="line head">{cells}</span>'

    def foot(self) -> str:
        title = _named(say("layers.total", self.lang), "")
        return self._line("foot", 0, title, (), self.table.total_params, self.table.total_macs)

    def node(self, node: Node, depth: int) -> str:
        if node.row is not None:
            return self._layer(node.row, depth)
        summary = self._line("", depth, self._title(node), node.output_shape, node.params, node.macs)
        if not node.children:
            return f'<div class="part {node.kind} {node.shortcut}">{summary}</div>'
        inside = "".join(self.node(child, depth + 1) for child in node.children)
        opened = " open" if node.kind in ("stage", "stem", "head", "branch", "shortcut") else ""
        return (
            f'<details class="part {node.kind} {node.shortcut}" data-path="{escape(node.path)}"{opened}>'
            f"<summary>{summary}</summary>{inside}</details>"
        )

    def _title(self, node: Node) -> str:
        """What the part is called, and in grey how much of it there is."""
        number = node.path.removeprefix("layer").split(".")
        if node.kind == "stage":
            blocks = sum(child.count for child in node.children if child.kind != "entry")
            note = say("draw.blocks" if blocks > 1 else "draw.block", self.lang, n=blocks) if blocks else ""
            return _named(say("draw.stage", self.lang, n=number[0]), note)
        if node.kind == "fold":
            first, last = (int(n) + 1 for n in number[1].split("-"))
            return _named(say("layers.fold", self.lang, first=first, last=last), f"× {node.count}")
        if node.kind == "block":
            return _named(say("layers.block", self.lang, n=int(number[1]) + 1), "")
        if node.kind == "shortcut":
            return _named(say("layers.shortcut", self.lang), say(f"layers.shortcut_{node.shortcut}", self.lang))
        words = {"stem": "draw.stem", "head": "draw.head", "branch": "layers.branch", "entry": "layers.entry"}
        return _named(say(words[node.kind], self.lang), "")

    def _layer(self, row: LayerRow, depth: int) -> str:
        """A layer, which opens to its arithmetic in words."""
        name = _named(self._what(row), row.name)
        summary = self._line("", depth, name, row.output_shape, row.params, row.macs)
        facts = [say("layers.fact_shapes", self.lang, before=shape(row.input_shape), after=shape(row.output_shape))]
        if row.params:
            facts.append(say("layers.fact_params", self.lang, words=row.params_in_words))
        if row.macs:
            facts.append(say("layers.fact_macs", self.lang, words=row.macs_in_words))
        facts.append(say("layers.fact_sees", self.lang, pixels=sees(row)))
        facts.append(say("layers.fact_memory", self.lang, kb=row.activation_bytes / 1e3))
        items = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
        return f'<details class="layer {row.type}"><summary>{summary}</summary><ul>{items}</ul></details>'

    def _what(self, row: LayerRow) -> str:
        """The layer's type with the two or three numbers that make it what it is."""
        if row.type == "Conv2d":
            by = f" /{row.stride[0]}" if row.stride[0] > 1 else ""
            return f"Conv2d {row.kernel[0]}×{row.kernel[1]}, {row.output_shape[0]}{by}"
        if row.kernel:
            return f"{row.type} {row.kernel[0]}×{row.kernel[1]}" + (f" /{row.stride[0]}" if row.stride[0] > 1 else "")
        return row.type

    def _line(self, kind: str, depth: int, title: str, output: tuple[int, ...], params: int, macs: int) -> str:
        share = params / self.table.total_params if self.table.total_params else 0
        bar = f'<i style="width:{share:.1%}"></i>' if share > SHARE_WORTH_A_BAR else ""
        words = percent(params, self.table.total_params)
        return (
            f'<span class="line {kind}"><span class="what" style="--depth:{depth}">{title}</span>'
            f"<span>{shape(output)}</span>"
            f'<span>{_count(params)}</span><span class="share">{bar}{words}</span><span>{_count(macs)}</span></span>'
        )


def _named(name: str, note: str) -> str:
    return f"<b>{escape(name)}</b>" + (f"<em>{escape(note)}</em>" if note else "")


def code_html(spec: ResNetSpec, lang: str = "en") -> str:
    """The Python of the blocks that this network is made of, taken from the classes themselves."""
    entry = (ConvPool,) if spec.stage_entry == "conv_pool" else ()
    pad = (ZeroPad,) if spec.shortcut == "zero_pad" else ()
    parts = "".join(_source(kind) for kind in (BLOCK_CLASSES[spec.block], Block, *pad, *entry, ResNet))
    return f'<div class="code"><h3>{escape(say("layers.code", lang))}</h3>{parts}</div>'


@lru_cache
def _source(kind: type) -> str:
    lines, number = inspect.getsourcelines(kind)
    where = f"{kind.__module__.replace('.', '/')}.py, {number}"
    code = f'<pre tabindex="0"><code>{escape("".join(lines))}</code></pre>'
    return f"<details><summary>{kind.__name__}<em>{escape(where)}</em></summary>{code}</details>"
