"""The lessons' drawings as SVG: function classes, gradients by layer, blocks, costs, what batch norm normalises."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .strings import say

WIDTH = 460
MOST_NAMED = 12  # blocks whose names and figures fit beside each other
PLAIN, RESIDUAL = "plain", "residual"
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def figure(inner: Iterable[str], height: float, alt: str, caption: str = "") -> str:
    """A drawing WIDTH wide that scales with the page, with a line under it."""
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f"<figure class='lesson-figure'><svg viewBox='0 0 {WIDTH} {height:g}' role='img' aria-label='{escape(alt)}'>"
        f"{''.join(inner)}</svg>{said}</figure>"
    )


def text(x: float, y: float, words: str, look: str = "", anchor: str = "start") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' class='{look}' text-anchor='{anchor}'>{escape(words)}</text>"


def rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(0.0, width):.1f}' height='{height:.1f}' class='{look}'/>"


def line(points: Sequence[tuple[float, float]], look: str) -> str:
    return f"<polyline points='{' '.join(f'{x:.1f},{y:.1f}' for x, y in points)}' class='{look}'/>"


def classes() -> str:
    """Nested function classes, and where training ends in them without and with shortcuts."""
    parts = []
    for left, kind, near, far in ((0, PLAIN, (96, 78), (64, 40)), (WIDTH / 2, RESIDUAL, (96, 78), (140, 52))):
        middle = left + 100
        parts += [
            f"<ellipse cx='{middle}' cy='78' rx='94' ry='56' class='class wide'/>",
            f"<ellipse cx='{middle}' cy='88' rx='52' ry='30' class='class'/>",
            text(middle, 130, say("lessons.draw_deep"), "small", "middle"),
            text(middle, 108, say("lessons.draw_shallow"), "small", "middle"),
            text(middle, 15, say(f"lessons.draw_{kind}"), "head", "middle"),
            f"<path d='M{left + near[0]} {near[1]}L{left + far[0]} {far[1]}' class='{kind}'/>",
            f"<circle cx='{left + near[0]}' cy='{near[1]}' r='4' class='{kind} dot'/>",
            f"<circle cx='{left + far[0]}' cy='{far[1]}' r='4' class='{kind} dot'/>",
            text(left + 158, 43, "★", "star", "middle"),
        ]
    return figure(parts, 142, say("lessons.draw_classes"), say("lessons.draw_classes"))


def gradient(plain: Sequence[float], residual: Sequence[float], depth: int) -> str:
    """The gradient's norm at each convolution over a logarithmic scale, plain dashed."""
    values = [value for value in (*plain, *residual) if value > 0 and math.isfinite(value)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    left, right, top, bottom = 52, WIDTH - 12, 30, 232
    down = lambda value: bottom - (math.log10(max(value, 1e-30)) - low) / (high - low) * (bottom - top)  # noqa: E731
    parts = []
    every = max(1, (high - low) // 8)
    for power in range(low, high + 1, every):
        y = down(10.0**power)
        parts += [line([(left, y), (right, y)], "rule"), text(left - 7, y + 4, _power(power), "small", "end")]
    for kind, norms in ((PLAIN, plain), (RESIDUAL, residual)):
        step = (right - left) / max(1, len(norms) - 1)
        parts.append(line([(left + i * step, down(norm)) for i, norm in enumerate(norms) if norm > 0], kind))
    parts += [
        text(left, bottom + 18, say("lessons.draw_first"), "small"),
        text(right, bottom + 18, say("lessons.draw_last", n=len(plain)), "small", "end"),
        line([(left, 12), (left + 26, 12)], PLAIN), text(left + 32, 16, f"Plain-{depth}: {ratio_words(plain)}"),
        line([(left + 206, 12), (left + 232, 12)], RESIDUAL),
        text(left + 238, 16, f"ResNet-{depth}: {ratio_words(residual)}"),
    ]  # fmt: skip
    return figure(parts, bottom + 26, say("lessons.draw_gradient"), say("lessons.draw_gradient"))


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -3 <= power <= 4 else "10" + str(power).translate(RAISED)


def ratio_words(norms: Sequence[float]) -> str:
    """First over last in at most three figures: 0.03, 18, 1,260, 2.8 million."""
    ratio = norms[0] / norms[-1] if norms[-1] else math.inf
    if not math.isfinite(ratio):
        return "∞"
    if ratio >= 1e6:
        return say("lessons.million", n=f"{ratio / 1e6:.2g}") if ratio < 1e9 else f"{ratio:.1e}"
    rounded = float(f"{ratio:.3g}")
    return f"{rounded:,.0f}" if rounded >= 20 else f"{float(f'{ratio:.2g}'):g}"


def blocks(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """For each network a strip of bars a block: how large F(x) is beside x, and what accuracy is left without it.

    Names stand below the bars; a table says the same for those who cannot point at a bar.
    """
    parts, y = [], 0.0
    for model, row in rows.items():
        whole = say("lessons.draw_whole", model=model, accuracy=f"{row['accuracy']:.3f}")
        parts.append(text(0, y + 14, whole, "head"))
        if any(part["passing"] for part in row["parts"]):
            parts += _bars(row["parts"], y + 22, 42, _share, "share")
            parts.append(text(0, y + 76, say("lessons.draw_share"), "small"))
            y += 62
        parts += _bars(row["parts"], y + 22, 56, lambda part: part["without"], "left", row["accuracy"])
        parts += _names(row["parts"], y + 90)
        parts.append(text(0, y + 106, say("lessons.draw_left"), "small"))
        y += 124
    return figure(parts, y, say("lessons.draw_blocks")) + _block_table(rows)


def _names(parts: Sequence[Mapping[str, Any]], y: float) -> list[str]:
    """Each block's below its bar; where they do not fit, those of the stages' first blocks."""
    step = WIDTH / len(parts)
    if len(parts) <= MOST_NAMED:
        return [text((i + 0.5) * step, y, part["name"], "small", "middle") for i, part in enumerate(parts)]
    return [text(i * step, y, p["name"], "small") for i, p in enumerate(parts) if p["name"].endswith(".0")]


def _block_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = [say(f"lessons.table_{name}") for name in ("network", "block", "share", "left")]
    heads = "".join(f"<th scope='col'>{escape(name)}</th>" for name in names)
    lines = (
        [model, part["name"], *("–" if value is None else f"{value:.3f}" for value in (_share(part), part["without"]))]
        for model, row in rows.items()
        for part in row["parts"]
    )
    body = "".join(f"<tr>{''.join(f'<td>{escape(word)}</td>' for word in words)}</tr>" for words in lines)
    return (
        f"<details class='lesson-table'><summary>{escape(say('lessons.as_table'))}</summary>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _share(part: Mapping[str, Any]) -> float | None:
    """F(x) as a part of both together: a half where they are equally large."""
    return part["branch"] / (part["branch"] + part["passing"]) if part["passing"] else None


def _bars(
    parts: Sequence[Mapping[str, Any]], y: float, height: float, of: Any, look: str, whole: float = 1.0
) -> list[str]:
    step = WIDTH / len(parts)
    drawn = []
    for index, part in enumerate(parts):
        value, x = of(part), index * step + 1
        drawn.append(rect(x, y, step - 2, height, "ground"))
        if value is None:
            drawn.append(text(x + step / 2 - 1, y + height - 4, "–", "small", "middle"))
            continue
        words = f"{part['name']}: {value:.3f}"
        bar = rect(x, y + height * (1 - value), step - 2, height * value, look)
        drawn.append(f"<g><title>{escape(words)}</title>{bar}</g>")
        if len(parts) <= MOST_NAMED:
            is_tall = height * value > 16
            at = y + height - 5 if is_tall else y + height * (1 - value) - 4
            drawn.append(text(x + step / 2 - 1, at, f"{value:.2f}", "on" if is_tall else "over", "middle"))
    if look == "left":
        at = y + height * (1 - whole)
        drawn.append(line([(0, at), (WIDTH, at)], "whole"))
    return drawn


def costs(figures: Mapping[str, Any]) -> str:
    """The five ResNets and the two VGG nets of the paper by MACs."""
    rows = [(f"ResNet-{depth}", figures[f"macs{depth}"], RESIDUAL) for depth in (18, 34, 50, 101, 152)]
    rows += [("VGG-16", 15.3, PLAIN), ("VGG-19", 19.6, PLAIN)]
    parts, most = [], 19.6
    for index, (name, macs, look) in enumerate(rows):
        y = 8 + 27 * index
        width = (WIDTH - 150) * macs / most
        parts += [text(76, y + 15, name, "", "end"), rect(84, y, width, 20, f"bar {look}")]
        parts.append(text(90 + width, y + 15, f"{macs:.1f} G"))
    return figure(parts, 10 + 27 * len(rows), say("lessons.draw_costs"), say("lessons.draw_costs"))


def normalised() -> str:
    """A batch of four pictures with three channels: what one channel's mean and deviation are taken over."""
    parts = [text(0, 16, say("lessons.draw_batch"), "head")]
    for picture in range(4):
        x = 8 + picture * 112
        for channel in (2, 1, 0):
            look = "cell chosen" if channel == 0 else "cell"
            left, top = x + channel * 16, 34 + (2 - channel) * 16
            parts.append(rect(left, top, 58, 58, look))
            if channel == 0:
                parts += [line([(left + k * 14.5, top), (left + k * 14.5, top + 58)], "thin") for k in (1, 2, 3)]
                parts += [line([(left, top + k * 14.5), (left + 58, top + k * 14.5)], "thin") for k in (1, 2, 3)]
        parts.append(text(x + 40, 142, say("lessons.draw_picture", n=picture + 1), "small", "middle"))
    return figure(parts, 152, say("lessons.draw_norm"), say("lessons.draw_norm"))
