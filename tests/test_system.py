"""What a process that trains asks of the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnet_demo import system

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = """
import os, resource, threading
from resnet_demo.system import prepare_to_train

prepare_to_train()

def a_round():
    blocks = [b"x" * (8 << 20) for _ in range(6)]  # most of a heap of 64 MB

def rounds():
    a_round()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        a_round()
    print(os.environ["OMP_WAIT_POLICY"], resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=rounds)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to keep freed memory")
def test_memory_that_was_freed_is_taken_again_without_the_system():
    chosen = ("OMP_WAIT_POLICY", *system.SETTINGS)
    environment = {key: value for key, value in os.environ.items() if key not in chosen} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    policy, faults = done.stdout.split()
    pages = 10 * 6 * (8 << 20) // os.sysconf("SC_PAGE_SIZE")
    assert policy == "PASSIVE"
    assert int(faults) < pages / 100


def test_what_the_environment_sets_stays(monkeypatch):
    asked = []
    monkeypatch.setattr(
        system.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=lambda *pair: asked.append(pair) or 1)
    )
    monkeypatch.setattr(system.sys, "platform", "linux")
    for variable in system.SETTINGS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MALLOC_TOP_PAD_", "0")
    assert system.keep_freed_memory()
    assert asked == [system.SETTINGS["MALLOC_TRIM_THRESHOLD_"], system.SETTINGS["MALLOC_MMAP_THRESHOLD_"]]


def test_elsewhere_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(system.sys, "platform", "darwin")
    assert not system.keep_freed_memory()
