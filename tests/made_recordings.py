"""Recordings with known figures, for tests of what is made of recordings."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from resnet_demo.events import RunFinished, RunStarted, Step, Validation
from resnet_demo.lessons.table import RECORDINGS

STEPS = 20


def write(folder: Path, name: str, *, loss: float = 0.5, accuracy: float = 0.8, losses=(), stop="steps", lr=()) -> None:
    """A recording of STEPS steps at a training loss and accuracy, with a validation each fifth step."""
    recording = RECORDINGS[name]
    config = recording.config()
    losses = losses or [loss] * (STEPS // 5)
    events = [RunStarted(recording.model, "x", "budget", recording.seed, 128, 100, 10, STEPS, None)]
    for step in range(1, STEPS + 1):
        rate = lr[step - 1] if lr else 0.1
        events.append(Step(step, step / 10, loss, accuracy + 0.1, rate, step / 2, 100.0))
        if step % 5 == 0:
            events.append(Validation(step, step / 10, losses[step // 5 - 1], accuracy, 1000, step / 2))
    events.append(RunFinished(stop, STEPS, accuracy, None if stop == "diverged" else accuracy - 0.01))
    head = {"event": "recording", "id": name, "data": config.data, "spec": asdict(config.spec)}
    lines = [json.dumps(head), *(event.to_json() for event in events)]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
