"""A picture as PNG, drawn by Pillow with the font that it brings. Loaded only when a PNG is asked for."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from jwks_operator.core.outputs.timeline import Box, Line, Picture, Words

SCALE = 2
"""Pixels of the file for each pixel of the picture, for sharp letters."""


def write_png(drawn: Picture, path: Path) -> None:
    """Write a picture into a file; OSError if that cannot be done."""
    image = Image.new("RGB", (drawn.width * SCALE, drawn.height * SCALE), "white")
    canvas = ImageDraw.Draw(image)
    for shape in drawn.shapes:
        if isinstance(shape, Box):
            right, bottom = shape.x + shape.width, shape.y + shape.height
            canvas.rectangle([shape.x * SCALE, shape.y * SCALE, right * SCALE, bottom * SCALE], fill=shape.colour)
        elif isinstance(shape, Line):
            x = shape.x * SCALE
            canvas.line([(x, shape.top * SCALE), (x, shape.bottom * SCALE)], fill=shape.colour, width=SCALE)
        else:
            _write(canvas, shape)
    image.save(path, format="PNG", optimize=True)


def _write(canvas: ImageDraw.ImageDraw, words: Words) -> None:
    font = ImageFont.load_default(words.size * SCALE)
    anchor = "ms" if words.centred else "ls"
    canvas.text((words.x * SCALE, words.y * SCALE), words.text, fill=words.colour, font=font, anchor=anchor)
