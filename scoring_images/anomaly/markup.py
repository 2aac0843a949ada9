"""HTML as a tree of elements, so that every id and number is escaped by the serialiser and never by hand."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import chain

type Node = ET.Element
type Child = Node | str | int | Iterable[Child] | None

_NOT_IN_HTML = dict.fromkeys(chain(range(9), (11, 12), range(14, 32), (127,)), "\N{REPLACEMENT CHARACTER}")


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Node:
    """An element; `class_` and `aria_label` become `class` and `aria-label`; None leaves one out."""
    node = ET.Element(name)
    for key, value in attributes.items():
        if value is not None:
            node.set(key.rstrip("_").replace("_", "-"), _clean(str(value)))
    _append(node, children)
    return node


def _append(node: Node, child: Child) -> None:
    if child is None:
        return
    if isinstance(child, ET.Element):
        node.append(child)
    elif isinstance(child, str | int):
        _append_text(node, _clean(str(child)))
    else:
        for each in child:
            _append(node, each)


def _append_text(node: Node, text: str) -> None:
    if len(node):
        node[-1].tail = (node[-1].tail or "") + text
    else:
        node.text = (node.text or "") + text


def _clean(text: str) -> str:
    return text.translate(_NOT_IN_HTML)


def page(root: Node) -> bytes:
    """The document as UTF-8, with its doctype."""
    body: bytes = ET.tostring(root, encoding="utf-8", method="html")
    return b"<!doctype html>\n" + body + b"\n"
