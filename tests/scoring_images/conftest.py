"""Fixtures of the scoring images' tests."""

import pytest

from tests.scoring_images.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """An empty plant."""
    return Plant()
