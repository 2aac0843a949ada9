"""The HTTP API as a page for people: plain HTML made from the OpenAPI document, without scripts."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from functions.web.curl import command

LIGHT = {
    "text": "#1b1f24",
    "back": "#ffffff",
    "pane": "#f4f6f8",
    "muted": "#57606a",
    "link": "#0b5cad",
    "key": "#8a5a00",
}
DARK = {
    "text": "#dfe4ea",
    "back": "#14181d",
    "pane": "#1e242b",
    "muted": "#9aa5b1",
    "link": "#6cb6ff",
    "key": "#e0b050",
}
"""Text, muted, link and key stand on back and on pane: each pair differs by 4.5 to 1 and more (WCAG 2.2, 1.4.3)."""


def _variables(colours: Mapping[str, str]) -> str:
    return ":root{" + "".join(f"--{name}:{value};" for name, value in colours.items()) + "}"


_STYLE = f"""
{_variables(LIGHT)}
@media(prefers-color-scheme:dark){{{_variables(DARK)}}}
html{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere;
color:var(--text);background:var(--back)}}
a{{color:var(--link)}}h1{{font-size:1.6rem}}h2{{font:600 1.05rem/1.5 ui-monospace,monospace;margin-top:2.2rem}}
h2 a{{color:inherit;text-decoration:none}}h2 b{{display:inline-block;min-width:4.5rem;color:var(--link)}}
pre,code{{font:13px/1.45 ui-monospace,monospace}}
pre{{background:var(--pane);padding:.7rem 1rem;border-radius:6px;white-space:pre-wrap}}
summary{{cursor:pointer;color:var(--muted)}}ul{{padding-left:1.2rem}}nav ul{{columns:23rem;list-style:none;padding:0}}
.key{{font:12px system-ui;color:var(--key)}}
"""

_REF = re.compile(r"#/components/schemas/(\w+)")


def page(document: Mapping[str, Any], link: str = "openapi.json") -> str:
    """The page of an OpenAPI document; link: where that is."""
    info = document["info"]
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f"<li><a href=#{operation['operationId']}><code>{method.upper()} {escape(path)}</code></a>"
        for method, path, operation in operations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style><h1>{escape(info['title'])}</h1>"
        f"<p>{escape(info['description'])} The same as a document: <a href={escape(link)}>openapi.json</a>. "
        "Send the function key in the header <code>x-functions-key</code> where one is asked for. The lines for a "
        "shell take the app's address from <code>$TALLY</code> and the key from <code>$TALLY_KEY</code>.</p>"
        f"<nav><ul>{contents}</ul></nav>{''.join(_route(*operation) for operation in operations)}"
        f"<h1>Types</h1>{''.join(map(_type, document['components']['schemas'].items()))}"
    )


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    name = operation["operationId"]
    key = ' <span class="key">function key</span>' if operation["security"] else ""
    parameters = "".join(map(_parameter, operation["parameters"]))
    takes = ", ".join(map(_content, operation.get("requestBody", {}).get("content", {}).items()))
    answers = "".join(f"<li><code>{code}</code> {_answer(answer)}" for code, answer in operation["responses"].items())
    return (
        f"<h2 id={name}><a href=#{name}><b>{method.upper()}</b> {escape(path)}</a>{key}</h2>"
        f"<p>{escape(operation['summary'])} {escape(operation['description'])}</p>"
        f"{f'<ul>{parameters}</ul>' if parameters else ''}{f'<p>Takes {takes}.</p>' if takes else ''}"
        f"<pre>{escape(command(method, path, operation))}</pre>"
        f"<details><summary>Answers</summary><ul>{answers}</ul></details>"
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = {name: value for name, value in parameter["schema"].items() if name not in ("description", "examples")}
    return (
        f"<li><code>{escape(parameter['name'])}</code> in the {parameter['in']}: "
        f"{escape(parameter['schema'].get('description', ''))} <code>{escape(json.dumps(schema))}</code>"
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
    return (
        f"<h2 id={name}><a href=#{name}>{name}</a></h2><p>{escape(schema.get('description', ''))}</p><pre>{text}</pre>"
    )
