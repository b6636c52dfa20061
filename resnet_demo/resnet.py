"""Residual networks in plain PyTorch: a stem, stages of residual blocks, a head.

Source: He et al. 2015, arXiv:1512.03385, section 3 (blocks and shortcuts), Table 1, section 4.2.
Attribute names are torchvision's, so its weights load as they are (`load_state_dict(..., strict=True)`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .specs import EXPANSION, ResNetSpec, StemSpec, find_model


class Add(nn.Module):
    """The addition of Equation 1, x + F(x), as a module of its own so that it can be seen and hooked."""

    def forward(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return branch + shortcut


class ZeroPad(nn.Module):
    """Option A of section 4.1: take every `stride`-th pixel, fill the new channels with zeros. No parameters."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


def conv(in_channels: int, width: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2, bias=bias)


def batch_norm(spec: ResNetSpec, width: int) -> nn.Module:
    """Normalises each channel over the batch and the picture; nothing happens in a network without batch norm."""
    return nn.BatchNorm2d(width) if spec.norm else nn.Identity()


def shortcut(spec: ResNetSpec, in_channels: int, width: int, stride: int) -> nn.Module | None:
    """What runs beside the residual branch; None where the input itself is the shortcut (or the net is plain)."""
    changes = stride != 1 or in_channels != width
    if spec.is_plain or not (changes or spec.shortcut == "projection_all"):
        return None
    if spec.shortcut == "zero_pad":
        return ZeroPad(width - in_channels, stride)
    projection = [conv(in_channels, width, 1, stride, bias=spec.shortcut_bias)]
    return nn.Sequential(*projection, *([batch_norm(spec, width)] if spec.shortcut_norm else []))


class Block(nn.Module):
    """What both blocks share: relu(F(x) + shortcut(x)), or relu(F(x)) in a plain net."""

    def __init__(self, spec: ResNetSpec, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.relu_before_add = spec.relu_before_add
        self.downsample = shortcut(spec, in_channels, width * EXPANSION[spec.block], stride)
        self.add = None if spec.is_plain else Add()

    def branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        if self.relu_before_add:  # not in the paper: one notebook's variant
            out = self.relu(out)
        if self.add is not None:
            out = self.add(out, x if self.downsample is None else self.downsample(x))
        return self.relu(out)


class BasicBlock(Block):
    """Two 3x3 convolutions (Figure 5, left). `(B, in_channels, H, W)` -> `(B, width, H / stride, W / stride)`."""

    def __init__(self, spec: ResNetSpec, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__(spec, in_channels, width, stride)
        self.conv1 = conv(in_channels, width, 3, stride, bias=spec.conv_bias)
        self.bn1 = batch_norm(spec, width)
        self.conv2 = conv(width, width, 3, bias=spec.conv_bias)
        self.bn2 = batch_norm(spec, width)

    def branch(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out))


class Bottleneck(Block):
    """1x1 down to `width`, 3x3, 1x1 up to four times `width` (Figure 5, right).

    The stride is on the 3x3 as in torchvision ("v1.5"); the paper has it on the first 1x1.
    """

    def __init__(self, spec: ResNetSpec, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__(spec, in_channels, width, stride)
        out_channels = width * EXPANSION["bottleneck"]
        self.conv1 = conv(in_channels, width, 1, bias=spec.conv_bias)
        self.bn1 = batch_norm(spec, width)
        self.conv2 = conv(width, width, 3, stride, bias=spec.conv_bias)
        self.bn2 = batch_norm(spec, width)
        self.conv3 = conv(width, out_channels, 1, bias=spec.conv_bias)
        self.bn3 = batch_norm(spec, out_channels)

    def branch(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))


class ConvPool(nn.Module):
    """How resnet9 enters a stage: 3x3 convolution, batch norm, ReLU, 2x2 max-pool."""

    def __init__(self, spec: ResNetSpec, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = conv(in_channels, width, 3, bias=spec.conv_bias)
        self.bn = batch_norm(spec, width)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.relu(self.bn(self.conv(x))))


class Scale(nn.Module):
    """Multiplies the logits by a constant, so that a linear layer without bias starts gently."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        return logits * self.factor


BLOCK_CLASSES: dict[str, type[Block]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(nn.Module):
    """The network that a spec describes: `(B, C, H, W)` float pictures -> `(B, num_classes)` logits."""

    def __init__(self, spec: ResNetSpec) -> None:
        super().__init__()
        self.spec = spec
        self._build_stem(spec, spec.stem)
        in_channels = spec.stem.width
        self.stage_names = tuple(f"layer{i + 1}" for i in range(len(spec.widths)))
        for index, (name, width, blocks) in enumerate(zip(self.stage_names, spec.widths, spec.blocks_per_stage)):
            stage = _stage(spec, in_channels, width, blocks, is_first=index == 0)
            self.add_module(name, stage)
            in_channels = width * EXPANSION[spec.block]
        self.avgpool = _head_pool(spec.head_pool)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(in_channels, spec.num_classes, bias=spec.logit_scale is None)
        self.scale = None if spec.logit_scale is None else Scale(spec.logit_scale)

    def _build_stem(self, spec: ResNetSpec, stem: StemSpec) -> None:
        self.conv1 = nn.Conv2d(spec.in_channels, stem.width, stem.kernel, stem.stride, stem.padding, bias=stem.bias)
        self.bn1 = batch_norm(spec, stem.width) if stem.norm else None
        self.relu = nn.ReLU(inplace=True) if stem.norm else None
        self.maxpool = nn.MaxPool2d(*stem.pool) if stem.pool else None

    @property
    def stages(self) -> list[nn.Sequential]:
        return [getattr(self, name) for name in self.stage_names]

    def features(self, x: Tensor) -> Tensor:
        """Stem and stages: `(B, C, H, W)` -> `(B, channels, h, w)`, what the head averages."""
        for layer in (self.conv1, self.bn1, self.relu, self.maxpool):
            x = x if layer is None else layer(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        logits = self.fc(self.flatten(self.avgpool(self.features(x))))
        return logits if self.scale is None else self.scale(logits)


def _stage(spec: ResNetSpec, in_channels: int, width: int, blocks: int, *, is_first: bool) -> nn.Sequential:
    """Blocks of one width. Every stage but the first halves height and width at its start."""
    block = BLOCK_CLASSES[spec.block]
    layers: list[nn.Module] = []
    if spec.stage_entry == "conv_pool":
        layers.append(ConvPool(spec, in_channels, width))
        in_channels = width
    stride = 1 if is_first or spec.stage_entry == "conv_pool" else 2
    for index in range(blocks):
        layers.append(block(spec, in_channels, width, stride if index == 0 else 1))
        in_channels = width * EXPANSION[spec.block]
    return nn.Sequential(*layers)


def _head_pool(kind: str | int) -> nn.Module:
    if isinstance(kind, int):
        return nn.AvgPool2d(kind)
    return nn.AdaptiveMaxPool2d(1) if kind == "max" else nn.AdaptiveAvgPool2d(1)


def initialise(model: nn.Module, scheme: str = "he") -> None:
    """Fresh weights in place: `he` (He et al. 2015, arXiv:1502.01852, fan out) or `xavier` (uniform, as d2l does).

    Batch norm starts at weight 1 and bias 0. Draws from torch's global generator.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            if scheme == "xavier":
                nn.init.xavier_uniform_(module.weight)
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build(spec: ResNetSpec, *, seed: int | None = None, scheme: str = "he") -> ResNet:
    """A freshly initialised network on the CPU. With `seed` its weights are reproducible; no global state changes."""
    devices: list[int] = []
    with torch.random.fork_rng(devices=devices, enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        model = ResNet(spec)
        initialise(model, scheme)
    return model


def build_model(
    name: str, *, num_classes: int | None = None, in_channels: int | None = None, seed: int | None = None
) -> ResNet:
    """The network of that name, freshly initialised, in training mode.

    Raises: UnknownModel, InvalidSpec.
    """
    return build(find_model(name).adapted(num_classes=num_classes, in_channels=in_channels), seed=seed)
