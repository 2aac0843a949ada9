"""The app's identity: tokens from the sign-in of the cloud that an address is in, and in one line why there is none."""

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.clouds import AUTHORITY, cloud_of
from shared.errors import SettingsError, Transient

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

LONGEST = 500
SIGN_IN = "Sign in (`az login`), or give what runs this a managed identity."
RENEW = "Mend or renew the credential that it signs in with, or sign in anew (`az login`)."
_PASSING = re.compile(
    r"HTTPS?Connection|timed out|\(\w+\) (?:429|5\d\d), |transient error|temporarily_?unavailable", re.IGNORECASE
)
_SIGN_IN_ERROR = re.compile(r"AADSTS\d+:[^\r\n]*")
_ABSENT = re.compile("unavailable|not installed|not found on path|could not be found|requires the")
_ATTEMPT = re.compile(r"^\t(\w+: .*)", re.MULTILINE)


class Identity:
    """What the SDKs take for a credential. What it raises is no AzureError, so that none of them tries again.

    A pod's workload identity signs in where AKS says (AZURE_AUTHORITY_HOST), a managed identity where its machine does.
    """

    def __init__(self, *addresses: str | None) -> None:
        from azure.identity import DefaultAzureCredential

        try:
            self._credential = DefaultAzureCredential(**authority(*addresses))
        except ValueError as error:
            raise SettingsError(
                f"The app's identity cannot be set up: {error}", "Mend the AZURE_ variables."
            ) from error

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """A token; raises SettingsError where the identity is refused one, Transient where nobody answers."""
        from azure.core.exceptions import AzureError

        try:
            return self._credential.get_token(*scopes, **options)
        except AzureError as error:
            raise refusal(error) or _unanswered(error) from error


def authority(*addresses: str | None) -> dict[str, str]:
    """The option of azure-identity's credentials that says where to sign in; its own variable goes first."""
    return {} if os.environ.get(AUTHORITY) else {"authority": cloud_of(*addresses).authority}


def refusal(error: Exception) -> SettingsError | None:
    """The error to raise where an identity is refused a token; None where this is another error, or one that passes."""
    from azure.core.exceptions import ClientAuthenticationError

    if not isinstance(error, ClientAuthenticationError) or _of_a_service(error):
        return None
    text, reason = str(error), _reason(str(error))
    if _PASSING.search(reason if _SIGN_IN_ERROR.search(text) else text):
        return None
    hint = RENEW if _SIGN_IN_ERROR.search(text) else SIGN_IN
    return SettingsError(f"The app's identity gets no token: {reason}.", hint)


def _unanswered(error: Exception) -> Transient:
    return Transient(f"The app's identity gets no token now: {_reason(str(error))}.", "It is tried again later.")


def _of_a_service(error: Any) -> bool:
    """Whether a service said it of a token that it got: only who issues tokens answers at an address like that."""
    response = error.response
    return response is not None and not urlsplit(response.request.url).path.endswith("/token")


def _reason(text: str) -> str:
    """What the sign-in says, or else the last credential that there is; without ids for support."""
    if said := _SIGN_IN_ERROR.search(text):
        reason = re.split(r"\s*Trace ID:", said[0])[0]
    elif attempts := _ATTEMPT.findall(text):
        telling = [each for each in attempts if not _ABSENT.search(each)]
        reason = (telling or (["none is set up here"] if attempts[1:] else attempts))[-1]
        reason = re.sub(r": App Service .* Token request error: \(\w+\)", ":", reason)  # it names a cause that is none
    else:
        reason = text.strip().partition("\n")[0]
    return reason[:LONGEST].strip().rstrip(".'")
