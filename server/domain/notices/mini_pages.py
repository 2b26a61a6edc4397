"""Which page of the mini-program stands for a page of the website. Pure: the standard library alone."""

from __future__ import annotations

import re

_FIRST = "pages/index/index"
_PAGES = (
    (re.compile(r"/h5/results"), "pages/results/index"),
    (re.compile(r"/h5/orders"), "pages/orders/index"),
    (re.compile(r"/h5/orders/([0-9]+)"), "pages/orders/index?id={}"),
    (re.compile(r"/h5/certificates"), "pages/certificates/index"),
    (re.compile(r"/h5/certificates/([0-9A-Z]+)"), "pages/certificates/index?number={}"),
)


def program_page(path: str) -> str:
    """The mini-program's page and query, without a leading slash (41030 otherwise), for a path of the website."""
    for pattern, page in _PAGES:
        if match := pattern.fullmatch(path):
            return page.format(*match.groups())
    return _FIRST
