"""What was added to a PDF after it was sealed: which objects, on which pages, of what kind, revision by revision.

A PDF may be continued (ISO 32000-1, 7.5.6): the sealed bytes stay, and what follows them redefines objects. So a page can
show something else while the signature over the first part is still right. Foreign files: everything here is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from server.domain.ports import PdfRevision

MOST_PAGES, MOST_OBJECTS, MOST_REVISIONS = 50, 5000, 20
_KINDS = {
    "/Page": "page",
    "/Pages": "page",
    "/Annot": "annotation",
    "/Catalog": "catalog",
    "/Metadata": "metadata",
    "/Filespec": "attachment",
    "/EmbeddedFile": "attachment",
    "/Sig": "signature",
    "/Font": "content",
    "/XObject": "content",
}


def later_than(reader: PdfFileReader, sealed: int) -> tuple[PdfRevision, ...]:
    """The revisions after the sealed one (counted from 0), as far as they are named here.

    Args:
        reader: of the whole file.
        sealed: the revision that the seal covers.
    """
    out = []
    for number in range(sealed + 1, min(reader.total_revisions, sealed + 1 + MOST_REVISIONS)):
        changed = {(ref.idnum, ref.generation): ref for ref in reader.xrefs.explicit_refs_in_revision(number)}
        resolver = reader.get_historical_resolver(number)
        kinds = {kind for ref in list(changed.values())[:MOST_OBJECTS] if (kind := _kind(resolver, ref))}
        pages = [at for at, reached in enumerate(_pages(resolver), 1) if reached & changed.keys()]
        objects = sorted(idnum for idnum, _ in changed)
        out.append(PdfRevision(number + 1, tuple(objects[:MOST_OBJECTS]), tuple(pages), tuple(sorted(kinds))))
    return tuple(out)


def _kind(resolver: Any, ref: generic.Reference) -> str:
    """What an object is, in a word; "" for what only holds the file together."""
    value = resolver.get_object(ref)
    if not isinstance(value, generic.DictionaryObject):
        return ""
    named = str(value.get("/Type", ""))
    if named in ("/XRef", "/ObjStm"):
        return ""
    if value.get("/Subtype") == "/Widget" or "/FT" in value:
        return "form"
    if named in _KINDS:
        return _KINDS[named]
    return "content" if isinstance(value, generic.StreamObject) else "other"


def _pages(resolver: Any) -> Iterator[set[tuple[int, int]]]:
    """For each page in order, every object that it reaches, itself among them.

    A tree may lead back into itself: no branch of it is walked twice, and the steps are counted, not the pages alone.
    """
    walked: set[tuple[int, int]] = set()
    left, waiting = MOST_PAGES, [iter([resolver.root.raw_get("/Pages")])]
    for _ in range(MOST_OBJECTS):
        if not (waiting and left):
            return
        raw = next(waiting[-1], None)
        if raw is None:
            waiting.pop()
            continue
        node = raw.get_object() if isinstance(raw, generic.IndirectObject) else raw
        if "/Kids" in node:
            place = (raw.idnum, raw.generation) if isinstance(raw, generic.IndirectObject) else None
            if place in walked:
                continue
            walked |= {place} if place else set()
            waiting.append(_raw(node["/Kids"]))
            continue
        left -= 1
        yield _reached(raw)


def _raw(array: Any) -> Iterator[Any]:
    return (array.raw_get(at) for at in range(min(len(array), MOST_OBJECTS)))


def _reached(start: Any) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    waiting = [start]
    while waiting and len(found) < MOST_OBJECTS:
        raw = waiting.pop()
        if isinstance(raw, generic.IndirectObject):
            place = (raw.idnum, raw.generation)
            if place in found:
                continue
            found.add(place)
            raw = raw.get_object()
        if isinstance(raw, generic.DictionaryObject):
            waiting += [raw.raw_get(name) for name in raw if name not in ("/Parent", "/P", "/StructParent")]
        elif isinstance(raw, generic.ArrayObject):
            waiting += _raw(raw)
    return found
