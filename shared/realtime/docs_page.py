"""The HTTP API as a page for people: plain HTML made from the OpenAPI document, without scripts."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.05rem;margin-top:2.2rem;font-family:ui-monospace,monospace}
h2 b{display:inline-block;min-width:4.5rem;color:#0b5cad}pre,code{font:13px/1.45 ui-monospace,monospace}
pre{background:#f4f6f8;padding:.7rem 1rem;overflow:auto;border-radius:6px}summary{cursor:pointer;color:#57606a}
.key{float:right;font:12px system-ui;color:#8a5a00}
@media(prefers-color-scheme:dark){body{color:#dfe4ea;background:#14181d}pre{background:#1e242b}h2 b{color:#6cb6ff}}
"""

_REF = re.compile(r"#/components/schemas/(\w+)")


def page(document: Mapping[str, Any], link: str = "openapi.json") -> str:
    """The page of an OpenAPI document; link: where that is."""
    info = document["info"]
    routes = "".join(
        _route(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style><h1>{escape(info['title'])}</h1>"
        f"<p>{escape(info['description'])} The same as a document: <a href={escape(link)}>openapi.json</a>. "
        "Send the function key in the header <code>x-functions-key</code> where one is asked for.</p>"
        f"{routes}<h1>Types</h1>{''.join(map(_type, document['components']['schemas'].items()))}"
    )


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    key = '<span class="key">function key</span>' if operation["security"] else ""
    takes = ", ".join(map(_content, operation.get("requestBody", {}).get("content", {}).items()))
    answers = "".join(f"<li><code>{code}</code> {_answer(answer)}" for code, answer in operation["responses"].items())
    return (
        f"<h2>{key}<b>{method.upper()}</b> {escape(path)}</h2><p>{escape(operation['summary'])} "
        f"{escape(operation['description'])}</p>{f'<p>Takes {takes}.</p>' if takes else ''}"
        f"<details><summary>Answers</summary><ul>{answers}</ul></details>"
    )


def _content(content: tuple[str, Mapping[str, Any]]) -> str:
    media, described = content
    types = dict.fromkeys(_REF.findall(json.dumps(described)))
    links = " or ".join(f"<a href=#{name}>{name}</a>" for name in types)
    return f"<code>{escape(media)}</code>{f' ({links})' if links else ''}"


def _answer(answer: Mapping[str, Any]) -> str:
    return f"{escape(answer['description'])} {', '.join(map(_content, answer.get('content', {}).items()))}"


def _type(named: tuple[str, Mapping[str, Any]]) -> str:
    name, schema = named
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return f"<h2 id={name}>{name}</h2><p>{escape(schema.get('description', ''))}</p><pre>{text}</pre>"
