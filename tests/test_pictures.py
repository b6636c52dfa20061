"""Every kind of picture comes out upright, in 8 bits and on white; everything else gets one sentence."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from resnet_demo.errors import PictureRefused
from resnet_demo.framing import edge_colour, fitted
from resnet_demo.pictures import MAX_BYTES, open_picture

pytestmark = pytest.mark.filterwarnings(r"ignore::Warning:PIL\.")  # pytest forgets the filters that modules set
RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def two_halves(mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right, 40 wide and 20 high."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste((0, 0, 255), (20, 0, 40, 20))
    return picture.convert(mode)


def is_near(colour, wanted, slack: int = 12) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(np.atleast_1d(colour), np.atleast_1d(wanted)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_common_formats_keep_their_colours(kind):
    picture = open_picture(encoded(two_halves(), kind))
    assert (picture.mode, picture.size) == ("RGB", (40, 20))
    assert is_near(picture.getpixel((3, 10)), RED, 40) and is_near(picture.getpixel((36, 10)), (0, 0, 255), 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(kind, orientation):
    stored = two_halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(encoded(stored, kind, exif=exif))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    wanted = stored.transpose(undo[orientation]) if orientation in undo else stored
    assert picture.size == wanted.size
    assert np.abs(np.asarray(picture, int) - np.asarray(wanted, int)).mean() < 12


def test_transparency_is_laid_over_white():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    grey = Image.new("LA", (8, 8), (0, 0))
    assert open_picture(encoded(clear, "PNG")).getpixel((0, 0)) == WHITE
    assert is_near(open_picture(encoded(half, "PNG")).getpixel((0, 0)), (127, 127, 127), 1)
    assert open_picture(encoded(grey, "PNG")).getpixel((0, 0)) == 255


def test_transparent_colours_and_palettes():
    key = encoded(two_halves(), "PNG", transparency=RED)
    assert open_picture(key).getpixel((3, 3)) == WHITE and open_picture(key).getpixel((30, 3)) == (0, 0, 255)
    palette = two_halves("P")
    by_index = encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))
    by_bytes = encoded(palette, "PNG", transparency=bytes([0] * 256))
    gif = encoded(palette, "GIF", transparency=palette.getpixel((0, 0)))
    for data in (by_index, by_bytes, gif):
        assert open_picture(data).getpixel((3, 3)) == WHITE
    assert open_picture(encoded(Image.new("L", (4, 4), 9), "PNG", transparency=9)).getpixel((0, 0)) in (255, WHITE)


def test_grey_stays_grey_and_palette_becomes_colour():
    assert open_picture(encoded(two_halves("L"), "PNG")).mode == "L"
    assert open_picture(encoded(two_halves("1"), "PNG")).mode == "L"
    assert open_picture(encoded(two_halves("P"), "PNG")).mode == "RGB"
    grey_gif = encoded(two_halves("L"), "GIF")
    assert is_near(open_picture(grey_gif).convert("L").getpixel((0, 0)), two_halves("L").getpixel((0, 0)), 1)


def test_sixteen_bits_are_scaled_not_cut():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        picture = open_picture(encoded(Image.fromarray(ramp), kind))
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture).ravel(), np.arange(256))


def test_integers_and_floating_point_use_the_range_they_have():
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    for values in (ramp, ramp * 255, (ramp * 65535).astype(np.int32), ramp * 4 - 2):
        picture = open_picture(encoded(Image.fromarray(values), "TIFF"))
        assert np.abs(np.asarray(picture, int).ravel() - np.arange(256)).max() <= 1
    holes = ramp.copy()
    holes[0, :2] = np.nan, np.inf
    assert np.asarray(open_picture(holes))[0, 0] == 0


def test_print_and_lab_colours():
    assert is_near(open_picture(encoded(two_halves("CMYK"), "JPEG")).getpixel((3, 3)), RED, 20)
    assert open_picture(encoded(two_halves("CMYK"), "TIFF")).mode == "RGB"
    assert is_near(open_picture(two_halves("YCbCr")).getpixel((3, 3)), RED, 20)
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(two_halves(), to_lab)
    assert is_near(open_picture(encoded(lab, "TIFF")).getpixel((3, 3)), RED, 12)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert is_near(open_picture(data).getpixel((4, 4)), RED, 40)


@pytest.mark.parametrize(
    "array",
    [
        np.full((5, 7), 200, np.uint8), np.full((5, 7, 1), 200, np.uint8), np.full((5, 7, 3), 200, np.uint8),
        np.full((5, 7, 4), 200, np.uint8), np.full((5, 7), 51400, np.uint16), np.full((5, 7, 3), 51400, np.uint16),
        np.full((5, 7), 200 / 255, np.float64), np.full((5, 7), True), np.full((5, 7, 3), 0.5, np.float16),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)  # fmt: skip
def test_arrays(array):
    picture = open_picture(array)
    assert picture.size == (7, 5) and picture.mode in ("L", "RGB")
    assert np.asarray(picture).min() > 120


def test_a_path_and_its_bytes_and_its_image_are_the_same_picture(tmp_path):
    path = tmp_path / "picture.png"
    two_halves().save(path)
    with Image.open(path) as opened:
        versions = [open_picture(path), open_picture(str(path)), open_picture(path.read_bytes()), open_picture(opened)]
    assert len({picture.tobytes() for picture in versions}) == 1


def test_a_large_picture_is_averaged_down_and_keeps_its_shape():
    large = Image.effect_mandelbrot((3000, 4000), (-2, -1, 1, 1), 20).convert("RGB")
    for kind in ("JPEG", "PNG"):
        picture = open_picture(encoded(large, kind))
        assert 512 <= min(picture.size) < 1024
        assert picture.width / picture.height == pytest.approx(0.75, abs=0.01)


def png_header(width: int, height: int) -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF"

REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello, I am no picture", "no picture"),
    "svg": (SVG, "SVG"),
    "svg with a mark": (b"\xef\xbb\xbf  <svg/>", "SVG"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "a program": (EPS, "no picture"),
    "html": (b"<html><body></body></html>", "no picture"),
    "a bomb": (png_header(10_000, 10_000), "50 megapixels"),
    "a larger bomb": (png_header(60_000, 60_000), "50 megapixels"),
    "a lying header": (png_header(400, 400), "damaged or cut off"),
    "no width": (png_header(0, 10), ""),
    "cut off": (encoded(Image.effect_noise((90, 90), 50), "PNG")[:2000], "damaged or cut off"),
    "cut off JPEG": (encoded(Image.effect_noise((90, 90), 50), "JPEG")[:1500], "damaged or cut off"),
    "head only": (encoded(two_halves(), "JPEG")[:30], ""),
    "too heavy": (b"\x89PNG" + bytes(MAX_BYTES), "32 MB"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals_are_one_sentence(kind):
    data, reason = REFUSED[kind]
    with pytest.raises(PictureRefused) as refusal:
        open_picture(data, name="my.png")
    sentence = str(refusal.value)
    assert reason in sentence and sentence.startswith("my.png cannot be used: ") and "\n" not in sentence


def test_pictures_cut_anywhere_are_refused_or_read_but_nothing_else():
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        whole = encoded(two_halves(), kind)
        for end in range(0, len(whole), max(1, len(whole) // 40)):
            with contextlib.suppress(PictureRefused):
                assert open_picture(whole[:end]).size == (40, 20)


@pytest.mark.parametrize("array", [np.zeros((0, 4)), np.zeros((4, 4, 2)), np.zeros((2, 2, 2, 2)), np.array([["a"]])])
def test_arrays_that_are_no_pictures(array):
    with pytest.raises(PictureRefused):
        open_picture(array)


def test_paths_that_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "missing.png", tmp_path / ("x" * 300), "nul\0l"):
        with pytest.raises(PictureRefused):
            open_picture(path)


def test_a_broken_exif_block_does_not_cost_the_picture():
    data = encoded(two_halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert open_picture(data).size == (40, 20)


def test_no_warning_and_no_open_file():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        for data in (encoded(two_halves("P"), "PNG", transparency=bytes([0] * 256)), encoded(two_halves(), "TIFF")):
            open_picture(data)
    assert not caught


def test_many_threads_read_the_same_pixels():
    data = [encoded(two_halves(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF")]
    wanted = [open_picture(item).tobytes() for item in data]
    wrong: list[int] = []

    def read() -> None:
        for _ in range(10):
            wrong.extend(i for i, item in enumerate(data) if open_picture(item).tobytes() != wanted[i])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_crop_keeps_the_middle_and_pad_keeps_everything():
    picture = Image.new("RGB", (60, 20), (9, 9, 9))
    picture.paste(RED, (25, 5, 35, 15))
    cropped, padded = fitted(picture, 20, 20, "crop"), fitted(picture, 20, 20, "pad")
    assert cropped.size == padded.size == (20, 20)
    assert cropped.getpixel((10, 10)) == RED and cropped.tobytes() == picture.crop((20, 0, 40, 20)).tobytes()
    assert padded.getpixel((0, 0)) == (9, 9, 9) == edge_colour(picture)
    assert fitted(cropped, 20, 20, "crop") is cropped


def test_an_enlarged_picture_comes_back_exactly():
    small = Image.effect_noise((28, 28), 90)
    assert fitted(small.resize((280, 280), Image.Resampling.NEAREST), 28, 28).tobytes() == small.tobytes()


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_hard_edge_gets_no_halo(fit):
    picture = Image.new("L", (300, 300), 60)
    picture.paste(200, (100, 0, 200, 300))
    values = np.asarray(fitted(picture, 28, 28, fit))
    assert values.min() == 60 and values.max() == 200


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000), (100_000, 1), (3, 2), (5000, 2)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_any_shape_fits(size, fit):
    assert fitted(Image.new("L", size, 77), 28, 28, fit).getpixel((14, 14)) == 77
