"""What a machine remembers of its own speed."""

from __future__ import annotations

import pytest

from resnet_demo.device import Compute, cpu_count
from resnet_demo.runs import measured
from resnet_demo.specs import find_model


@pytest.mark.parametrize(("idle", "times"), [(cpu_count(), 1), (0, 2)])
def test_what_was_measured_beside_a_neighbour_is_measured_again(monkeypatch, tmp_path, idle, times):
    monkeypatch.setattr(measured, "home", lambda: tmp_path)
    monkeypatch.setattr(measured, "idle_cpus", lambda: idle)
    asked = []

    def measure() -> Compute:
        asked.append(1)
        return Compute(precision="bf16", images_per_second=900.0)

    for _ in range(2):
        assert measured.remembered(find_model("resnet20"), 128, None, True, measure).precision == "bf16"
    assert len(asked) == times
