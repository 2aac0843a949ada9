"""Keeps this machine's own addresses from a proxy: emulators, the host and its tasks talk to each other by them."""

from collections.abc import MutableMapping

ADDRESSES = ("127.0.0.1", "localhost", "::1")


def spare_loopback(env: MutableMapping[str, str]) -> None:
    """Add this machine to `NO_PROXY` and `no_proxy`, which clients look for in one spelling or the other.

    What stands there stays; where there is only one of them, the other says the same.
    """
    for name in ("no_proxy", "NO_PROXY"):
        held = [part.strip() for part in (env.get(name) or env.get(name.swapcase()) or "").split(",") if part.strip()]
        if "*" not in held:
            env[name] = ",".join([*held, *(address for address in ADDRESSES if address not in held)])
