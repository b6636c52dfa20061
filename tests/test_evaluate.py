"""One evaluation path: the same answers for one picture and for many, counted in label order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from resnet_demo.checkpoint import Checkpoint
from resnet_demo.errors import ClassesDiffer
from resnet_demo.evaluate import confusion_matrix, evaluate, probabilities
from resnet_demo.imagesets import ImageSet
from resnet_demo.preprocess import Preprocess
from resnet_demo.resnet import build
from resnet_demo.specs import find_model

CLASSES = ("a", "b", "c")


@pytest.fixture(scope="module")
def checkpoint():
    spec = find_model("resnet20").adapted(num_classes=3, in_channels=1)
    preprocess = Preprocess(torch.full((1, 1, 1), 0.4), torch.full((1, 1, 1), 0.3))
    return Checkpoint(build(spec, seed=1).eval(), preprocess, {"classes": list(CLASSES)}, "toy", Path("toy"))


@pytest.fixture(scope="module")
def pictures():
    images = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ImageSet(images, torch.arange(40) % 3, CLASSES)


def test_a_batch_equals_its_pictures_one_by_one(checkpoint, pictures):
    together = probabilities(checkpoint, pictures.images)
    alone = torch.cat([probabilities(checkpoint, image[None]) for image in pictures.images])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.equal(together.argmax(1), alone.argmax(1))
    assert torch.allclose(together.sum(1), torch.ones(40))


def test_table_and_matrix_count_every_picture_once(checkpoint, pictures):
    shares = []
    result = evaluate(checkpoint, pictures, progress=shares.append)
    assert shares[-1] == 1.0
    assert result.n == 40 == sum(map(sum, result.confusion))
    assert [sum(row) for row in result.confusion] == [score.n for score in result.per_class] == [14, 13, 13]
    assert [result.confusion[i][i] for i in range(3)] == [score.correct for score in result.per_class]
    assert result.accuracy == sum(score.correct for score in result.per_class) / 40
    assert set(result.as_dict()) == {"n", "accuracy", "per_class", "confusion"}


def test_classes_are_matched_by_name_not_by_number(checkpoint, pictures):
    order = ("c", "a", "b")
    renamed = ImageSet(pictures.images, torch.tensor([order.index(CLASSES[i]) for i in pictures.labels]), order)
    assert evaluate(checkpoint, renamed).confusion == evaluate(checkpoint, pictures).confusion


def test_other_classes_are_refused_by_name(checkpoint, pictures):
    with pytest.raises(ClassesDiffer, match="a, b, c"):
        evaluate(checkpoint, ImageSet(pictures.images, pictures.labels, ("x", "y", "z")))


def test_rows_are_true_classes_and_columns_predicted_ones():
    matrix = confusion_matrix(torch.tensor([0, 0, 2]), torch.tensor([1, 1, 0]), 3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]


def test_no_pictures_give_no_answers(checkpoint):
    assert probabilities(checkpoint, torch.empty(0, 1, 16, 16, dtype=torch.uint8)).shape == (0, 3)
