"""Pages of other origins (CORS): what `Host.CORS` of local.settings.json allows, as Core Tools understand it."""

from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from shared.errors import SettingsError
from shared.settings.file import read_json


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
    if not path.exists():
        return Cors()
    host = {name.lower(): value for name, value in read_json(path, "a settings file").items()}.get("host") or {}
    known = host if isinstance(host, dict) else {"CORS": None, "CORSCredentials": host}
    origins, credentials = known.get("CORS") or "", known.get("CORSCredentials") or False
    if not (isinstance(origins, str) and isinstance(credentials, bool)):
        raise SettingsError(
            f"Host in {path} cannot be used: CORS is origins parted by commas, CORSCredentials is true or false.",
            'Write "Host": {"CORS": "*"}.',
        )
    return Cors(tuple(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()), credentials)
