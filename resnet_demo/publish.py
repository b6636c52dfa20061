"""A checkpoint published on the Hugging Face Hub, with a card that people can read.

A repository gets `model.safetensors`, which is a checkpoint of this lab with its card inside, `config.json` with the
card once more, and `README.md` made from it. A token is handed on to huggingface_hub and to nothing else: it is not
kept, and since an exception's text may hold the header that was sent, none of theirs is ever chained, logged or shown.

Source: huggingface_hub's PyTorchModelHubMixin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import PyTorchModelHubMixin, constants, errors

from . import fetch
from .checkpoint import Checkpoint, open_checkpoint, save_checkpoint
from .datasets import DATASETS
from .errors import BadRequest, CheckpointRefused, LabError, PublishFailed
from .hub import WEIGHTS, Place, obtain, quietly
from .hub_readme import readme
from .imagenet import NAME
from .preprocess import Preprocess
from .resnet import ResNet
from .specs import spec_from_dict

_TOKEN = re.compile(r"[\w.-]{8,4096}", re.ASCII)


class HubResNet(
    ResNet,
    PyTorchModelHubMixin,
    library_name="resnet-demo",
    pipeline_tag="image-classification",
    tags=["resnet", "image-classification"],
):
    """A network of the lab with its preprocessing (`preprocess`) and card, as the Hub's mixin publishes and loads it.

    `HubResNet.from_pretrained("owner/name")` gives the network in evaluation mode.
    """

    _preprocessing: tuple[Preprocess]

    def __init__(self, card: dict[str, Any]) -> None:
        super().__init__(spec_from_dict(card["spec"]))
        self.card = card

    @classmethod
    def of(cls, checkpoint: Checkpoint, card: dict[str, Any] | None = None) -> HubResNet:
        """The same network, sharing the checkpoint's weights."""
        network = cls(card=card or checkpoint.card)
        network.load_state_dict(checkpoint.model.state_dict(), assign=True)
        network._preprocessing = (checkpoint.preprocess,)  # in a tuple it is no part of the state dict
        return network.eval()

    @property
    def preprocess(self) -> Preprocess:
        return self._preprocessing[0]

    def _save_pretrained(self, save_directory: Path) -> None:
        save_checkpoint(save_directory / WEIGHTS, self, self.preprocess, self.card)

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, revision: str | None, token: str | bool | None = None, **how: Any
    ) -> HubResNet:
        if Path(model_id).is_dir():
            return cls.of(open_checkpoint(Path(model_id) / WEIGHTS))
        return cls.of(open_checkpoint(obtain(f"{model_id}@{revision}" if revision else model_id, token=token)))

    def generate_model_card(self, *args: Any, **about: Any) -> huggingface_hub.ModelCard:
        data = huggingface_hub.ModelCardData(**self._hub_mixin_info.model_card_data.to_dict())
        return huggingface_hub.ModelCard(readme(self.card, str(about.get("repo") or "owner/name"), data))


@dataclass(frozen=True)
class Published:
    """Where a checkpoint stands now."""

    repo: str
    url: str
    is_private: bool


def publish(checkpoint: Checkpoint, repo: str, *, private: bool = False, token: str | None = None) -> Published:
    """Puts weights, card and README into that repository, which is made if there is none.

    Without a `token` it is done as who HF_TOKEN or the Hub's own login on this machine says.
    Raises: BadRequest, CheckpointRefused for torchvision's own weights, PublishFailed, also where it should be private
    and stands already where all can see it.
    """
    place = Place.of(repo)
    if place.revision:
        raise BadRequest(what="Name the repository alone: what is published becomes its newest revision.")
    if "reported" in checkpoint.card:
        raise CheckpointRefused(path=checkpoint.name, why="it is torchvision's own and published already")
    if fetch.offline():
        raise PublishFailed(repo=place.repo, why="the network is switched off (RESNET_DEMO_OFFLINE)")
    token = _token(token)
    network = HubResNet.of(checkpoint, public_card(checkpoint.card))
    try:
        with quietly():
            is_private = _visibility(place.repo, private, token)
            network.push_to_hub(
                place.repo, private=private or None, token=token, model_card_kwargs={"repo": place.repo},
                commit_message="A network trained in ResNet Lab",
            )  # fmt: skip
    except LabError:
        raise
    except Exception as error:  # whatever it is: its text, or that of one behind it, may hold the token
        raise PublishFailed(repo=place.repo, why=_why_not_published(error)) from None
    return Published(place.repo, f"{constants.ENDPOINT}/{place.repo}", is_private)


def _visibility(repo: str, private: bool, token: str) -> bool:
    """Whether the repository will be private.  Raises: PublishFailed if it should be and all can see it already."""
    try:
        is_private = bool(huggingface_hub.HfApi(token=token).model_info(repo).private)
    except errors.RepositoryNotFoundError:
        return private
    if private and not is_private:
        raise PublishFailed(repo=repo, why="it is there already, and everybody can see it; take another name")
    return is_private


def _token(given: str | None) -> str:
    token = (given or huggingface_hub.get_token() or "").strip()
    if not token:
        raise BadRequest(what="The Hub has to know who publishes: set HF_TOKEN, or run “hf auth login” once.")
    if not _TOKEN.fullmatch(token):
        raise BadRequest(what="This is no token of the Hugging Face Hub: those are letters, digits, “_”, “-” and “.”.")
    return token


def public_card(card: dict[str, Any]) -> dict[str, Any]:
    """The card as strangers may read it: of one's own pictures the folder's name, not where it lies."""
    dataset = str(card.get("dataset") or "")
    if dataset in DATASETS or dataset == NAME:
        return dict(card)
    last = re.split(r"[\\/]", dataset.rstrip("\\/"))[-1]
    title = str(card.get("dataset_title") or last)
    return {**card, "dataset": last, "dataset_title": title.replace(dataset, last) if dataset else title}


def _why_not_published(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return "the Hub does not take this token for it; it needs the right to write there"
    if status is not None:
        return f"the Hub answered {status}"
    if isinstance(error, (errors.HFValidationError, ValueError)):
        return "the Hub takes no such name or file"
    return "the Hub cannot be reached"
