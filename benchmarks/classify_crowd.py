"""Forty people classify at once with ResNet-20 through the page's own handlers, while a run trains beside them.

    python -m benchmarks.classify_crowd [--people 40] [--rounds 8] [--seed 0]

In each round everybody brings a picture in the same moment, half of them a photograph of 12 megapixels, and waits for
the bars. Everything stays on this machine's loopback, where visitors, server and training share the processors.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from benchmarks.measure import report
from benchmarks.serving import Lab, Visitor, serve, speed_of

CHECKPOINT = "resnet20-fashion-mnist"
DATA = "fashion-mnist-small"
PAUSE = 2.0  # seconds between rounds
MOST_SECONDS = 4.0  # within which nineteen of twenty are to have their answer


@dataclass
class Notes:
    """What the people met: seconds from the click to the bars, and what went wrong."""

    waits: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def photograph(chance: random.Random) -> bytes:
    """Twelve megapixels as a phone makes them, about 2 MB."""
    noise = Image.frombytes("RGB", (504, 378), chance.randbytes(504 * 378 * 3)).filter(ImageFilter.GaussianBlur(3))
    file = io.BytesIO()
    noise.resize((4032, 3024), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def small_picture(chance: random.Random) -> bytes:
    file = io.BytesIO()
    Image.frombytes("L", (28, 28), chance.randbytes(784)).resize((280, 280), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def person(visitor: Visitor, pictures: list[bytes], start: threading.Barrier, rounds: int, notes: Notes) -> None:
    for number in range(rounds):
        start.wait(120)
        began = time.perf_counter()
        try:
            picture = visitor.upload(pictures[number % len(pictures)], "photo.jpg")
            bars = visitor.show(picture, CHECKPOINT)
            if bars.count("<li>") != 5:
                notes.errors.append(f"no five bars: {bars[:200]}")
        except Exception as error:  # whatever a person would have seen instead of an answer
            notes.errors.append(f"{type(error).__name__}: {error}"[:300])
        notes.waits.append(time.perf_counter() - began)


def crowd(lab: Lab, people: int, rounds: int, seed: int) -> Notes:
    """Everybody classifies in the same moment, `rounds` times."""
    notes, chance = Notes(), random.Random(seed)
    visitors = [Visitor(lab, f"person-{number}") for number in range(people)]
    photos, small = [photograph(chance) for _ in range(4)], [small_picture(chance) for _ in range(4)]
    start = threading.Barrier(people, action=lambda: time.sleep(PAUSE))
    with ThreadPoolExecutor(people) as room:
        for number, visitor in enumerate(visitors):
            mixed = [(photos if (number + turn) % 2 else small)[turn % 4] for turn in range(rounds)]
            room.submit(person, visitor, mixed, start, rounds, notes)
    return notes


def measure(people: int, rounds: int, seed: int, home: Path) -> tuple[dict[str, Any], dict[str, Any], Notes]:
    """-> (rows for people, the result, the notes)"""
    with serve(home) as lab:
        lab.await_calm()
        trainer = Visitor(lab, "trainer")
        run = trainer.start(
            train_model="resnet20", train_dataset=DATA, train_length="epochs", train_amount=1000, train_seed=seed
        )
        _await_training(lab, run)
        own, server, began = time.process_time(), lab.cpu_seconds()[0], time.perf_counter()
        notes = crowd(lab, people, rounds, seed)
        seconds = time.perf_counter() - began
        cpu = {"visitors": time.process_time() - own, "server": lab.cpu_seconds()[0] - server}
        was_training = lab.store.get(run).status().state == "running"
        trainer.stop(run)
        speed, memory = speed_of(lab, run), lab.memory_mb()
    waits = sorted(notes.waits)
    p50, p95 = (waits[min(len(waits) - 1, len(waits) * share // 100)] for share in (50, 95))
    result = {
        "benchmark": "classify_crowd", "people": people, "rounds": rounds, "answers": len(waits) - len(notes.errors),
        "errors": len(notes.errors), "p50_seconds": round(p50, 2), "p95_seconds": round(p95, 2),
        "slowest_seconds": round(waits[-1], 2), "was_training": was_training, "training_speed": round(speed),
        "visitors_cpu": round(cpu["visitors"] / seconds, 2), "server_cpu": round(cpu["server"] / seconds, 2),
        "memory_mb": round(memory), "passes": not notes.errors and was_training and p95 < MOST_SECONDS,
    }  # fmt: skip
    rows = {
        "people, rounds": f"{people}, {rounds}",
        "answers, errors": f"{result['answers']}, {result['errors']}",
        "from click to bars, p50, p95, slowest": f"{p50:.2f}, {p95:.2f}, {waits[-1]:.2f} s",
        "the run beside": f"{'went on' if was_training else 'was over'}, {speed:.0f} images/s",
        "cores taken by visitors, server": f"{result['visitors_cpu']}, {result['server_cpu']}",
        "server's memory at the end": f"{memory:.0f} MB",
    }
    return rows, result, notes


def _await_training(lab: Lab, run: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not lab.store.get(run).history().steps:
        if time.monotonic() > deadline:
            raise SystemExit(f"the run beside did not start: {lab.store.get(run).status()}")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        rows, result, notes = measure(asked.people, min(asked.rounds, 50), asked.seed, Path(home))
    for error in notes.errors[:10]:
        print(error)
    report("A crowd that classifies", rows, result)


if __name__ == "__main__":
    main()
