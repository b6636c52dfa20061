"""The layer table for other programs: CSV, JSON (the command line's) and Markdown."""

from __future__ import annotations

import csv
import io
import json

from .layers import LayerRow, LayerTable

COLUMNS = ("name", "type", "output_shape", "params", "macs", "receptive_field")


def to_csv(table: LayerTable) -> str:
    """A header and a row for every layer; shapes as 64x32x32."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in table.rows)
    return file.getvalue()


def to_json(table: LayerTable) -> str:
    """What `layers --json` prints."""
    return json.dumps(table.as_dict(), indent=1)


def to_markdown(table: LayerTable) -> str:
    """A table with the totals in its last row, numbers aligned right."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|--:|--:|--:|--:|"]
    for row in table.rows:
        name, kind, shape, params, macs, field = _cells(row)
        lines.append(f"| {name} | {kind} | {shape} | {params:,} | {macs:,} | {field} |")
    lines.append(f"| **total** | | | {table.total_params:,} | {table.total_macs:,} | |")
    return "\n".join(lines) + "\n"


def _cells(row: LayerRow) -> tuple[str, str, str, int, int, str]:
    return row.name, row.type, _by(row.output_shape), row.params, row.macs, _by(row.receptive_field)


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


FORMATS = {"csv": to_csv, "json": to_json, "md": to_markdown}
