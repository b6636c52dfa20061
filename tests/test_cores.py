"""Each core with its own part of a batch, in oneDNN's layout or not: the same learning as one after the other."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_demo import onednn
from resnet_demo.cores import Cores, parts_for
from resnet_demo.device import Compute
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.resnet import ResNet, build
from resnet_demo.runs import planning
from resnet_demo.runs.config import new_config
from resnet_demo.specs import find_model
from resnet_demo.state import Plan, new_state
from resnet_demo.train import train
from tests.test_train import toy

needs_onednn = pytest.mark.skipif(not onednn.is_available(), reason="oneDNN's own layout is for x86 processors")
NETWORKS = (
    "resnet20", "plain20", "resnet9-slim", "resnet18-cifar", "custom:bottleneck-1.2-16.32-imagenet-projection_all",
    "custom:basic-2.1-16.32-cifar-zero_pad", "custom:basic-1.1-8.16-cifar-zero_pad", "resnet18-nopad",
)  # fmt: skip


def network_of(name: str) -> ResNet:
    spec = find_model(name).adapted(num_classes=4, in_channels=3)
    return build(spec, seed=0).train().to(memory_format=torch.channels_last)


def batch(pictures: int, side: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(pictures, 3, side, side, generator=generator)
    return images.contiguous(memory_format=torch.channels_last), torch.arange(pictures) % 4


def learn(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    loss = F.cross_entropy(network(images), labels)
    return loss, loss.detach()[None]


def one_after_the_other(network: ResNet, sizes: list[int]) -> tuple[float, ResNet]:
    """The batch's mean loss, and a copy of the network with its gradients and the means of the running statistics."""
    images, labels = batch(sum(sizes))
    copies = [copy.deepcopy(network) for _ in sizes]
    total = torch.zeros(())
    for part, its_images, its_labels in zip(copies, images.split(sizes), labels.split(sizes)):
        loss = learn(part, its_images, its_labels)[0] * len(its_images) / len(images)
        loss.backward()
        total += loss.detach()
    for first, *others in zip(*(part.parameters() for part in copies)):
        first.grad = sum((other.grad for other in others), first.grad)
    for first, *others in zip(*(part.buffers() for part in copies)):
        first.copy_(sum(others, first) / len(copies))
    return total.item(), copies[0]


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-4) -> bool:
    """Equal but for rounding, which is measured by the largest of the values."""
    return (ours - theirs).abs().max().item() <= tolerance * max(1e-3, theirs.abs().max().item())


@pytest.mark.parametrize("is_blocked", [False, pytest.param(True, marks=needs_onednn)])
@pytest.mark.parametrize("sizes", [[8], [4, 4], [4, 3], [3, 3, 2]])
def test_parts_give_the_gradients_of_the_mean_loss(sizes, is_blocked):
    network = network_of("custom:basic-2.1-16.32-cifar-projection")
    loss, expected = one_after_the_other(network, sizes)
    cores = Cores(network, Compute(parts=len(sizes), threads=2, is_blocked=is_blocked))
    assert cores.backward(learn, *batch(sum(sizes))).item() == pytest.approx(loss, rel=1e-4)
    for ours, theirs in zip(network.parameters(), expected.parameters()):
        # Fused optimizers read memory as it lies.
        assert ours.dim() < 4 or ours.grad.is_contiguous(memory_format=torch.channels_last)
        assert close(ours.grad, theirs.grad)
    for ours, theirs in zip(network.buffers(), expected.buffers()):
        assert close(ours.float(), theirs.float())


def furthest_off(network: nn.Module, exact: nn.Module) -> float:
    """The largest error of a gradient, as a share of the largest value in it."""
    pairs = [(ours.grad, theirs.grad) for ours, theirs in zip(network.parameters(), exact.parameters())]
    # A bias before batch norm has no effect; its gradient is nothing but rounding.
    return max((a.double() - b).abs().max().item() / b.abs().max().item() for a, b in pairs if b.abs().max() > 1e-6)


@needs_onednn
@pytest.mark.parametrize("name", NETWORKS)
def test_in_its_layout_a_network_is_as_exact_as_in_torchs_own(name):
    """A rounding error that turns a ReLU off shows in every gradient before it: hence against float64."""
    ordinary, (images, labels) = network_of(name), batch(8, side=96 if name.endswith("nopad") else 32)
    exact, settled = copy.deepcopy(ordinary).double(), onednn.settle(copy.deepcopy(ordinary))
    losses = [learn(network, images, labels)[0] for network in (ordinary, settled)]
    losses.append(learn(exact, images.double(), labels)[0])
    for loss in losses:
        loss.backward()
    assert losses[1].item() == pytest.approx(losses[2].item(), rel=1e-4)
    assert furthest_off(settled, exact) <= 3 * max(furthest_off(ordinary, exact), 1e-4)
    for (where, theirs), ours in zip(exact.named_buffers(), settled.buffers()):
        assert close(ours.double(), theirs.double(), 1e-3), where


@pytest.mark.parametrize("is_blocked", [False, pytest.param(True, marks=needs_onednn)])
def test_a_network_without_batch_norm_learns_in_parts(is_blocked):
    network = network_of("custom:basic-1.1-16.32-cifar-zero_pad-nonorm")
    loss, expected = one_after_the_other(network, [4, 4])
    cores = Cores(network, Compute(parts=2, threads=2, is_blocked=is_blocked))
    assert cores.backward(learn, *batch(8)).item() == pytest.approx(loss, rel=1e-4)
    for ours, theirs in zip(network.parameters(), expected.parameters()):
        assert close(ours.grad, theirs.grad)


def test_a_short_last_batch_is_split_into_fewer_parts():
    network = network_of("plain20")
    loss, expected = one_after_the_other(network, [3, 2])
    assert Cores(network, Compute(parts=4, threads=4)).backward(learn, *batch(5)).item() == pytest.approx(
        loss, rel=1e-4
    )
    for ours, theirs in zip((*network.parameters(), *network.buffers()), (*expected.parameters(), *expected.buffers())):
        ours, theirs = (ours.grad, theirs.grad) if isinstance(ours, nn.Parameter) else (ours.float(), theirs.float())
        assert close(ours, theirs)


def test_gradients_are_added_to_those_that_are_there():
    network = network_of("custom:basic-1.1-16.32-cifar-zero_pad-nonorm")
    cores = Cores(network, Compute(parts=2, threads=2))
    cores.backward(learn, *batch(8))
    once = [parameter.grad.clone() for parameter in network.parameters()]
    cores.backward(learn, *batch(8))
    assert all(close(parameter.grad, 2 * gradient) for parameter, gradient in zip(network.parameters(), once))


def test_a_second_batch_has_nothing_of_the_first():
    network = network_of("plain20")
    cores = Cores(network, Compute(parts=2, threads=2))
    cores.backward(learn, *batch(8))
    first = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    cores.backward(learn, *batch(8))
    assert all(close(parameter.grad, once) for parameter, once in zip(network.parameters(), first))


def test_what_goes_wrong_in_a_part_is_told():
    def fail(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        Cores(network_of("plain20"), Compute(parts=2, threads=2)).backward(fail, *batch(8))


@pytest.mark.parametrize(
    ("batch_size", "threads", "parts"),
    [(128, 1, 1), (128, 2, 2), (128, 4, 4), (128, 8, 4), (128, 6, 3), (32, 4, 2), (16, 2, 1)],
)
def test_parts_have_enough_pictures_and_equal_threads(batch_size, threads, parts):
    assert parts_for(batch_size, threads) == parts


@pytest.mark.parametrize("is_blocked", [False, pytest.param(True, marks=needs_onednn)])
def test_a_run_in_parts_learns_and_comes_out_the_same_twice(is_blocked):
    spec = find_model("resnet9-slim").adapted(num_classes=3, in_channels=1)
    compute = Compute(threads=2, parts=2, is_blocked=is_blocked)
    plan = Plan(spec, RECIPES["budget"], Length(steps=30), 0, "toy", compute)
    states = [new_state(plan, toy()) for _ in range(2)]
    events = [list(train(state)) for state in states]
    assert events[0] == events[1]
    assert states[0].best_accuracy > 0.9
    assert all(torch.equal(a, b) for a, b in zip(*(state.model.state_dict().values() for state in states)))


@pytest.mark.parametrize(
    ("recipe", "length", "is_split"),
    [("budget", {"seconds": 5}, True), ("plateau", {"seconds": 5}, False), ("budget", {"steps": 5}, False)],
)
def test_only_the_labs_own_recipes_against_the_clock_split_batches(monkeypatch, tmp_path, recipe, length, is_split):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path))
    monkeypatch.setattr("resnet_demo.device.cpu_count", lambda: 2)
    monkeypatch.setattr(planning, "fewer_threads", lambda compute, *_, **__: compute)
    config = new_config(find_model("resnet20"), "toy", RECIPES[recipe], Length(**length))
    compute = planning.make_plan(config, toy()).compute
    assert (compute.parts > 1) == is_split or compute.device != "cpu"
    assert ("parts side by side" in compute.reason) == (compute.parts > 1)
