"""Small pieces of HTML that the Classify tab is made of: pictures in the page itself, messages from clicks."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .strings import say

if TYPE_CHECKING:
    import gradio as gr
    from torch import Tensor

# A click on anything with data-send reaches Python as `sent`. Arrow keys walk a grid, which is one stop for Tab.
LISTEN = """
const cell = (at) => at.closest('[role="gridcell"]');
element.addEventListener('click', (event) => {
  const from = event.target.closest('[data-send]');
  if (!from) return;
  element.querySelectorAll('.chosen').forEach((other) => other.classList.remove('chosen'));
  from.classList.add('chosen');
  trigger('click', {sent: JSON.parse(from.dataset.send)});
});
element.addEventListener('click', (event) => {  // a head sorts its table; nothing of this reaches Python
  const head = event.target.closest('[data-sort]');
  if (!head) return;
  const th = head.closest('th'), body = th.closest('table').tBodies[0];
  const up = th.getAttribute('aria-sort') === 'descending';
  th.parentNode.querySelectorAll('th').forEach((other) => other.removeAttribute('aria-sort'));
  th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const value = (row) => row.cells[th.cellIndex].dataset.v ?? row.cells[th.cellIndex].textContent;
  const order = (a, b) => isNaN(a) || isNaN(b) ? b.localeCompare(a) : b - a;
  [...body.rows].sort((a, b) => (up ? -1 : 1) * order(value(a), value(b))).forEach((row) => body.append(row));
});
element.addEventListener('click', (event) => {  // counts or per cent
  const toggle = event.target.closest('[data-swap]');
  if (!toggle) return;
  [toggle, ...element.querySelectorAll('.matrix [data-other]')].forEach((at) => {
    [at.textContent, at.dataset.other] = [at.dataset.other, at.textContent];
  });
});
element.addEventListener('input', (event) => {
  const over = element.querySelector('.heat .over');
  if (over && event.target.type === 'range') over.style.opacity = event.target.value / 100;
});
element.addEventListener('keydown', (event) => {
  const from = cell(event.target);
  if (!from) return;
  if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); return from.click(); }
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
  if (!step) return;
  event.preventDefault();
  const rows = [...from.closest('table').tBodies[0].rows];
  const row = rows[rows.indexOf(from.parentNode) + step[0]];
  const to = row && row.cells[from.cellIndex + step[1]];
  if (to && cell(to)) { from.tabIndex = -1; to.tabIndex = 0; to.focus(); }
});
"""


def send(message: dict[str, Any]) -> str:
    """The attribute that makes a click on its element send `message`."""
    return f'data-send="{escape(json.dumps(message))}"'


def png_address(pixels: Tensor) -> str:
    """A data address of uint8 pixels (C, H, W), one channel or three, as PNG."""
    from PIL import Image

    array = pixels.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def alert(sentence: str) -> str:
    return f'<p class="alert" role="alert">{escape(sentence)}</p>'


def quiet(sentence: str) -> str:
    return f'<p class="quiet">{escape(sentence)}</p>'


def strip(heading: str, figures: Sequence[str], of: int, look: str = "") -> str:
    """Pictures in a row under a heading that says so if they are only the first of more; the heading alone if none."""
    if not figures:
        return quiet(heading)
    more = say("classify.strip_shown", shown=len(figures), of=of) if of > len(figures) else ""
    head = f'<p class="strip-head">{escape(heading)} <span>{escape(more)}</span></p>'
    return f'{head}<div class="{f"strip {look}".strip()}">{"".join(figures)}</div>'


def sent(event: gr.EventData) -> dict[str, Any]:
    """What `send` put on the element that was clicked; whatever else a client may send becomes nothing."""
    message = (event._data or {}).get("sent") if isinstance(event._data, dict) else None
    return message if isinstance(message, dict) else {}
