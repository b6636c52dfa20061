"""What each command takes: the options of the command line, apart from what is done with them."""

from __future__ import annotations

import argparse

from .recipes import AUGMENTATIONS

CHECKPOINT_HELP = (
    "a .safetensors file, a run's folder, a shipped name, resnet50-imagenet (or 18, 34, 101, 152), or hub:owner/name"
)


def none(parser: argparse.ArgumentParser) -> None:
    return None


def layers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--input", metavar="C,H,W", help="size of the input (default: the model's natural one)")
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes")


def train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="resnet20", help="default: %(default)s")
    parser.add_argument("--dataset", default="fashion-mnist", help="default: %(default)s")
    parser.add_argument("--recipe", default="budget", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds of training")
    parser.add_argument("--epochs", type=float, metavar="N", help="end after N passes over the training set")
    parser.add_argument("--max-steps", type=int, metavar="N", help="end after N updates")
    parser.add_argument("--batch-size", type=int, metavar="B", help="pictures a step")
    parser.add_argument("--lr", type=float, metavar="X", help="highest learning rate")
    parser.add_argument(
        "--augment", type=_names, metavar="A,B", help=f"some of {','.join(AUGMENTATIONS)}, or '' for none"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default: %(default)s")
    parser.add_argument("--parent", metavar="RUN", help="begin with the last weights of that run, which lies beside it")
    parser.add_argument("--out", metavar="DIR", help="the run's folder (default: one at home)")
    parser.add_argument("--data", metavar="PATH", help="a folder or .zip of class folders, instead of --dataset")
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in DIR; needs nothing else")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("--dataset", help="default: the checkpoint's own")
    parser.add_argument("--data", metavar="PATH", help="a folder or .zip of class folders, instead of --dataset")
    parser.add_argument("--pictures", metavar="PATH", help="the same, but every picture counts, not only the test part")
    _foreign(parser)


def classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="+", metavar="IMAGE")
    parser.add_argument("--checkpoint", required=True, metavar="C", help=CHECKPOINT_HELP)
    parser.add_argument("--top", type=int, default=5, metavar="K", help="default: %(default)s")
    parser.add_argument("--dataset", help="what weights from elsewhere were trained on")
    _foreign(parser)


def publish(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("repo", metavar="OWNER/NAME", help="the model repository; it is made if there is none")
    parser.add_argument("--private", action="store_true", help="a new repository is for you alone")
    parser.add_argument("--dataset", help="what weights from elsewhere were trained on")
    _foreign(parser)


def _foreign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="which network weights from elsewhere are, where several have the same")
