"""Everything a training run is at one moment: what `train` changes and what a resumed run starts from.

`capture` and `restore` carry the whole of it, so that on the CPU a resumed run equals an uninterrupted one bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .augment import AUGMENT
from .cores import Cores
from .device import Compute
from .distributed import World
from .errors import ArchiveRefused, CheckpointRefused
from .imagesets import Dataset, validation_split
from .preprocess import Preprocess, fit_preprocess
from .recipes import Length, Recipe
from .resnet import ResNet, build
from .specs import ResNetSpec


@dataclass(frozen=True)
class Plan:
    """What to train and how; `spec` is already adapted to the data's channels and classes."""

    spec: ResNetSpec
    recipe: Recipe
    length: Length
    seed: int
    dataset: str
    compute: Compute


@dataclass
class TrainState:
    """A run at the end of update `step`. Pictures are uint8 and live on the training device."""

    plan: Plan
    model: ResNet
    preprocess: Preprocess
    optimizer: torch.optim.Optimizer
    generators: dict[str, Generator]
    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    plateau: ReduceLROnPlateau | None = None
    scaler: torch.amp.GradScaler | None = None
    permutation: Tensor | None = None
    position: int = 0
    step: int = 0
    epoch: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    is_warm: bool = True
    epoch_loss: float = 0.0
    epoch_accuracy: float = 0.0
    epoch_batches: int = 0
    world: World = World()  # noqa: RUF009 (frozen)
    cores: Cores = field(init=False, repr=False)
    SCALARS: tuple[str, ...] = field(
        default=(
            "position", "step", "epoch", "seconds", "best_accuracy", "is_warm", "epoch_loss", "epoch_accuracy",
            "epoch_batches",
        ),
        init=False, repr=False,
    )  # fmt: skip

    def __post_init__(self) -> None:
        self.cores = Cores(self.world.around(self.model), self.plan.compute)

    @property
    def smallest_batch(self) -> int:
        """Pictures that a batch must have: two for each process, since batch norm cannot learn from one."""
        return 2 * self.world.size

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(batch_sizes(len(self.images), self.plan.recipe.batch_size, self.smallest_batch)))

    @property
    def total_steps(self) -> int | None:
        return self.plan.length.total_steps(self.steps_per_epoch)

    def capture(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All of the state but the data and the plan, as tensors and as plain JSON values."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"random.{name}": generator.get_state() for name, generator in self.generators.items()}
        if self.permutation is not None:
            tensors["permutation"] = self.permutation
        numbers: dict[str, Any] = {}
        for index, values in self.optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if torch.is_tensor(value):
                    tensors[f"optimizer.{index}.{key}"] = value
                elif value is not None:
                    numbers[f"{index}.{key}"] = value
        scalars = {name: getattr(self, name) for name in self.SCALARS}
        scalars |= {"optimizer": numbers, "lr": self.optimizer.param_groups[0]["lr"]}
        scalars["plateau"] = self.plateau.state_dict() if self.plateau else None
        scalars["scaler"] = self.scaler.state_dict() if self.scaler else None
        return tensors, scalars

    def restore(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Goes on from what `capture` gave.

        Raises: CheckpointRefused if it belongs to another network.
        """
        try:
            self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")}, strict=True)
            self._restore_optimizer(tensors, scalars)
            for name, generator in self.generators.items():
                generator.set_state(tensors[f"random.{name}"])
            for name in self.SCALARS:
                setattr(self, name, scalars[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointRefused(
                path="resume.safetensors", why=f"it does not belong to this run ({error})"
            ) from error
        permutation = tensors.get("permutation")
        self.permutation = None if permutation is None else permutation.to(self.images.device)
        if self.plateau and scalars["plateau"]:
            self.plateau.load_state_dict(scalars["plateau"])
        if self.scaler and scalars["scaler"]:
            self.scaler.load_state_dict(scalars["scaler"])

    def _restore_optimizer(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        state: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = value
        for name, value in scalars["optimizer"].items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        parameters = self.optimizer.param_groups[0]["params"]
        for number, values in state.items():
            for key, value in values.items():
                if torch.is_tensor(value) and value.dim() == 4:
                    # Fused kernels read memory as it lies: a buffer that came out of a file must lie as its weights do.
                    values[key] = torch.empty_like(parameters[number], dtype=value.dtype).copy_(value)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.set_lr(scalars["lr"])

    def set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr


def batch_sizes(images: int, batch_size: int, smallest: int = 2) -> list[int]:
    """The batches of one pass. A last one of fewer than `smallest` pictures is left out."""
    sizes = [batch_size] * (images // batch_size)
    rest = images % batch_size
    return sizes + [rest] if rest >= smallest else sizes


def new_state(plan: Plan, data: Dataset, world: World = World()) -> TrainState:
    """A run that has not begun: fresh weights and random numbers from `plan.seed`, the data on the device.

    Raises: ArchiveRefused if there are too few pictures to train and validate on.
    """
    recipe, compute = plan.recipe, plan.compute
    train_indices, validation_indices = validation_split(data.train.labels)
    if len(train_indices) < 2 or len(validation_indices) < 1:
        raise ArchiveRefused(path=data.title, why="it has too few pictures to train on; 20 or more are needed")
    images = data.train.images[train_indices]
    model = compute.place(build(plan.spec, seed=plan.seed, scheme=recipe.initialisation))
    optimizer = make_optimizer(recipe, model)
    scrambled = validation_indices[torch.randperm(len(validation_indices), generator=_generator("cpu", 0))]
    return TrainState(
        plan=plan,
        model=model,
        preprocess=fit_preprocess(recipe, images).to(compute.device),
        optimizer=optimizer,
        generators=_generators(plan),
        images=images.to(compute.device),
        labels=data.train.labels[train_indices].to(compute.device),
        validation_images=data.train.images[scrambled].to(compute.device),
        validation_labels=data.train.labels[scrambled].to(compute.device),
        plateau=make_plateau(recipe, optimizer),
        scaler=torch.amp.GradScaler(compute.device) if compute.precision == "fp16" else None,
        is_warm=recipe.gentle_lr is None,
        world=world,
    )


def _generator(device: str, seed: int) -> Generator:
    return torch.Generator(device=device).manual_seed(seed)


def _generators(plan: Plan) -> dict[str, Generator]:
    """One for the order of the pictures and one for each augmentation, so that leaving one out moves no other."""
    generators = {"order": _generator("cpu", plan.seed)}
    for index, name in enumerate(AUGMENT):
        generators[name] = _generator(plan.compute.device, plan.seed + 1000 * (index + 1))
    return generators


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """torch's own, fused: one kernel for all parameters."""
    parameters = list(model.parameters())
    fused = parameters[0].device.type in ("cpu", "cuda", "mps")
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=recipe.peak_lr, weight_decay=recipe.weight_decay, fused=fused)
    return torch.optim.SGD(
        parameters, lr=recipe.peak_lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov, fused=fused,
    )  # fmt: skip


def make_plateau(recipe: Recipe, optimizer: torch.optim.Optimizer) -> ReduceLROnPlateau | None:
    if recipe.schedule != "plateau":
        return None
    return ReduceLROnPlateau(optimizer, factor=recipe.decay, patience=recipe.patience, min_lr=recipe.lowest_lr)
