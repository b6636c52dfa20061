"""The file format of MNIST and its kin: a magic number, the sizes, then unsigned bytes.

Source: http://yann.lecun.com/exdb/mnist/ ("The IDX file format"): two zero bytes, a type code (8: unsigned byte), the
number of dimensions, each dimension as a big-endian 32-bit integer, the data.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

UNSIGNED_BYTE = 8


class DamagedFile(Exception):
    """A file that is not what its name says. It never reaches a person: the next source is tried."""


def read_idx(path: Path, shape: tuple[int, ...]) -> torch.Tensor:
    """The file's data as a uint8 tensor of exactly `shape`; `path` may end in .gz, whose own checksum is then verified.

    Raises: DamagedFile if the file is cut off, longer than it should be, or of another kind.
    """
    import numpy as np
    import torch

    header = struct.pack(f">HBB{len(shape)}I", 0, UNSIGNED_BYTE, len(shape), *shape)
    expected_bytes = len(header) + int(np.prod(shape))
    content = _read(path, expected_bytes + 1)
    if content[: len(header)] != header:
        raise DamagedFile(f"{path} does not begin as an IDX file of {'x'.join(map(str, shape))} bytes does")
    if len(content) != expected_bytes:
        raise DamagedFile(f"{path} does not hold {expected_bytes} bytes")
    return torch.frombuffer(content, dtype=torch.uint8, offset=len(header)).view(shape)


def _read(path: Path, at_most: int) -> bytearray:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return bytearray(file.read(at_most))
        with path.open("rb") as file:
            return bytearray(file.read(at_most))
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFile(f"{path} cannot be read: {error}") from error
