"""A run's log: what is written is read again, torn or long."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_demo.errors import DiskFull
from resnet_demo.events import CheckpointDue, Epoch, History, RunFinished, RunResumed, RunStarted, Step, Validation
from resnet_demo.runs import eventlog, thinning
from resnet_demo.runs.eventlog import EventLog, EventWriter, cut_torn_line, lines_backwards
from resnet_demo.runs.thinning import LongHistory

STARTED = RunStarted("tiny", "fashion-mnist", "budget", 0, 128, 100, 10, 5, None)


def step(number: int, loss: float = 1.0) -> Step:
    return Step(number, number / 10, loss, 0.5, 0.1, seconds=number * 0.1)


class TestWriter:
    def test_an_event_already_logged_is_not_written_again(self, tmp_path):
        path = tmp_path / "events.jsonl"
        events = [STARTED, step(1), Validation(1, 0.1, 1.0, 0.5, 10), CheckpointDue(1, True), step(2), step(3)]
        writer = EventWriter(path)
        assert all(writer.add(event) for event in events)
        writer.close()
        writer = EventWriter(path)
        again = [RunResumed(1), step(2), step(3), Epoch(1, 3, 1.0, 0.5), CheckpointDue(3, False), step(4), STARTED]
        assert [writer.add(event) for event in again] == [True, False, False, True, True, True, False]
        assert not writer.add(Validation(2, 0.2, 1.0, 0.5, 10))
        writer.close()
        assert list(EventLog(path).events()) == [*events, RunResumed(1), *again[3:6]]

    @given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line), max_size=8), st.binary(max_size=40))
    def test_only_whole_lines_are_left(self, tmp_path_factory, lines, torn):
        path = tmp_path_factory.mktemp("log") / "events.jsonl"
        whole = b"".join(line + b"\n" for line in lines)
        path.write_bytes(whole + torn.replace(b"\n", b""))
        cut_torn_line(path)
        assert path.read_bytes() == whole

    def test_lines_backwards_over_blocks(self, tmp_path, monkeypatch):
        monkeypatch.setattr(eventlog, "BLOCK_BYTES", 7)
        path = tmp_path / "log.txt"
        lines = [f"line {'x' * (n % 11)} {n}" for n in range(50)]
        path.write_text("\n".join(lines))
        assert list(lines_backwards(path)) == lines[::-1]

    def test_a_full_disk_tears_nothing(self, tmp_path):
        class Full:
            def __init__(self, file):
                self.file = file

            def __getattr__(self, name):
                return getattr(self.file, name)

            def write(self, line):
                return self.file.write(line[:10])

        writer = EventWriter(tmp_path / "events.jsonl")
        writer.add(step(1))
        writer._file = Full(writer._file)
        with pytest.raises(DiskFull):
            writer.add(step(2))
        assert list(EventLog(writer.path).events()) == [step(1)]
        assert writer.path.read_bytes().endswith(b"\n")


class TestReader:
    def test_follows_the_log_event_by_event(self, tmp_path):
        writer, log = EventWriter(tmp_path / "events.jsonl"), EventLog(tmp_path / "events.jsonl")
        assert log.history().started is None
        for number in range(1, 6):
            writer.add(step(number))
            version = log.version
            assert log.history().step == number and log.version > version
        assert log.history() is log.history()

    def test_a_line_half_written_waits_for_its_end(self, tmp_path):
        path = tmp_path / "events.jsonl"
        line = (step(1).to_json() + "\n").encode()
        log = EventLog(path)
        for end in (10, len(line) - 1):
            path.write_bytes(line[:end])
            assert log.history().step == 0
        path.write_bytes(line)
        assert log.history().step == 1

    def test_damage_repeats_and_disorder_are_passed_over(self, tmp_path):
        path = tmp_path / "events.jsonl"
        lines = [STARTED.to_json(), step(1).to_json(), "{torn", "[]",
                 '{"event": "from the future"}', step(1, 9.0).to_json(),
                 step(2).to_json(), step(1, 7.0).to_json(), "\x00\xff"]  # fmt: skip
        path.write_bytes("\n".join(lines).encode("latin-1") + b"\n")
        history = EventLog(path).history()
        assert [event.step for event in history.steps] == [1, 2] and history.steps[0].loss == 1.0

    def test_a_log_replaced_by_a_shorter_one_is_read_anew(self, tmp_path):
        path = tmp_path / "events.jsonl"
        path.write_text("".join(step(number).to_json() + "\n" for number in (1, 2, 3)))
        log = EventLog(path)
        assert log.history().step == 3
        path.write_text(step(1).to_json() + "\n")
        assert log.history().step == 1

    def test_many_viewers_see_the_same(self, tmp_path):
        path = tmp_path / "events.jsonl"
        writer, log, seen = EventWriter(path), EventLog(path), []
        viewers = [
            threading.Thread(target=lambda: seen.extend(log.history().step for _ in range(200))) for _ in range(8)
        ]
        for viewer in viewers:
            viewer.start()
        for number in range(1, 301):
            writer.add(step(number))
        for viewer in viewers:
            viewer.join()
        assert [event.step for event in log.history().steps] == list(range(1, 301))


class TestLongRuns:
    @given(st.integers(1, 3000), st.integers(8, 64), st.randoms(use_true_random=False))
    def test_thinned_but_never_the_ends_nor_the_envelope(self, count, most, random):
        history = LongHistory()
        events = [step(number, random.random()) for number in range(1, count + 1)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(thinning, "MOST_STEPS", most)
            for event in events:
                history.add(event)
                assert history.steps[-1] == event
        assert len(history.steps) <= most + 1
        assert history.steps[0] == events[0]
        shown = [event.step for event in history.steps]
        assert shown == sorted(set(shown))
        assert min(e.loss for e in history.steps) == min(e.loss for e in events)
        assert max(e.loss for e in history.steps) == max(e.loss for e in events)

    def test_short_runs_are_not_thinned(self):
        events = [STARTED, *(step(number) for number in range(1, 5000)), Validation(4999, 1.0, 1.0, 0.5, 10)]
        assert LongHistory().steps == [] and _history(events).steps == History.of(events).steps

    def test_an_index_gives_the_same_history(self, tmp_path, monkeypatch):
        monkeypatch.setattr(eventlog, "INDEX_EVERY_BYTES", 20_000)
        monkeypatch.setattr(thinning, "MOST_STEPS", 200)
        path = tmp_path / "events.jsonl"
        writer = EventWriter(path)
        writer.add(STARTED)
        for number in range(1, 1500):
            writer.add(step(number, 1 / number))
            if number % 100 == 0:
                writer.add(Validation(number, 0.1, 1.0, 0.5, 10))
        whole = EventLog(path).history()
        assert path.with_suffix(".index").is_file()
        read = []
        monkeypatch.setattr(eventlog, "_take", lambda history, line: read.append(line))
        indexed = EventLog(path)
        assert asdict(indexed.history()) == asdict(whole) and not read
        monkeypatch.undo()
        monkeypatch.setattr(eventlog, "INDEX_EVERY_BYTES", 20_000)
        writer.add(RunFinished("steps", 1499))
        assert indexed.history().finished and EventLog(path).history().finished

    @pytest.mark.parametrize("damage", ["", "{", '{"offset": 5}', None])
    def test_a_damaged_index_is_rebuilt(self, tmp_path, monkeypatch, damage):
        monkeypatch.setattr(eventlog, "INDEX_EVERY_BYTES", 1000)
        path = tmp_path / "events.jsonl"
        path.write_text("".join(step(number).to_json() + "\n" for number in range(1, 100)))
        EventLog(path).history()
        if damage is None:  # the index of another log
            path.write_text("".join(step(number, 3.0).to_json() + "\n" for number in range(1, 100)))
        else:
            path.with_suffix(".index").write_text(damage)
        history = EventLog(path).history()
        assert len(history.steps) == 99 and history.steps[0].loss == (3.0 if damage is None else 1.0)

    @pytest.mark.slow
    def test_a_million_lines_open_in_under_a_second(self, tmp_path):
        path = tmp_path / "events.jsonl"
        with path.open("w") as file:
            for number in range(1, 1_000_001):
                file.write(step(number, 1 / number).to_json() + "\n")
        assert EventLog(path).history().step == 1_000_000  # without its index: some seconds
        start = time.process_time()
        assert EventLog(path).history().step == 1_000_000
        assert time.process_time() - start < 1.0


def _history(events):
    history = LongHistory()
    for event in events:
        history.add(event)
    return history
