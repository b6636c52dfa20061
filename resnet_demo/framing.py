"""An open picture at a model's own size, and what its edge and its colours are like. No torch."""

from __future__ import annotations

from PIL import Image

MOST_ASPECT = 4  # of a picture that is scaled whole before its middle is cut out
FAR_FROM_GREY = 32  # of 255, between a colour's strongest and weakest channel


def centred(picture: Image.Image, width: int, height: int, short_side: int) -> Image.Image:
    """The middle of the picture once its short side is `short_side`, pixel for pixel as torchvision's Resize and
    CenterCrop make it (bilinear, antialiased). `short_side` is at least `width` and `height`.
    """
    w, h = picture.size
    if max(w, h) > MOST_ASPECT * min(w, h):  # what lies far outside must not be enlarged first
        most = MOST_ASPECT * min(w, h)
        left, top = max(0, (w - most) // 2), max(0, (h - most) // 2)
        picture = picture.crop((left, top, left + min(w, most), top + min(h, most)))
        w, h = picture.size
    size = (short_side, int(short_side * h / w)) if w <= h else (int(short_side * w / h), short_side)
    scaled = picture if size == picture.size else picture.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - width) / 2.0), round((size[1] - height) / 2.0)
    return scaled.crop((left, top, left + width, top + height))


def fitted(picture: Image.Image, width: int, height: int, fit: str = "crop") -> Image.Image:
    """The picture at exactly `width` x `height`, antialiased (bilinear, as torchvision does: a hard edge gets no halo).

    One that has that size is left as it is; one that was enlarged by a whole factor comes back exactly.

    `crop` fills the frame and cuts what sticks out on both sides of the centre; `pad` shows all of it and fills the
    rest with the colour of the picture's own edge.
    """
    w, h = picture.size
    if (w, h) == (width, height):
        return picture
    if w % width == 0 and h * width == w * height:
        return picture.reduce(w // width)
    if fit == "crop":
        scale = max(width / w, height / h)
        cut_w, cut_h = min(w, width / scale), min(h, height / scale)
        left, top = (w - cut_w) / 2, (h - cut_h) / 2
        box = (left, top, left + cut_w, top + cut_h)
        return picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
    scale = min(width / w, height / h)
    inner = picture.resize((max(1, round(w * scale)), max(1, round(h * scale))), Image.Resampling.BILINEAR)
    frame = Image.new(picture.mode, (width, height), edge_colour(picture))
    frame.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return frame


def edge_colour(picture: Image.Image) -> int | tuple[int, ...]:
    """The median colour of the outermost 28th of the picture on all four sides, channel by channel."""
    import numpy as np

    small = np.asarray(picture.resize((28, 28), Image.Resampling.BOX))
    ring = np.concatenate([small[0], small[-1], small[1:-1, 0], small[1:-1, -1]])
    median = np.median(ring, axis=0)
    return int(median) if median.ndim == 0 else tuple(int(value) for value in median)


def is_colourful(picture: Image.Image) -> bool:
    """Whether more than a tint of it is in colour: a hundredth of its surface, at the least, is far from grey."""
    import numpy as np

    if picture.mode == "L":
        return False
    small = np.asarray(picture.convert("RGB").resize((28, 28), Image.Resampling.BOX)).astype(np.int16)
    return bool(((small.max(2) - small.min(2)) > FAR_FROM_GREY).mean() > 0.01)
