"""The cut for validation, and parts of a set."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_demo.datasets import load_dataset, validation_split


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=300), st.sampled_from([0.0, 0.1, 0.2, 0.5]), st.integers(0, 5))
def test_validation_split_is_a_stratified_partition(labels, share, seed):
    labels = torch.tensor(labels)
    train, validation = validation_split(labels, share, seed)
    assert train.dtype == validation.dtype == torch.int64
    assert torch.equal(train, train.sort().values) and torch.equal(validation, validation.sort().values)
    assert sorted(train.tolist() + validation.tolist()) == list(range(len(labels)))
    for label, count in enumerate(labels.bincount().tolist()):
        taken = int((labels[validation] == label).sum())
        if count == 1 or share == 0:
            assert taken == 0
        elif count > 1:
            assert abs(taken - share * count) <= 1 and 1 <= taken < count
    again = validation_split(labels, share, seed)
    assert torch.equal(train, again[0]) and torch.equal(validation, again[1])


def test_validation_split_has_its_default_and_never_changes():
    train, validation = validation_split(torch.arange(200) % 10)
    assert (len(train), len(validation)) == (180, 20)
    assert validation.tolist() == [
        3, 10, 11, 14, 18, 29, 57, 65, 68, 74, 111, 125, 132, 146, 152, 169, 180, 183, 186, 187,
    ]  # fmt: skip
    assert not torch.equal(validation, validation_split(torch.arange(200) % 10, seed=1)[1])


def test_subset_keeps_classes_and_order():
    small = load_dataset("fashion-mnist-small").test
    part = small.subset([5, 2])
    assert len(part) == 2 and part.classes == small.classes and part.shape == (1, 28, 28)
    assert part.labels.tolist() == small.labels[[5, 2]].tolist()
