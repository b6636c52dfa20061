"""A lesson with scripted visitors, who look, queue, start, stop, leave, reload and classify at random while runs go on.

    python -m benchmarks.classroom [--people 40] [--seconds 300] [--seed 0]

Everything stays on this machine's loopback, where visitors and server share the processors: what the visitors took is
in the table. A run without viewers before and after gives the speed to compare with.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.measure import report
from benchmarks.serving import Lab, Refused, Visitor, serve, speed_of

DATA, MODELS = "fashion-mnist-small", ("resnet20", "plain20", "resnet9-slim")
TURN_SECONDS = 20
MINUTES = 20  # of the lesson: with 40 people a turn is 20 s then
EXPECTED = ("already have a run", "line is full", "belongs to", "is not running", "no weights", "no checkpoint")
SAMPLE_SECONDS = 2.0


@dataclass
class Notes:
    """What the visitors met."""

    reads: list[float] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    refused: int = 0
    started: dict[str, str] = field(default_factory=dict)  # run -> who began it
    stopped: set[str] = field(default_factory=set)
    memory: list[float] = field(default_factory=list)


class Pupil:
    """One visitor who acts at random until the lesson is over, polling the curves once a second as the page does.

    Between two acts are `pause` seconds, at least and at most.
    """

    def __init__(
        self, lab: Lab, number: int, notes: Notes, over: threading.Event, seed: int,
        pause: tuple[float, float] = (3.0, 15.0),
    ) -> None:  # fmt: skip
        self.pause = pause
        self.name = f"pupil-{number}"
        self.visitor, self.notes, self.over = Visitor(lab, self.name), notes, over
        self.chance = random.Random(seed * 1000 + number)
        self.shown = ""

    def live(self) -> None:
        self.over.wait(self.chance.random() * 3)
        self._try("look")
        next_act = time.monotonic()
        while not self.over.is_set():
            self._try("poll")
            if time.monotonic() >= next_act:
                self._try(self.chance.choices(list(CHANCES), CHANCES.values())[0])
                next_act = time.monotonic() + self.chance.uniform(*self.pause)
            self.over.wait(1.0)

    def _try(self, act: str) -> None:
        try:
            getattr(self, f"_{act}")()
            self.notes.acts[act] = self.notes.acts.get(act, 0) + 1
        except Refused as refused:
            self.notes.refused += 1
            if not any(words in str(refused) for words in EXPECTED):
                self.notes.errors.append(f"{act}: {refused}")
        except Exception as error:
            if not self.over.is_set():
                self.notes.errors.append(f"{act}: {type(error).__name__}: {error}")

    def _look(self) -> None:
        self.notes.reads.append(self.visitor.look())

    def _reload(self) -> None:
        self.notes.reads.append(self.visitor.reload())

    def _poll(self) -> None:
        self.notes.reads.append(self.visitor.poll(self.shown)[0])

    def _watch(self) -> None:
        runs = list(self.notes.started)
        self.shown = self.chance.choice(runs[-5:]) if runs else ""

    def _start(self) -> None:
        seed = self.chance.choice((0, 0, self.chance.randrange(1000)))  # some ask for the very same training
        self.shown = self.visitor.start(
            train_model=self.chance.choice(MODELS), train_dataset=DATA, train_length=str(TURN_SECONDS), train_seed=seed
        )
        self.notes.started.setdefault(self.shown, self.name)

    def _stop(self) -> None:
        """One's own run or, just as often, somebody else's, which must be refused."""
        own = [run for run, name in self.notes.started.items() if name == self.name]
        chosen = self.chance.choice((own, list(self.notes.started)))
        if chosen:
            run = chosen[-1]
            self.visitor.stop(run)
            if self.notes.started[run] != self.name:
                self.notes.errors.append(f"stop: {self.name} stopped {self.notes.started[run]}'s {run}")
            self.notes.stopped.add(run)

    def _classify(self) -> None:
        with_weights = [run for run in self.notes.started if self.visitor.lab.store.get(run).checkpoint()]
        if with_weights:
            self.visitor.classify(picture(self.chance), self.chance.choice(with_weights[-5:]))


CHANCES = {"start": 30, "watch": 30, "reload": 15, "stop": 10, "classify": 15}


def picture(chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("L", (28, 28), chance.randbytes(28 * 28)).save(buffer, "PNG")
    return buffer.getvalue()


def alone(lab: Lab) -> float:
    """Pictures a second of a run that nobody looks at."""
    lab.await_calm()
    run = Visitor(lab, "nobody").start(
        train_model="resnet20", train_dataset=DATA, train_length=str(TURN_SECONDS), train_seed=99
    )
    _await_end(lab, [run])
    return speed_of(lab, run)


def _await_end(lab: Lab, runs: list[str], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while any(lab.store.get(run).status().is_active for run in runs) and time.monotonic() < deadline:
        time.sleep(0.5)


def lesson(lab: Lab, people: int, seconds: float, seed: int) -> tuple[Notes, dict[str, float]]:
    """-> (what the visitors met, CPU seconds of visitors and server)"""
    notes, over = Notes(), threading.Event()
    before, own = lab.cpu_seconds()[0], time.process_time()
    lives = (Pupil(lab, number, notes, over, seed).live for number in range(people))
    pupils = [threading.Thread(target=live, daemon=True) for live in lives]
    for pupil in pupils:
        pupil.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        over.wait(min(SAMPLE_SECONDS, max(0.0, end - time.monotonic())))
        notes.memory.append(lab.memory_mb())
    over.set()
    cpu = {"visitors": time.process_time() - own, "server": lab.cpu_seconds()[0] - before}
    for pupil in pupils:
        pupil.join(60)
    return notes, cpu


def judge(lab: Lab, notes: Notes) -> dict[str, Any]:
    """What became of the runs: none lost, none failed, none stopped but by who began it."""
    states = {run: lab.store.get(run).status() for run in notes.started if lab.store.get(run).exists}
    lost = [run for run in notes.started if run not in states]
    wrong = [run for run, status in states.items() if status.state in ("failed", "interrupted")]
    strangers = [run for run, status in states.items() if status.state == "stopped" and run not in notes.stopped]
    return {"lost": len(lost), "failed": len(wrong), "stopped_by_others": len(strangers)}


def watched_speed(lab: Lab, notes: Notes) -> float:
    """Pictures a second of ResNet-20 during the lesson: the median over its runs."""
    runs = [run for run in notes.started if lab.store.get(run).config.spec.name == "resnet20"]
    speeds = sorted(filter(None, (speed_of(lab, run) for run in runs)))
    return speeds[len(speeds) // 2] if speeds else 0.0


def measure(
    people: int, seconds: float, seed: int, home: Path, *, compares_speed: bool = True
) -> tuple[dict[str, Any], dict[str, Any], Notes]:
    """-> (rows for people, the result, the notes)"""
    with serve(home, "--class", str(people), "--minutes", str(MINUTES), "--teacher-token", "chalk") as lab:
        first = alone(lab) if compares_speed else 0.0
        notes, cpu = lesson(lab, people, seconds, seed)
        _await_end(lab, [run for run in notes.started if lab.store.get(run).status().state == "running"], 60)
        fate, speed = judge(lab, notes), watched_speed(lab, notes)
        for run in list(notes.started):
            if lab.store.get(run).status().is_active:
                _by_the_teacher(lab, run)
        last = alone(lab) if compares_speed else 0.0
    reads = sorted(notes.reads)
    half = len(notes.memory) // 2
    growth = _mean(notes.memory[half + half // 2 :]) - _mean(notes.memory[half // 2 : half]) if half > 3 else 0.0
    baseline = (first + last) / 2
    p50, p95 = (round(1000 * reads[len(reads) * share // 100]) for share in (50, 95))
    result = {
        "benchmark": "classroom", "people": people, "seconds": seconds, "errors": len(notes.errors), **fate,
        "reads": len(reads), "p50_ms": p50, "p95_ms": p95, "speed_alone": round(baseline),
        "speed_watched": round(speed), "share": round(speed / max(1.0, baseline), 3),
        "visitors_cpu": round(cpu["visitors"] / seconds, 3), "server_cpu": round(cpu["server"] / seconds, 3),
        "memory_mb": round(_mean(notes.memory[-3:])), "memory_growth_mb": round(growth, 1), "runs": len(notes.started),
    }  # fmt: skip
    rows = {
        "visitors, seconds": f"{people}, {seconds:g}",
        "what they did": ", ".join(f"{name} {count}" for name, count in sorted(notes.acts.items())),
        "refused with a sentence, as they should be": notes.refused,
        "errors": len(notes.errors),
        "runs; lost, failed, stopped by others": f"{len(notes.started)}; {', '.join(map(str, fate.values()))}",
        "page reads, p50 and p95": f"{len(reads)}, {result['p50_ms']} and {result['p95_ms']} ms",
        "images/s without viewers, before and after": f"{first:.0f}, {last:.0f}",
        "images/s in the lesson": f"{speed:.0f} ({result['share']:.0%})",
        "cores taken by visitors, server": f"{result['visitors_cpu']}, {result['server_cpu']}",
        "server's memory at the end, growth": f"{result['memory_mb']} MB, {growth:+.1f} MB",
    }
    return rows, result, notes


def _by_the_teacher(lab: Lab, run: str) -> None:
    teacher = Visitor(lab, "teacher")
    teacher.who = f'{{"secret": "{teacher.secret}", "name": "T", "token": "chalk"}}'
    try:
        teacher.stop(run)
    except Refused:
        return


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        rows, result, notes = measure(asked.people, min(asked.seconds, 900.0), asked.seed, Path(home))
    for error in notes.errors[:10]:
        print(error)
    report("A lesson", rows, result)


if __name__ == "__main__":
    main()
