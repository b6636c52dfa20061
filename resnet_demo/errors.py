"""Every error a user can meet, each a sentence that says what was wrong and what to do.

    LabError
    |-- BadRequest                  the request cannot be met as it stands (exit code 2)
    |   |-- UnknownName             UnknownModel, UnknownDataset, UnknownRecipe, UnknownCheckpoint, UnknownRun, ...
    |   |-- InvalidOption           a value outside its range
    |   |-- InvalidSpec             a residual network that cannot be built
    |   |-- InputDoesNotFit         a picture size or channel count that the model cannot take
    |   |-- PictureRefused          a file or address that is no usable picture
    |   |-- ArchiveRefused          a folder or .zip that is no usable set of pictures
    |   |-- CheckpointRefused       a checkpoint that is damaged, unsafe or of another model
    |   |-- ClassesDiffer           a checkpoint and a data set that share no label order
    |   |-- RunRefused              a run that cannot start, go on or be touched by this person
    |   |-- LineFull, AlreadyInLine the line of waiting runs has no place for this one
    |   |-- LabFull                 all the room for runs is taken
    |   `-- NotAllowed              somebody else's run
    `-- Failure                     the request was fine, the world was not (exit code 1)
        |-- DataUnavailable         a data set that is neither here nor to be had
        |-- DownloadFailed          a transfer that failed, stalled, was cut off or came out wrong
        |-- PublishFailed           a checkpoint that the Hugging Face Hub did not take
        |-- DiskFull                nothing was torn, but nothing more can be written
        |-- GpuRefused              a GPU that is lent for a while was not: QuotaGone for today
        |-- OutOfMemory             names the batch size and offers half
        |-- Diverged                the loss is not a number any more
        |-- WorkerDied              a training process that ended without saying why
        `-- Unexpected              everything else; the log has the details

Each class has one English template; a translation is a table from the class's name to the same
template in another language, filled with the same `fields`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

LONGEST_NAME = 200  # characters of what somebody called something, told back to them


class LabError(Exception):
    """A message for a person. `fields` fill the template of this language or another."""

    template: ClassVar[str] = "{what}"
    exit_code: ClassVar[int] = 1

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self.template.format(**fields))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.fields)


def _rebuild(kind: type[LabError], fields: dict[str, Any]) -> LabError:
    return kind(**fields)


class BadRequest(LabError):
    exit_code = 2


class UnknownName(BadRequest):
    """Raised with `name` and `known`, the names that would do."""

    template = "There is no “{name}” here. Choose one of: {known}."

    def __init__(self, *, name: str, known: str | Iterable[str]) -> None:
        name = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        super().__init__(name=name, known=known if isinstance(known, str) else ", ".join(known) or "none yet")


class UnknownModel(UnknownName):
    template = "There is no model called “{name}”. Choose one of: {known}."


class UnknownDataset(UnknownName):
    template = "There is no data set called “{name}”. Choose one of: {known}."


class UnknownRecipe(UnknownName):
    template = "There is no recipe called “{name}”. Choose one of: {known}."


class UnknownCheckpoint(UnknownName):
    template = "There is no checkpoint “{name}”. Give the path of a .safetensors file or one of: {known}."


class UnknownRun(UnknownName):
    template = "There is no run “{name}”. Runs here: {known}."


class UnknownClass(UnknownName):
    template = "There is no class “{name}”. The classes are: {known}."


class InvalidOption(BadRequest):
    template = "{option} cannot be {value}: it must be {allowed}."


class InvalidSpec(BadRequest):
    template = "This network cannot be built: {what}."


class InputDoesNotFit(BadRequest):
    template = "{model} cannot take an input of {input}: {why}."


class PictureRefused(BadRequest):
    template = "{picture} cannot be used: {why}."


class ArchiveRefused(BadRequest):
    template = "{path} cannot be used as a data set: {why}."


class CheckpointRefused(BadRequest):
    template = "{path} cannot be used as a checkpoint: {why}."


class ClassesDiffer(BadRequest):
    template = "{checkpoint} knows the classes {known}, but the data have {given}. Choose data with the same classes."


class RunRefused(BadRequest):
    template = "Run {run} cannot {action}: {why}."


class LineFull(BadRequest):
    template = "The line is full: {length} runs are waiting. Try again when one has finished."


class AlreadyInLine(BadRequest):
    template = "You already have a run that is waiting or training ({run}). Stop it, or wait until it has finished."


class LabFull(BadRequest):
    template = "The {gigabytes} GB for runs are used up here: delete a run that nobody needs, or ask the teacher."


class NotAllowed(BadRequest):
    template = "Run {run} belongs to {owner}: only its owner or the teacher can {action} it."


class Failure(LabError):
    exit_code = 1


class DataUnavailable(Failure):
    template = "{dataset} is not on this machine: {why}. {instead}"


class DownloadFailed(Failure):
    template = "{what} could not be downloaded: {why}. {instead}"


class PublishFailed(Failure):
    template = "{repo} could not be published: {why}."


class DiskFull(Failure):
    template = (
        "There is no room left on the disk ({path}): free some space, then start again. "
        "Nothing was lost that was already saved."
    )


class GpuRefused(Failure):
    template = (
        "Hugging Face did not lend its GPU ({why}). Train on the CPU, which costs nothing, or try again in a while."
    )


class QuotaGone(GpuRefused):
    template = (
        "The GPU time that Hugging Face gives your address for a day is used up ({why}). Train on the CPU, which costs "
        "nothing, or come back later."
    )


class OutOfMemory(Failure):
    template = "Out of memory with a batch of {batch_size}: try a batch of {half}."


class Diverged(Failure):
    template = "The loss is no longer a number: diverged at step {step}; try a smaller learning rate than {lr:g}."


class WorkerDied(Failure):
    template = "The training process ended without a word (exit code {code}): start again, or look at {log}."


class Unexpected(Failure):
    template = "Something went wrong that the lab did not foresee ({what}). The log has the details under {id}."
