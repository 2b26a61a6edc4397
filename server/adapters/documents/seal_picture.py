"""How the electronic seal (电子公章) looks: vermilion ring, star, the issuer's name on an arc, its purpose below.

Glyph outlines come out of the certificate's font, so that the picture needs no font wherever it is shown: the same
strokes are written as PDF operators (the signature's appearance) and as SVG (the page image).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from fontTools.misc.transform import Transform
from fontTools.pens.recordingPen import RecordingPen
from fontTools.pens.transformPen import TransformPen

from server.adapters.documents.font import glyph_set

SIZE_MM = 42.0  # a company's round seal
PURPOSE = "电子证书专用章"
_RED = (0.78, 0.11, 0.09)
_CENTRE = SIZE_MM / 2
_RING = 1.1  # width of the ring's line
_SWEEP = math.radians(216)  # the arc that a long name fills; what is printed below its ends stays readable
GAP_MM = (
    8.9  # below the middle: the line between the arc's ends and the purpose, where the date shows through
)
_EM = 1000.0
_IDEOGRAPH_MIDDLE = 0.38  # of the em, above the baseline
_KAPPA = 4 / 3 * (math.sqrt(2) - 1)

Stroke = tuple[str, tuple[tuple[float, float], ...]]


def _glyphs(text: str, place: list[Transform]) -> Iterator[Stroke]:
    """The outlines of `text`, each character put down by its own transform (font units → mm, y upward)."""
    glyphs, cmap = glyph_set()
    for character, transform in zip(text, place, strict=True):
        pen = RecordingPen()
        glyphs[cmap[ord(character)]].draw(TransformPen(pen, transform))
        yield from ((name, tuple(points)) for name, points in pen.value)


def _on_arc(text: str) -> list[Transform]:
    """Characters spread over the upper arc, feet towards the centre, narrowed as a long name needs."""
    height, radius = 4.7, _CENTRE - 4.5
    step = min(_SWEEP / len(text), math.radians(24))
    width = min(height * 0.86, step * radius * 0.94)
    out = []
    for place in range(len(text)):
        angle = (len(text) - 1) / 2 * step - place * step  # from the top, anticlockwise
        out.append(
            Transform()
            .translate(_CENTRE, _CENTRE)
            .rotate(angle)
            .translate(0, radius)
            .scale(width / _EM, height / _EM)
            .translate(-_EM / 2, -_EM * _IDEOGRAPH_MIDDLE)
        )
    return out


def _on_line(text: str, middle: float, width: float, height: float) -> list[Transform]:
    """Characters on a straight line around the vertical middle axis."""
    step = width / len(text)
    start = _CENTRE - width / 2
    return [
        Transform()
        .translate(start + (place + 0.5) * step, middle)
        .scale(step * 0.96 / _EM, height / _EM)
        .translate(-_EM / 2, -_EM * _IDEOGRAPH_MIDDLE)
        for place in range(len(text))
    ]


def _circle(radius: float) -> Iterator[Stroke]:
    def at(x: float, y: float) -> tuple[float, float]:
        return (_CENTRE + x * radius, _CENTRE + y * radius)

    yield "moveTo", (at(1, 0),)
    x, y = 1, 0
    for _ in range(4):
        next_x, next_y = -y, x
        yield (
            "curveTo",
            (
                at(x + next_x * _KAPPA, y + next_y * _KAPPA),
                at(next_x + x * _KAPPA, next_y + y * _KAPPA),
                at(next_x, next_y),
            ),
        )
        x, y = next_x, next_y
    yield "closePath", ()


def _star(radius: float, middle: float) -> Iterator[Stroke]:
    inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(54))
    for corner in range(10):
        angle, reach = math.radians(90 + 36 * corner), (radius, inner)[corner % 2]
        point = (_CENTRE + reach * math.cos(angle), middle + reach * math.sin(angle))
        yield ("lineTo" if corner else "moveTo"), (point,)
    yield "closePath", ()


def _filled(issuer: str) -> list[Stroke]:
    return [
        *_star(6.6, _CENTRE + 0.9),
        *_glyphs(issuer, _on_arc(issuer)),
        *_glyphs(PURPOSE, _on_line(PURPOSE, _CENTRE - 14.2, 19.0, 3.3)),
    ]


def _ring() -> list[Stroke]:
    return list(_circle(_CENTRE - _RING / 2 - 0.1))


@lru_cache(maxsize=8)
def as_pdf(issuer: str, size: float) -> bytes:
    """PDF operators of the seal in a square of `size` points, origin at the lower left."""
    scale = size / SIZE_MM
    names = {"moveTo": "m", "lineTo": "l", "curveTo": "c", "closePath": "h", "endPath": ""}

    def operators(strokes: list[Stroke]) -> str:
        return "\n".join(
            " ".join([*(f"{x * scale:.2f} {y * scale:.2f}" for x, y in points), names[name]])
            for name, points in strokes
        )

    colour = "{} {} {}".format(*_RED)
    return (
        f"{colour} rg {colour} RG {_RING * scale:.2f} w\n{operators(_ring())} S\n"
        f"{0.09 * scale:.2f} w 1 j\n{operators(_filled(issuer))} B"
    ).encode("ascii")


@lru_cache(maxsize=8)
def as_svg(issuer: str) -> str:
    """The same as SVG, for the page image and for looking at it."""
    names = {"moveTo": "M", "lineTo": "L", "curveTo": "C", "closePath": "Z", "endPath": ""}

    def operators(strokes: list[Stroke]) -> str:
        return "".join(
            names[name] + " ".join(f"{x:.3f} {SIZE_MM - y:.3f}" for x, y in points)
            for name, points in strokes
        )

    colour = "#{:02x}{:02x}{:02x}".format(*(round(part * 255) for part in _RED))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE_MM} {SIZE_MM}" opacity="0.86">'
        f'<path fill="none" stroke="{colour}" stroke-width="{_RING}" d="{operators(_ring())}"/>'
        f'<path fill="{colour}" stroke="{colour}" stroke-width="0.09" stroke-linejoin="round" d="{operators(_filled(issuer))}"/>'
        "</svg>"
    )
