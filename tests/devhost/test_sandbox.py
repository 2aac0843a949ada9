"""A world of one's own says why it cannot start."""

import socket
from pathlib import Path

import pytest

from devhost.sandbox import running, sandbox_settings
from shared.errors import Transient


@pytest.mark.slow
def test_a_port_that_was_taken_meanwhile_is_named(tmp_path: Path) -> None:
    settings = sandbox_settings(tmp_path)
    port = int(settings["HOST_PORT"])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(Transient, match=rf"Port {port} .* is taken"),
        running(settings, tmp_path),
    ):
        pass
