"""In what runs laid over each other differ: their settings in a table, and a warning where their steps do."""

from __future__ import annotations

from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from ..runs.config import RunConfig
from ..runs.export import differences
from .recordings import config_of, history_of, is_recorded
from .strings import say
from .watch import MOST_SHOWN
from .words import model_title

if TYPE_CHECKING:
    from .page import Lab


class Overlay:
    """The comparisons of one lab's runs."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def html(self, asked: list[str]) -> str:
        """The differences of the runs asked for, as HTML; unknown ones are passed over."""
        found = [one for name in asked[:MOST_SHOWN] if (one := self._find(str(name)))]
        if len(found) < 2:
            return ""
        return warning_html([steps for _, steps in found]) + differences_html([config for config, _ in found])

    def _find(self, name: str) -> tuple[RunConfig, int | None] | None:
        """A run's config and its steps: those it was asked for while it goes on, then those it made."""
        with suppress(LabError):
            if is_recorded(name):
                return config_of(name), history_of(name).step
            run = self.lab.store.get(name)
            history, status = run.history(), run.status()
            planned = history.started.total_steps if history.started else None
            return run.config, planned if status.is_active else history.step
        return None


def warning_html(steps: list[int | None]) -> str:
    known = sorted({count for count in steps if count})
    if len(known) < 2:
        return ""
    words = say("train.steps_differ", steps=", ".join(f"{count:,}" for count in known))
    return f"<p class='warning' role='note'>{escape(words)}</p>"


def differences_html(configs: list[RunConfig]) -> str:
    """A row for each setting that differs, a column for each run."""
    rows = {name: values for name, values in differences(configs).items() if name != "parent"}
    if not rows:
        return f"<p class='quiet'>{escape(say('train.same_settings'))}</p>"
    heads = "".join(f"<th scope='col'>{escape(c.title or model_title(c.spec.name))}</th>" for c in configs)
    body = "".join(
        f"<tr><th scope='row'>{escape(say(f'setting.{name}'))}</th>"
        + "".join(f"<td>{escape(_word(value))}</td>" for value in values)
        + "</tr>"
        for name, values in rows.items()
    )
    title = escape(say("train.differ"))
    return (
        f"<details open><summary>{title}</summary><div class='sideways'><table><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></details>"
    )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return say("train.yes" if value else "train.no")
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_word, value)) or "–"
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
