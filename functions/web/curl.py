"""An operation of the API's document as a line for a shell."""

import json
import shlex
from collections.abc import Mapping
from typing import Any


def command(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """A line that runs as it stands, where TALLY is the app's address and TALLY_KEY a key."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["schema"]["examples"][0])
    told = {"get": "", "post": ""}.get(method, f" -X {method.upper()}")  # -d makes it a POST
    words = [f"curl -s{told}", f'"$TALLY{path}"']
    if operation["security"]:
        words.append('-H "x-functions-key: $TALLY_KEY"')
    if body := operation.get("requestBody", {}).get("content", {}).get("application/json"):
        words += ['-H "content-type: application/json"', f"-d {shlex.quote(json.dumps(body['example']))}"]
    elif method == "post":
        words.append('-d ""')
    return " ".join(words)
