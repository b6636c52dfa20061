"""Any picture a person may bring, made upright 8-bit RGB or grey, or refused with one sentence.

Everything that reads pictures (the page, the command line, folders of pictures) comes through here, so that the same
file always gives the same pixels. No torch.
"""

from __future__ import annotations

import warnings
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import PictureRefused

if TYPE_CHECKING:
    import numpy as np

Source: TypeAlias = Union[str, Path, bytes, Image.Image, "np.ndarray"]

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")  # no format that runs a program to be read
WORKING_SIDE = 512  # larger pictures are averaged down to a short side of 512 to 1023: no model here sees more

_REDUCIBLE = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

# What is odd about a stranger's file is no news for the log. `catch_warnings` would not do: it is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_picture(source: Source, name: str | None = None) -> Image.Image:
    """The picture, upright, in mode `RGB` or `L`, with a short side of at most 1,023 pixels.

    EXIF orientation is applied, transparency is laid over white, 16-bit and floating-point pictures are scaled to
    8 bits, an animation gives its first frame. `name` is what a refusal calls it (default: the file's name).
    Raises: PictureRefused if it is no readable picture, over 32 MB or over 50 megapixels.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "") or "This picture"
    try:
        return _finished(_opened(source, name))
    except PictureRefused:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(name) from None
    except MemoryError:
        raise PictureRefused(picture=name, why="it needs more memory than there is") from None
    except Exception as error:  # Pillow's readers raise nearly anything on damaged files
        raise PictureRefused(picture=name, why="it is damaged or cut off") from error


def _opened(source: Source, name: str) -> Image.Image:
    """The picture with its size checked and, where a file is behind it, its pixels not yet read."""
    if isinstance(source, (str, Path)):
        source = _read(Path(source), name)
    if isinstance(source, (bytes, bytearray, memoryview)):
        picture = _from_bytes(bytes(source), name)
    elif isinstance(source, Image.Image):
        picture = source
    else:
        picture = _from_array(source, name)
    width, height = picture.size
    if width < 1 or height < 1:
        raise PictureRefused(picture=name, why="it has no pixels")
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(name, width, height)
    return picture


def _read(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            why = "it is a folder" if path.is_dir() else "there is no such file"
            raise PictureRefused(picture=name, why=why)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PictureRefused(picture=name, why="the file cannot be read") from error


def _from_bytes(data: bytes, name: str) -> Image.Image:
    if not data:
        raise PictureRefused(picture=name, why="the file is empty")
    if len(data) > MAX_BYTES:
        raise PictureRefused(picture=name, why=f"it is larger than {MAX_BYTES // 2**20} MB")
    try:
        picture = Image.open(BytesIO(data), formats=_formats_here())
    except UnidentifiedImageError:
        raise PictureRefused(picture=name, why=_what_it_is_instead(data)) from None
    picture.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG of a phone is decoded at a half, quarter or eighth
    return picture


@cache
def _formats_here() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _what_it_is_instead(data: bytes) -> str:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and b"<svg" in data[:65536].lower():
        return "SVG is a drawing without pixels; save it as PNG and take that"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIC cannot be read here; save it as JPEG and take that"
    return "it is no picture that can be read here (PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF and PNM can)"


def _too_many_pixels(name: str, width: int = 0, height: int = 0) -> PictureRefused:
    size = f" ({width:,} × {height:,})" if width else ""
    return PictureRefused(picture=name, why=f"it has more than {MAX_PIXELS // 10**6} megapixels{size}")


def _finished(picture: Image.Image) -> Image.Image:
    picture.load()
    orientation = _orientation(picture)
    picture = _reduced(_eight_bits(_reduced(picture)))
    picture = _upright(_over_white(picture), orientation)
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(0x0112, 1)
    except Exception:  # a broken EXIF block is no reason to refuse the pixels
        return 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    if orientation not in range(2, 9):
        return picture
    tagged = Image.Exif()
    tagged[0x0112] = orientation
    picture.info["exif"] = tagged.tobytes()
    return ImageOps.exif_transpose(picture)


def _reduced(picture: Image.Image) -> Image.Image:
    """A large picture averaged over whole pixels early, so that what follows costs little memory."""
    factor = min(picture.size) // WORKING_SIDE
    if factor < 2 or picture.mode not in _REDUCIBLE or "transparency" in picture.info:
        return picture
    return picture.reduce(factor)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The same picture in mode L, LA, RGB or RGBA."""
    mode = picture.mode
    if picture.has_transparency_data and mode not in ("LA", "RGBA"):
        return picture.convert("LA" if mode in ("La", "1", "L") else "RGBA")
    if mode in ("L", "LA", "RGB", "RGBA"):
        return picture.copy()
    if mode in ("I", "F") or mode.startswith("I;"):
        return _scaled(picture)
    if mode == "LAB":
        return _from_lab(picture)
    return picture.convert("L" if mode == "1" or (mode == "P" and _is_grey_palette(picture)) else "RGB")


def _is_grey_palette(picture: Image.Image) -> bool:
    colours = picture.getpalette("RGB") or []
    return colours[0::3] == colours[1::3] == colours[2::3]


def _scaled(picture: Image.Image) -> Image.Image:
    """Grey in 8 bits from 16 bits, 32 bits or floating point, by the range that such pictures use."""
    import numpy as np

    values = np.asarray(picture)
    if values.dtype == np.uint16:
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    return Image.fromarray(_scaled_to_bytes(values))


def _scaled_to_bytes(values: np.ndarray) -> np.ndarray:
    """0..1 (floating point only), 0..255 and 0..65535 keep their meaning; any other range is stretched."""
    import numpy as np

    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        values, high = (values - low) / max(high - low, 1e-12), 1.0
    top = 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    return np.rint(values * (255.0 / top)).astype(np.uint8)


def _from_lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB").apply(picture)


def _over_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture
    is_grey = picture.mode == "LA"
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("L" if is_grey else "RGB")


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    """A picture from `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of any number type."""
    import numpy as np

    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise PictureRefused(picture=name, why=f"an array of shape {array.shape} is no picture")
    if array.dtype.kind not in "buif" or 0 in array.shape:
        raise PictureRefused(picture=name, why="it has no pixels" if 0 in array.shape else "it holds no numbers")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise _too_many_pixels(name, array.shape[1], array.shape[0])
    if array.dtype == np.uint16 and array.ndim == 3:
        array = (array.astype(np.uint32) + 128) // 257
    if array.dtype == bool:
        array = array * np.uint8(255)
    return Image.fromarray(array if array.dtype == np.uint8 else _scaled_to_bytes(array))
