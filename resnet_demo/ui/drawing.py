"""A network as a picture: pure functions from a spec to SVG, which stands on its own and follows the page's colours.

Two lanes: the data, drawn to scale (height as the picture's side, width as its channels), and the blocks that work on
it, equal ones folded, with their shortcuts as arcs. `across` for a wide column, `down` for a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from ..specs import ResNetSpec
from .stations import Box, Station, stations
from .strings import say

CHAR, LINE, PAD = 6.5, 15, 6  # of a 13-pixel font
PLUS = 7  # radius of the addition's circle
GAP = 11  # between boxes
ARC = 24  # how far an arc rises above its box
SLAB_HEIGHT, SLAB_WIDTH = 84, 104  # of the tallest and of the widest data
STYLE = """
.net { font: 13px "Source Sans Pro", "Segoe UI", Helvetica, Arial, sans-serif; color: inherit; }
.net text { fill: currentColor; text-anchor: middle; font-variant-numeric: tabular-nums; }
.net .start { text-anchor: start; } .net .title { font-size: 14px; font-weight: 700; }
.net .note { opacity: .75; font-size: 12.5px; }
.net .box { fill: var(--net-box, #f3f5f7); stroke: currentColor; stroke-opacity: .55; }
.net .slab { fill: var(--net-accent, #0072b2); fill-opacity: .28; stroke: var(--net-accent, #0072b2); }
.net .flow { fill: none; stroke: currentColor; stroke-opacity: .7; stroke-width: 1.3; }
.net .head { fill: currentColor; fill-opacity: .7; }
.net .lead { stroke: currentColor; stroke-opacity: .3; stroke-dasharray: 2 3; }
.net .arc { fill: none; stroke: var(--net-accent, #0072b2); stroke-width: 2.2; }
.net .arc.zero_pad { stroke-dasharray: 5 3; }
.net .plus { fill: var(--net-back, #fff); stroke: var(--net-accent, #0072b2); stroke-width: 1.6; }
.net .how { fill: var(--net-accent, #0072b2); font-size: 12px; }
.net .times { font-weight: 700; }
"""


def draw(spec: ResNetSpec, input: tuple[int, ...] | None = None, *, way: str = "across") -> str:
    """An <svg> element of the network for an input (C, H, W); `way` is across or down.

    Raises: InputDoesNotFit.
    """
    shape = spec.input if input is None else tuple(input)
    net = stations(spec, shape)
    body, width, height = (_across if way == "across" else _down)(net, shape)
    blocks = sum(spec.blocks_per_stage)
    title = say("draw.alt", name=spec.name, stages=len(net) - 2, blocks=blocks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="net {way}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="group" aria-label="{escape(title)}"><style>{STYLE}</style>{body}</svg>'
    )


def _across(net: Sequence[Station], shape: tuple[int, ...]) -> tuple[str, float, float]:
    scale = _Scale.of([shape, *(station.shape for station in net)])
    tall = max(box_height(box) for station in net for box in station.boxes)
    middle, lane = SLAB_HEIGHT / 2 + 6, SLAB_HEIGHT + 2 * LINE + ARC + tall / 2 + 22
    x, parts, flowing = SLAB_WIDTH / 4 + 12, [], shape
    for station in net:
        parts.append(_data(x, middle, flowing, scale) + _lead(x, middle + SLAB_HEIGHT / 2 + LINE + 4, x, lane - 6))
        parts.append(_arrow(x - 11, lane, x + 11, lane))
        row, end = _row(x + 12, lane, station.boxes)
        centre = (x + 12 + end) / 2
        base = lane + tall / 2 + 2 * LINE + 5
        parts += [row, _text(centre, base, station.title, "title"), _text(centre, base + LINE, station.note, "note")]
        x, flowing = end + 12, station.shape
    parts.append(_arrow(x - 11, lane, x + 11, lane))
    return "".join(parts), x + 12, lane + tall / 2 + 3 * LINE + 9


def _down(net: Sequence[Station], shape: tuple[int, ...]) -> tuple[str, float, float]:
    scale = _Scale.of([shape, *(station.shape for station in net)])
    left, width = SLAB_WIDTH / 2 + 4, max(_row_width(station.boxes) for station in net)
    x, y, below, parts, flowing = SLAB_WIDTH + 28, 8.0, 4.0, [], shape
    for station in net:
        high = scale.height(flowing)
        tall = max(box_height(box) for box in station.boxes)
        y = max(y, below + high / 2, 14.0)
        parts.append(_data(left, y, flowing, scale, below=high / 2 + LINE - 1))
        below = y + high / 2 + LINE + 8
        parts.append(_lead(left + SLAB_WIDTH / 2, y, x + 20, y) + _arrow(x + 24, y - 8, x + 24, y + 16))
        named = _text(x + 38, y + 8, station.title, "title start")
        parts += [named, _text(x + 48 + 8 * _letters(station.title), y + 8, station.note, "note start")]
        y += 22
        lane = y + (ARC if any(box.shortcut for box in station.boxes) else 0) + tall / 2
        parts.append(_row(x, lane, station.boxes)[0])
        y = lane + tall / 2 + (LINE + 4 if any(box.count > 1 for box in station.boxes) else 0) + 12
        flowing = station.shape
    parts.append(_arrow(x + 24, y - 6, x + 24, y + 12) + _text(x + 38, y + 8, _classes(flowing), "start"))
    return "".join(parts), x + max(width, 150) + 4, y + 18


@dataclass(frozen=True)
class _Scale:
    """Pixels for a side and for a channel."""

    side: float
    channel: float

    @classmethod
    def of(cls, shapes: Sequence[tuple[int, ...]]) -> _Scale:
        sides = [shape[1] for shape in shapes if len(shape) == 3]
        return cls(SLAB_HEIGHT / max(sides), SLAB_WIDTH / max(shape[0] for shape in shapes if len(shape) == 3))

    def height(self, shape: tuple[int, ...]) -> float:
        return max(2.5, shape[1] * self.side)

    def width(self, shape: tuple[int, ...]) -> float:
        return max(2.5, shape[0] * self.channel)


def _data(x: float, y: float, shape: tuple[int, ...], scale: _Scale, below: float = SLAB_HEIGHT / 2 + LINE) -> str:
    """A slab to scale with its shape under it."""
    width, height = scale.width(shape), scale.height(shape)
    slab = _rectangle(x - width / 2, y - height / 2, width, height, "slab", corner=0)
    return slab + _text(x, y + below, "×".join(map(str, shape)), "shape")


def _row(x: float, y: float, boxes: Sequence[Box]) -> tuple[str, float]:
    """Boxes after each other from `x` on, their middles at `y`. -> (SVG, where the last one ends)"""
    parts = []
    for index, box in enumerate(boxes):
        if index:
            parts.append(_arrow(x, y, x + GAP, y))
            x += GAP
        parts.append(_block(x, y, box))
        x += _block_width(box)
    return "".join(parts), x


def _row_width(boxes: Sequence[Box]) -> float:
    return sum(map(_block_width, boxes)) + GAP * (len(boxes) - 1)


def _letters(words: str) -> int:
    """How many Latin letters are as wide; a Chinese character is as wide as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in words)


def box_width(box: Box) -> float:
    return CHAR * max(map(_letters, box.lines), default=0) + 2 * PAD


def box_height(box: Box) -> float:
    return LINE * len(box.lines) + 2 * PAD - 4


def _block_width(box: Box) -> float:
    return box_width(box) + (2 * PLUS + 5 if box.shortcut else 0)


def _block(x: float, y: float, box: Box) -> str:
    width, height = box_width(box), box_height(box)
    top = y - height / 2
    behind = "".join(
        _rectangle(x + d, top - d, width, height) for d in (6, 3) if box.count > 2 or (box.count > 1 and d == 3)
    )
    lines = "".join(_text(x + width / 2, top + PAD + 9 + LINE * i, line, "line") for i, line in enumerate(box.lines))
    times = _text(x + width / 2, y + height / 2 + LINE, f"× {box.count}", "times") if box.count > 1 else ""
    about = say("draw.about", path=box.path, params=f"{box.params:,}", macs=f"{box.macs:,}")
    inner = behind + _rectangle(x, top, width, height) + lines + times + _shortcut(x, y, width, height, box)
    group = f'<g class="block" tabindex="0" role="button" data-path="{escape(box.path)}">'
    return f"{group}<title>{escape(about)}</title>{inner}</g>"


def _shortcut(x: float, y: float, width: float, height: float, box: Box) -> str:
    """The arc over a block, and the addition where it comes down."""
    if not box.shortcut:
        return ""
    start, end, top = x - 5, x + width + 5 + PLUS, y - height / 2 - ARC
    arc = f"M{start:.1f} {y:.1f}C{start:.1f} {top:.1f} {end:.1f} {top:.1f} {end:.1f} {y - PLUS:.1f}"
    how = "" if box.shortcut == "identity" else _text((start + end) / 2, top + 4, say(f"draw.{box.shortcut}"), "how")
    plus = f'<circle class="plus" cx="{end:.1f}" cy="{y:.1f}" r="{PLUS}"/>'
    cross = f'<path class="plus" d="M{end - 4:.1f} {y:.1f}h8M{end:.1f} {y - 4:.1f}v8"/>'
    return f'<path class="arc {box.shortcut}" d="{arc}"/>{how}{plus}{cross}'


def _rectangle(x: float, y: float, width: float, height: float, kind: str = "box", corner: int = 4) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {where} rx="{corner}"/>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>' if words else ""


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    head = f"M{x2:.1f} {y2:.1f}l-6 -4v8z" if y1 == y2 else f"M{x2:.1f} {y2:.1f}l-4 -6h8z"
    return f'<path class="flow" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/><path class="head" d="{head}"/>'


def _lead(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path class="lead" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _classes(shape: tuple[int, ...]) -> str:
    return say("draw.classes", n=shape[0])
