"""Pictures for the image check: a few letters, each turned and set at its own height, under some wavy lines."""

from __future__ import annotations

import io
import math
import random

from PIL import Image, ImageDraw, ImageFont

SIZE = (264, 100)
INKS = ((23, 69, 122), (15, 49, 89), (58, 66, 92), (92, 52, 84), (22, 92, 78))
PAPER = (255, 255, 255)


class PillowImageCheck:
    """Implements the ImageCheck port with the typeface that comes with Pillow."""

    def __init__(self) -> None:
        self._chance = random.SystemRandom()

    def picture(self, text: str) -> bytes:
        image = Image.new("RGB", SIZE, PAPER)
        draw = ImageDraw.Draw(image)
        for _ in range(5):
            self._wave(draw, (196, 208, 222), 3)
        step = (SIZE[0] - 32) / len(text)
        for index, character in enumerate(text):
            self._letter(image, character, int(16 + step * index), int(step))
        for _ in range(2):
            self._wave(draw, self._chance.choice(INKS), 3)
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()

    def _letter(self, image: Image.Image, character: str, left: int, room: int) -> None:
        font = ImageFont.load_default(size=self._chance.randint(58, 68))
        tile = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
        ink = self._chance.choice(INKS)
        ImageDraw.Draw(tile).text(
            (48, 48), character, font=font, fill=ink, anchor="mm", stroke_width=1, stroke_fill=ink
        )
        turned = tile.rotate(
            self._chance.uniform(-24, 24),
            resample=Image.Resampling.BICUBIC,
        )
        x = left + (room - 96) // 2 + self._chance.randint(-4, 4)
        image.paste(turned, (x, self._chance.randint(-6, 10)), turned)

    def _wave(self, draw: ImageDraw.ImageDraw, ink: tuple[int, int, int], width: int) -> None:
        height = self._chance.uniform(20, SIZE[1] - 20)
        swing, pace = self._chance.uniform(6, 18), self._chance.uniform(0.02, 0.05)
        start = self._chance.uniform(0, 6)
        points = [(x, height + swing * math.sin(pace * x + start)) for x in range(0, SIZE[0], 4)]
        draw.line(points, fill=ink, width=width, joint="curve")
