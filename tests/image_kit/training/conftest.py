"""Photos to train on."""

import pytest

from tests.fixtures.runs import COUNTS


@pytest.fixture
def photos(tmp_path, coloured_photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return coloured_photos(tmp_path / "photos", COUNTS)
