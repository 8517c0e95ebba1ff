"""One image to the wanted form: centre square, size, grey or colour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image

from nas.data.dataset import Images

# What each EXIF orientation asks for (EXIF 2.3, tag 0x0112); 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def centre_square(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) of the largest centred square of an image of size (width, height)."""
    width, height = size
    side = min(size)
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def square(image: Image.Image, resolution: int) -> Image.Image:
    """The centre square at `resolution`, bicubic with anti-aliasing; `reducing_gap` makes large photos cheap."""
    if image.size == (resolution, resolution):
        return image
    size = (resolution, resolution)
    return image.resize(size, Image.Resampling.BICUBIC, box=centre_square(image.size), reducing_gap=3.0)


def plain_mode(image: Image.Image, channels: int) -> Image.Image:
    """Any of Pillow's modes as grey or colour of 8 bits; what is transparent becomes white, 16 bits are scaled down.

    Raises `ValueError` for pixels that are floats: their range is unknown.
    """
    target = "L" if channels == 1 else "RGB"
    if image.mode == target:
        return image
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.int64)
        image = Image.fromarray((levels.clip(0, 65535) >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floats of unknown range")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(paper, image)
    return image.convert(target)


def orientation(image: Image.Image) -> Image.Transpose | None:
    """How a loaded image must be turned to stand upright, from its EXIF; None for as it is."""
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF raises anything; the pixels are fine without it
        return None


def fitted(images: Images, resolution: int | None, channels: int) -> Iterator[Images]:
    """Each image of an array (N, H, W, C) at a resolution (None: as it is) and number of channels."""
    for start in range(0, len(images), 512):
        part = as_channels(images[start : start + 512], channels)
        if resolution is None or part.shape[1:3] == (resolution, resolution):
            yield from part
            continue
        for pixels in part:
            image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
            yield np.asarray(square(image, resolution)).reshape(resolution, resolution, channels)


def as_channels(images: Images, channels: int) -> Images:
    """Grey from colour (luma of ITU-R 601-2, as Pillow's mode L), colour from grey, or the same array."""
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=3)
    parts = images.astype(np.uint32)
    luma = parts[..., 0] * 19595 + parts[..., 1] * 38470 + parts[..., 2] * 7471 + 0x8000
    return (luma >> 16).astype(np.uint8)[..., None]
