"""Pages of other origins (CORS): what `Host.CORS` of local.settings.json allows, as Core Tools understand it."""

import json
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from shared.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins whose pages may read answers, none by default; credentials: whether they may send cookies."""

    origins: tuple[str, ...] = ()
    credentials: bool = False

    def around(self, application: Starlette) -> ASGIApp:
        """The application, with the headers that browsers ask for."""
        if not self.origins:
            return application
        return CORSMiddleware(
            application,
            allow_origins=self.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=self.credentials,
        )


def read_cors(root: Path) -> Cors:
    """What local.settings.json in `root` allows; raises SettingsError where it cannot be used."""
    path = root / "local.settings.json"
    try:
        host = json.loads(path.read_text("utf-8-sig")).get("Host") or {}
        origins, credentials = host.get("CORS") or "", host.get("CORSCredentials") or False
        if not (isinstance(origins, str) and isinstance(credentials, bool)):
            raise TypeError("CORS is origins parted by commas, CORSCredentials is true or false")
    except FileNotFoundError:
        return Cors()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingsError(f"Host in {path} cannot be used: {error}.", 'Write "Host": {"CORS": "*"}.') from error
    return Cors(tuple(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()), credentials)
