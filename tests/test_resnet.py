"""The networks against others' code: torchvision's weights and logits, and an independent construction."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from resnet_demo.errors import InvalidSpec, UnknownModel
from resnet_demo.layers import layer_table
from resnet_demo.resnet import BasicBlock, ResNet, ZeroPad, build, build_model, initialise
from resnet_demo.specs import EXPANSION, MODELS, find_model

IMAGENET = {"resnet18": 64, "resnet34": 64, "resnet50": 64, "resnet101": 64, "resnet152": 64}  # name -> side in pixels


def unsettle(model: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and batch-norm statistics that no default could imitate; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.0, generator=generator)
            nn.init.normal_(module.bias, 0, 0.2, generator=generator)
    return model.eval()


@pytest.mark.parametrize("name", IMAGENET)
def test_torchvisions_weights_give_torchvisions_logits(name):
    side = IMAGENET[name]
    torch.manual_seed(1)
    theirs = unsettle(getattr(torchvision.models, name)(weights=None))
    with torch.device("meta"):
        ours = ResNet(MODELS[name])
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    pictures = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected, found = theirs(pictures), ours.eval()(pictures)
    assert expected.std() > 0.1, "logits that are all alike would prove nothing"
    assert (found - expected).abs().max() < 1e-5


class PlainlyWritten(nn.Module):
    """resnet18 behind a 3x3 stem, written out as a list of tensors' ways: no code in common with the lab's."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64))
        plan = [
            (64, 64, 1),
            (64, 64, 1),
            (64, 128, 2),
            (128, 128, 1),
            (128, 256, 2),
            (256, 256, 1),
            (256, 512, 2),
            (512, 512, 1),
        ]
        self.deep = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
                nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o),
            )
            for i, o, s in plan
        )  # fmt: skip
        self.short = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)) if s == 2 else nn.Identity()
            for i, o, s in plan
        )
        self.last = nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x))
        for deep, short in zip(self.deep, self.short):
            x = F.relu(deep(x) + short(x))
        return self.last(F.avg_pool2d(x, 4).flatten(1))


def in_order(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))]


def by_kind(model: nn.Module, is_short: str) -> tuple[list[nn.Module], list[nn.Module]]:
    """The layers on the branches and those on the shortcuts, each in the order data meets them."""
    named = [(n, m) for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))]
    return [m for n, m in named if is_short not in n], [m for n, m in named if is_short in n]


def by_call(model: nn.Module, layers: list[nn.Module]) -> list[nn.Module]:
    calls: list[nn.Module] = []
    handles = [layer.register_forward_hook(lambda module, *_: calls.append(module)) for layer in layers]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    for handle in handles:
        handle.remove()
    return calls


def test_resnet18_cifar_equals_an_independent_construction():
    theirs = unsettle(PlainlyWritten())
    ours = build(MODELS["resnet18-cifar"])
    for ours_of_kind, theirs_of_kind in zip(by_kind(ours, "downsample"), by_kind(theirs, "short")):
        pairs = list(zip(by_call(ours, ours_of_kind), by_call(theirs, theirs_of_kind), strict=True))
        for mine, other in pairs:
            mine.load_state_dict(other.state_dict())
    pictures = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        assert (ours.eval()(pictures) - theirs(pictures)).abs().max() < 1e-5


def test_a_plain_net_is_the_residual_one_without_its_additions():
    plain, residual = build(MODELS["plain20"], seed=0), build(MODELS["resnet20"], seed=0)
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in residual.state_dict().items()}
    assert not any(type(m).__name__ in ("Add", "ZeroPad") for m in plain.modules())
    block = unsettle(plain.layer2[0])
    x = torch.randn(2, 16, 8, 8)
    with torch.inference_mode():
        inside = F.relu(block.bn1(block.conv1(x)))
        assert torch.equal(block(x), F.relu(block.bn2(block.conv2(inside))))
    assert set(build(MODELS["plain18"]).state_dict()) == {
        k for k in build(MODELS["resnet18"]).state_dict() if "downsample" not in k
    }


def test_option_a_takes_every_second_pixel_and_pads_channels_with_zeros():
    x = torch.arange(2 * 3 * 5 * 5, dtype=torch.float32).reshape(2, 3, 5, 5)
    out = ZeroPad(new_channels=4, stride=2)(x)
    assert out.shape == (2, 7, 3, 3)
    assert torch.equal(out[:, :3], x[:, :, ::2, ::2]) and not out[:, 3:].any()
    assert not list(ZeroPad(4, 2).parameters())


def test_a_block_whose_branch_gives_nothing_passes_its_input_on():
    block = BasicBlock(MODELS["resnet20"], 16, 16).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(1, 16, 4, 4)
    assert torch.equal(block(x), x)


def test_one_notebooks_relu_before_the_addition_cannot_lower_the_input():
    spec = MODELS["resnet18-nopad"]
    x = torch.rand(2, 64, 6, 6)
    with_relu = unsettle(BasicBlock(spec, 64, 64))
    without = unsettle(BasicBlock(replace(spec, relu_before_add=False), 64, 64))
    without.load_state_dict(with_relu.state_dict())
    with torch.inference_mode():
        assert (with_relu(x) >= x).all() and not (without(x) >= x).all()


def test_shortcut_options_b_and_c():
    projections = {}
    for shortcut in ("zero_pad", "projection", "projection_all"):
        model = build(replace(MODELS["resnet20"], shortcut=shortcut))
        projections[shortcut] = sum("downsample.0" in name for name, _ in model.named_modules())
    assert projections == {"zero_pad": 0, "projection": 2, "projection_all": 9}


def test_seeds_are_reproducible_and_leave_the_global_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (build_model("resnet20", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values()))
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert first.training


def test_he_initialisation():
    model = build_model("resnet18", seed=0)
    for module in in_order(model):
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all()
    weight = model.layer3[0].conv1.weight
    fan_out = weight.shape[0] * 9
    assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert not model.fc.bias.any()


def test_xavier_initialisation_as_d2l_has_it():
    model = build(MODELS["resnet18-d2l"], seed=0, scheme="xavier")
    weight = model.layer2[1].conv1.weight
    bound = math.sqrt(6 / (weight[0].numel() + weight.shape[0] * 9))
    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert all(not m.bias.any() for m in in_order(model) if isinstance(m, (nn.Conv2d, nn.Linear)))


def test_initialise_keeps_the_gradient_flag_and_the_places():
    model = build_model("resnet9-slim")
    before = model.fc.weight
    initialise(model)
    assert model.fc.weight is before and before.requires_grad and model.fc.bias is None


def test_names_and_numbers_are_checked():
    with pytest.raises(UnknownModel):
        build_model("resnet21")
    with pytest.raises(InvalidSpec):
        build_model("resnet20", num_classes=0)
    model = build_model("resnet20", num_classes=7, in_channels=1)
    assert model.fc.out_features == 7 and model.conv1.in_channels == 1


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "plain32", "resnet9", "resnet9-slim"])
def test_small_nets_train_one_step(name):
    model = build_model(name, seed=0)
    loss = F.cross_entropy(model(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    assert torch.isfinite(loss) and all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(["resnet20", "plain20", "resnet9-slim", "resnet18", "resnet50-cifar", "resnet18-d2l"]),
    batch=st.integers(1, 3), height=st.integers(8, 40), width=st.integers(8, 40), channels=st.integers(1, 4),
    classes=st.integers(1, 12),
)  # fmt: skip
def test_any_batch_gives_its_logits_and_its_features(name, batch, height, width, channels, classes):
    spec = MODELS[name].adapted(num_classes=classes, in_channels=channels)
    thin = replace(spec, widths=tuple(8 * 2**i for i in range(len(spec.widths))), stem=replace(spec.stem, width=8))
    model = build(thin, seed=0).eval()
    pictures = torch.rand(batch, channels, height, width)
    with torch.inference_mode():
        features = model.features(pictures)
        assert model(pictures).shape == (batch, classes)
    assert features.shape[:2] == (batch, thin.widths[-1] * EXPANSION[thin.block])


def test_a_batch_gives_what_its_pictures_give_one_by_one():
    model = unsettle(build_model("resnet20", seed=0))
    pictures = torch.rand(5, 3, 32, 32)
    with torch.inference_mode():
        one_by_one = torch.cat([model(picture[None]) for picture in pictures])
        assert torch.allclose(model(pictures), one_by_one, atol=1e-5)


@pytest.mark.parametrize("block", ("basic", "bottleneck"))
def test_without_batch_norm_there_is_none_and_its_bias_stands_in(block):
    spec = find_model(f"custom:{block}-1.1-8.16-cifar-projection-nonorm")
    model = build(spec, seed=0)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert model.conv1.bias is not None and model.layer1[0].conv1.bias is not None
    rows = layer_table(spec).rows
    assert {row.type for row in rows} == {"Conv2d", "ReLU", "Add", "AdaptiveAvgPool2d", "Flatten", "Linear"}
    model(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
