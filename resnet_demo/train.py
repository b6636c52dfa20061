"""The training loop: one generator of events, and nothing else. It does not print, plot or save.

Two kinds of run. One measured in steps or epochs is deterministic: nothing about it follows the clock. One measured in
seconds follows the clock: its learning rate is a function of the share of time used, so it ends in time and annealed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .augment import AUGMENT
from .errors import Diverged
from .events import CheckpointDue, Epoch, RunFinished, RunResumed, RunStarted, Step, TrainEvent, Validation
from .pace import QUICK_VALIDATION, Clock, Pace
from .state import Plan, TrainState, new_state

__all__ = ["Plan", "TrainState", "new_state", "train"]

EVALUATION_BATCH = 128
READ_EVERY_SECONDS = 0.25  # how long losses may stay unread on a device that would have to be waited for


def train(state: TrainState, *, should_stop: Callable[[], bool] = lambda: False) -> Generator[TrainEvent, None, None]:
    """Trains `state` in place until its length is reached, and tells about it.

    Yields RunStarted (or RunResumed), a Step for each update, Validation, Epoch and CheckpointDue at points that do not
    depend on the clock unless the run's length does, and RunFinished. At CheckpointDue earlier losses were finite and
    the state stands exactly at that step: save it before asking for the next event.
    """
    clock, unread = Clock(state.seconds), Unread(state)
    pace = Pace(state, clock)
    yield _opening(state)
    state.model.train()
    # It may have been interrupted between its last step and its end.
    reason = pace.reason_to_end() if state.step else None
    while reason is None:
        unread.add(*update(state, pace.share()))
        state.seconds = clock.now()
        pace.count_step()
        reason, is_validation_due = pace.decide(should_stop)
        if not (reason or unread.is_due() or is_validation_due or state.position == 0):
            continue
        yield from unread.read(clock)
        if unread.has_diverged:
            reason = "diverged"
            break
        if state.position == 0:
            yield _close_epoch(state)
        is_for_now = reason == "stopped" and not state.plan.length.is_timed
        if is_for_now and not is_validation_due:
            # One more validation would tell it from a whole run.
            yield CheckpointDue(state.step, False, round(state.seconds, 4))
        elif reason or is_validation_due:
            yield from _validate_and_save(state, pace, clock, is_last=reason is not None and not is_for_now)
            reason = "diverged" if pace.has_diverged else reason
            unread.forget_time(clock)
    yield _closing(state, reason, unread, pace.unhindered())


def _opening(state: TrainState) -> TrainEvent:
    if state.step:
        return RunResumed(step=state.step, seconds=state.seconds)
    plan = state.plan
    return RunStarted(
        model=plan.spec.name, dataset=plan.dataset, recipe=plan.recipe.name, seed=plan.seed,
        batch_size=plan.recipe.batch_size, train_images=len(state.images),
        validation_images=len(state.validation_images),
        total_steps=state.total_steps, budget_seconds=plan.length.seconds, device=plan.compute.device,
        precision=plan.compute.precision, threads=plan.compute.threads, note=plan.compute.reason,
    )  # fmt: skip


def update(state: TrainState, share: float) -> tuple[Tensor, float, float]:
    """One step of gradient descent: the loss and accuracy of its batch (still on the device), its lr and its epoch."""
    with state.cores.between():
        images, labels = next_batch(state)
        lr = set_lr(state, share)
        state.optimizer.zero_grad(set_to_none=True)
        measured = state.cores.backward(partial(_learn, state), images, labels, state.scaler)
        if state.scaler is None:
            state.optimizer.step()
        else:
            state.scaler.step(state.optimizer)
            state.scaler.update()
    state.step += 1
    return state.world.average(measured), lr, _epochs_done(state)


def _learn(state: TrainState, network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss of these pictures, and once more with their accuracy, as two numbers to tell."""
    recipe, compute = state.plan.recipe, state.plan.compute
    with compute.autocast():
        logits = network(compute.arrange(state.preprocess(images)))
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    accuracy = (logits.detach().argmax(1) == labels).float().mean()
    return loss, torch.stack((loss.detach().float(), accuracy))


def _epochs_done(state: TrainState) -> float:
    return state.epoch + (state.position / len(state.images) if state.position else 1.0)


def next_batch(state: TrainState) -> tuple[Tensor, Tensor]:
    """The next augmented uint8 pictures and their labels. `position` returns to 0 when a pass is over."""
    if state.position == 0 or state.permutation is None:
        order = torch.randperm(len(state.images), generator=state.generators["order"])
        state.permutation = order.to(state.images.device)  # once a pass, so that no step copies anything there
    batch = state.permutation[state.position : state.position + state.plan.recipe.batch_size]
    chosen = state.world.share_of(batch)
    images, labels = state.images[chosen], state.labels[chosen]
    for name in state.plan.recipe.augment:
        drawn = AUGMENT[name].draw(len(batch), state.generators[name])
        images = AUGMENT[name].apply(images, state.world.share_of(drawn))
    state.position += len(batch)
    if len(state.images) - state.position < state.smallest_batch:
        state.position = 0
    return images, labels


def set_lr(state: TrainState, share: float) -> float:
    """The rate of the next update, by the recipe's schedule."""
    recipe = state.plan.recipe
    if state.plateau is not None:
        lr = state.optimizer.param_groups[0]["lr"]
    else:
        lr = recipe.peak_lr * recipe.lr_factor(share)
    if not state.is_warm:
        lr = recipe.gentle_lr
    state.set_lr(lr)
    return lr


class Unread:
    """Losses that are still on the device; reading them is what waits for it."""

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.waiting: list[tuple[Tensor, int, float, float]] = []
        self.is_local = state.images.device.type == "cpu"
        self.last_read = time.perf_counter()
        self.last_seconds = state.seconds
        self.has_diverged = False
        self.diverged_at = 0

    def add(self, measured: Tensor, lr: float, epoch: float) -> None:
        self.waiting.append((measured, self.state.step, epoch, lr))

    def is_due(self) -> bool:
        return self.is_local or time.perf_counter() - self.last_read > READ_EVERY_SECONDS

    def read(self, clock: Clock) -> list[Step]:
        """The waiting steps as events, up to the first whose loss is not finite."""
        values = torch.stack([row[0] for row in self.waiting]).tolist()
        now = clock.now()
        each = max(1e-9, now - self.last_seconds) / len(values)
        steps = []
        for index, ((loss, accuracy), (_, step, epoch, lr)) in enumerate(zip(values, self.waiting)):
            if not math.isfinite(loss):
                self.has_diverged, self.diverged_at = True, step
                break
            seconds = self.last_seconds + each * (index + 1)
            speed = self.state.plan.recipe.batch_size / each
            steps.append(Step(step, round(epoch, 6), loss, accuracy, lr, round(seconds, 4), round(speed, 1)))
            _count(self.state, loss, accuracy)
        self.waiting.clear()
        self.last_read, self.last_seconds = time.perf_counter(), now
        return steps

    def forget_time(self, clock: Clock) -> None:
        """What passed until now was no training and counts for no step's speed."""
        self.last_seconds = clock.now()


def _count(state: TrainState, loss: float, accuracy: float) -> None:
    state.epoch_loss += loss
    state.epoch_accuracy += accuracy
    state.epoch_batches += 1
    if not state.is_warm and accuracy > 0.2:  # section 4.2: until the training error is below 80 %
        state.is_warm = True


def _close_epoch(state: TrainState) -> Epoch:
    batches = max(1, state.epoch_batches)
    loss, accuracy = state.epoch_loss / batches, state.epoch_accuracy / batches
    state.epoch += 1
    state.epoch_loss = state.epoch_accuracy = 0.0
    state.epoch_batches = 0
    if state.plateau is not None:
        state.plateau.step(loss)
    return Epoch(state.epoch, state.step, loss, accuracy, round(state.seconds, 4))


def _validate_and_save(state: TrainState, pace: Pace, clock: Clock, *, is_last: bool) -> Iterator[TrainEvent]:
    start = clock.now()
    images = pace.validation_images(is_last=is_last)
    deadline = clock.start + pace.budget - clock.before if is_last and pace.budget else math.inf
    losses, hits = measure(state, images, deadline) if state.world.is_first else (torch.zeros(1), torch.zeros(1))
    state.seconds = clock.now()
    pace.count_validation(state.seconds - start, images)
    loss, accuracy = losses.mean().item(), hits.mean().item()
    (pace.has_diverged,) = map(bool, state.world.agree(not math.isfinite(loss)))
    if pace.has_diverged:
        return
    epochs = state.epoch + state.position / len(state.images)
    yield Validation(state.step, round(epochs, 6), loss, accuracy, len(hits), round(state.seconds, 4))
    quick = hits[:QUICK_VALIDATION].mean().item()
    is_best = quick >= state.best_accuracy  # of equals the later, better annealed one
    state.best_accuracy = max(quick, state.best_accuracy)
    yield CheckpointDue(state.step, is_best, round(state.seconds, 4))


@torch.inference_mode()
def measure(state: TrainState, images: int, deadline: float = math.inf) -> tuple[Tensor, Tensor]:
    """Loss and hit (0 or 1) of the first `images` validation pictures, each `(images,)` on the CPU.

    Past `deadline` (on `time.perf_counter`) it stops early, but never before the quick validation's pictures.
    """
    state.model.eval()
    losses, hits = [], []
    for start in range(0, images, EVALUATION_BATCH):
        if start >= QUICK_VALIDATION and time.perf_counter() > deadline:
            break
        chosen = slice(start, min(images, start + EVALUATION_BATCH))
        labels = state.validation_labels[chosen]
        with state.plan.compute.autocast():
            logits = state.model(state.plan.compute.arrange(state.preprocess(state.validation_images[chosen])))
        losses.append(F.cross_entropy(logits.float(), labels, reduction="none"))
        hits.append((logits.argmax(1) == labels).float())
    state.model.train()
    return torch.cat(losses).cpu(), torch.cat(hits).cpu()


def _closing(state: TrainState, reason: str, unread: Unread, unhindered: float | None) -> RunFinished:
    message = None
    if reason == "diverged":
        step = unread.diverged_at or state.step
        message = str(Diverged(step=step, lr=state.optimizer.param_groups[0]["lr"]))
    speed = state.step * state.plan.recipe.batch_size / max(1e-9, state.seconds)
    return RunFinished(
        reason, state.step, seconds=round(state.seconds, 4), images_per_second=round(speed, 1), message=message,
        unhindered=unhindered,
    )  # fmt: skip
