"""Weights that nobody should have to open: cut, lying, executable, or with numbers that are none."""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterator

import torch
from bad_archives import pets, zip_of
from bad_pictures import TENTHS, BadInput, picture_file
from safetensors.torch import save as pack_tensors

from resnet_demo.resnet import build_model

warnings.filterwarnings("ignore", message="Sparse invariant")
MARK = "RESNET_DEMO_TEST_MARK"  # the environment variable that names the file an executed payload would make


class Evil:
    """Unpickled, it makes the file that MARK names; its own state does the rest if a reader is so kind."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __reduce__(self):
        touch = f"import os; open(os.environ[{MARK!r}], 'w')"
        if self.how == "system":
            import os

            return os.system, (f'touch "${MARK}"',)
        return (eval, (f"exec({touch!r})",)) if self.how == "eval" else (exec, (touch,))


def checkpoints() -> Iterator[BadInput]:
    yield from cut_checkpoints()
    yield from lying_headers()
    yield from lying_cards()
    yield from pickles()
    yield from odd_tensors()


def weights() -> dict[str, torch.Tensor]:
    return build_model("resnet9-slim", num_classes=10, in_channels=1, seed=0).state_dict()


def card() -> dict[str, object]:
    from dataclasses import asdict

    spec = asdict(build_model("resnet9-slim", num_classes=10, in_channels=1, seed=0).spec)
    return {"name": "bad", "model": "resnet9-slim", "spec": spec, "classes": [str(n) for n in range(10)],
            "shape": [1, 28, 28], "dataset": "fashion-mnist-small", "resize": None}  # fmt: skip


def carded(values: object | None = None, **tensors: torch.Tensor) -> bytes:
    whole = {**weights(), "preprocess.mean": torch.zeros(1, 1, 1), "preprocess.std": torch.ones(1, 1, 1), **tensors}
    return pack_tensors(whole, {"card": json.dumps(card() if values is None else values)})


def saved(value: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def cut_checkpoints() -> Iterator[BadInput]:
    bare = pack_tensors(weights())
    for suffix, data in (("card.safetensors", carded()), ("safetensors", bare), ("pth", saved(weights()))):
        for tenth in TENTHS:
            yield BadInput(f"cut-{tenth}.{suffix}", data[: len(data) * tenth // 10])


def lying_headers() -> Iterator[BadInput]:
    def header(text: bytes, tail: bytes = b"", length: int | None = None) -> bytes:
        return struct.pack("<Q", len(text) if length is None else length) + text + tail

    one = b'{"a":{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}}'
    for name, data in {
        "long-header": header(b"{}", length=2**63), "all-ones": b"\xff" * 64, "short": b"\x01",
        "no-header": header(b""),
        "negative": header(b"{}", length=2**64 - 1), "no-json": header(b"{this is no json"), "list": header(b"[]"),
        "deep": header(b'{"a":' * 5000 + b"1" + b"}" * 5000), "empty": header(b"{}"),
        "beyond": header(one % (b"[4]", 0, 16), b"1234"), "backwards": header(one % (b"[4]", 16, 0), bytes(16)),
        "huge": header(one % (b"[1000000,1000000]", 0, 4_000_000_000_000)), "overflow":
        header(one % (b"[4294967296,4294967296]", 0, 0)), "minus": header(one % (b"[-4]", 0, 16), bytes(16)),
        "mismatch": header(one % (b"[5]", 0, 16), bytes(16)), "dtype":
        header(b'{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}}', bytes(4)), "metadata":
        header(b'{"__metadata__":{"card":7}}'), "metadata-list": header(b'{"__metadata__":[]}'),
        "card-no-json": header(b'{"__metadata__":{"card":"{"}}'),
        "card-a-list": header(b'{"__metadata__":{"card":"[]"}}'),
        "card-a-number": header(b'{"__metadata__":{"card":"7"}}'), "not-text": header(b"\xff\xfe{}"),
        "nul": header(b'{"\x00":{}}'), "picture": picture_file("PNG"), "archive": zip_of(pets()),
        "words": b"hello" * 30,
    }.items():  # fmt: skip
        yield BadInput(f"{name}.safetensors", data)


def lying_cards() -> Iterator[BadInput]:
    good = card()
    spec: dict = good["spec"]  # type: ignore[assignment]
    changes = {
        "no-spec": {"spec": None}, "spec-text": {"spec": "resnet20"}, "spec-empty": {"spec": {}},
        "classes-number": {"classes": 10}, "classes-few": {"classes": ["a"]}, "classes-objects": {"classes": [{}] * 10},
        "classes-twice": {"classes": ["a"] * 10}, "classes-text": {"classes": "0123456789"}, 
        "shape-huge": {"shape": [1, 10**9, 10**9]}, "shape-large": {"shape": [1, 4096, 4096]},
        "shape-text": {"shape": "1,28,28"}, "shape-short": {"shape": [1]}, "shape-minus": {"shape": [1, -28, -28]},
        "shape-thin": {"shape": [1, 28, 1]}, "shape-channels": {"shape": [3, 28, 28]}, "model-number": {"model": 7},
        "resize-huge": {"resize": 10**6}, "resize-minus": {"resize": -3}, "resize-text": {"resize": "64"},
        "resize-float": {"resize": 28.5}, "dataset-list": {"dataset": [1]}, "name-list": {"name": [1]},
        "test-text": {"test": "good"},
    }  # fmt: skip
    for name, change in changes.items():
        yield BadInput(f"card-{name}.safetensors", carded({**good, **change}))
    for name, change in {
        "wide": {"widths": [10**9] * 3}, "deep": {"blocks_per_stage": [10**9] * 3}, "classes": {"num_classes": 10**12},
        "minus": {"widths": [-1, 2, 3]}, "odd": {"unknown": 1}, "other": {"widths": [32, 64, 256]},
        "channels": {"input": [10**9, 32, 32]}, "text": {"widths": "abc"},
        "infinite": {"blocks_per_stage": [1e400, 1, 1]},
        "stem": {"stem": {**spec["stem"], "kernel": 10**9}}, "no-stem": {"stem": None}, "pool": {"head_pool": "rm -rf"},
        "scale": {"logit_scale": "x"},
    }.items():  # fmt: skip
        yield BadInput(f"spec-{name}.safetensors", carded({**good, "spec": {**spec, **change}}))
    yield BadInput("no-card-keys.safetensors", carded({}))
    yield BadInput("mean-wide.safetensors", carded(**{"preprocess.mean": torch.zeros(1, 5, 5)}))
    yield BadInput("mean-flat.safetensors", carded(**{"preprocess.mean": torch.zeros(7)}))
    yield BadInput("mean-nan.safetensors", carded(**{"preprocess.mean": torch.full((1, 1, 1), torch.nan)}))
    yield BadInput("std-zero.safetensors", carded(**{"preprocess.std": torch.zeros(1, 1, 1)}))
    yield BadInput(
        "std-whole.safetensors", carded(**{"preprocess.std": torch.ones(1, 1, 1, dtype=torch.int64)}), may_pass=True
    )


def pickles() -> Iterator[BadInput]:
    for how in ("system", "eval", "exec"):
        yield BadInput(f"{how}.pth", saved({"fc.weight": torch.zeros(2), "x": Evil(how)}))
        yield BadInput(f"{how}-old.pth", saved(Evil(how), _use_new_zipfile_serialization=False))
        for protocol in (0, 2, 5):
            yield BadInput(f"{how}-{protocol}.pkl", pickle.dumps(Evil(how), protocol=protocol))
        yield BadInput(f"{how}.safetensors", pickle.dumps(Evil(how)))
    yield BadInput("module.pth", saved(build_model("resnet9-slim", seed=0)))
    yield BadInput("module-old.pth", saved(torch.nn.Linear(2, 2), _use_new_zipfile_serialization=False))
    yield BadInput("list.pth", saved([1, 2, 3]))
    yield BadInput("number.pth", saved(7))
    yield BadInput("nothing.pth", saved(None))
    yield BadInput(
        "nested.pth", saved({"state_dict": {"state_dict": {"state_dict": {"state_dict": weights()}}}}), may_pass=True
    )
    yield BadInput("stack.pkl", b"(" * 100_000 + b".")
    yield BadInput("memo.pkl", b"\x80\x02]q\x00(" + b"h\x00" * 50_000 + b"e.")
    yield BadInput("long.pkl", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f")


def odd_tensors() -> Iterator[BadInput]:
    good = weights()
    for name, value in (("nan", torch.nan), ("infinite", torch.inf)):
        spoiled = {**good, "fc.weight": torch.full_like(good["fc.weight"], value)}
        yield BadInput(f"{name}.pth", saved(spoiled))
        yield BadInput(f"{name}.card.safetensors", carded(**{"fc.weight": spoiled["fc.weight"]}))
    small = torch.zeros(1)
    for name, tensor in {
        "stretched": small.expand(10**6, 10**6), "stretched-more": small.expand(2**20, 2**20, 2**20 >> 4),
        "sparse": torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (10**9, 10**9)),
        "complex": torch.zeros(2, 2, dtype=torch.complex64), "whole": torch.zeros(16, 1, 3, 3, dtype=torch.int64),
        "empty": torch.zeros(0, 0), "scalar": torch.tensor(1.0), "nowhere": torch.zeros(10**6, 10**6, device="meta"),
        "true": torch.ones(4, dtype=torch.bool), "wide": torch.zeros(1, 10**6),
    }.items():  # fmt: skip
        yield BadInput(f"{name}.pth", saved({**good, "conv1.weight": tensor}))
        yield BadInput(f"{name}-alone.pth", saved({"fc.weight": tensor}))
    yield BadInput("packed-bomb.pth", _packed_bomb())
    yield BadInput("names.pth", saved({f"{'a.' * 500}{n}": torch.zeros(1) for n in range(2000)}))
    yield BadInput("convolutions.pth", saved({f"c{n}.weight": torch.zeros(1, 1, 1, 1) for n in range(3000)}))


def _packed_bomb() -> bytes:
    """A state dict of 1.2 GB of zeros, packed to 1.2 MB: torch itself never packs."""
    plain = io.BytesIO(saved({"fc.weight": torch.zeros(4)}))
    file = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for member in source.infolist():
            with target.open(member.filename, "w") as packed:
                if "/data/" in member.filename:
                    for _ in range(1200):
                        packed.write(bytes(2**20))
                else:
                    packed.write(source.read(member))
    return file.getvalue()
