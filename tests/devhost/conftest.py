"""Async tests of the local host run on asyncio, as the host does."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
