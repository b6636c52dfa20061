"""What a card's counts become on the page."""

from __future__ import annotations

import pytest

from resnet_demo.intervals import wilson
from resnet_demo.ui import confusion, gradebook


def test_names_are_escaped():
    grades = gradebook.Grades("test", "<i>data", ("<script>", "b&c"), ((1, 1), (0, 2)))
    page = confusion.grades_html(grades)
    assert "<script>" not in page and "<i>data" not in page and "b&amp;c" in page


def test_many_classes_get_a_list_instead_of_a_matrix():
    names = tuple(f"c{i}" for i in range(60))
    counts = tuple(tuple(3 if i == j else int(j == i + 1) for j in range(60)) for i in range(60))
    page = confusion.grades_html(gradebook.Grades("test", "mine", names, counts))
    assert "gridcell" not in page and page.count(" taken for c") == confusion.MOST_PAIRS


def test_a_damaged_card_gives_no_table():
    for wrong in ({"confusion": [[1]]}, {}, {"confusion": None}, None):
        assert gradebook.from_card({"classes": ["a", "b"], "test": wrong}) is None


def test_the_interval_is_wilsons():
    assert wilson(914, 1000) == pytest.approx((0.8950, 0.9298), abs=2e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
