"""Networks by name: found without importing their module, and refused in one line."""

import importlib

import pytest

from image_kit.errors import UserError
from image_kit.named_networks import NamedNetworks

SOURCE = """
import keras

def small(image_shape, n_classes):
    return keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(n_classes)])

def broken(image_shape, n_classes):
    raise ValueError("my own mistake")

def _helper():
    pass

class NoFunction:
    pass
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    (tmp_path / "some_networks.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return NamedNetworks("some_networks")


def test_public_functions_are_the_names(networks):
    assert networks.names() == ("small", "broken")
    assert NamedNetworks("there_is_no_such_module").names() == ()


def test_names_are_read_without_importing_anything(run_python, networks, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from image_kit.named_networks import NamedNetworks
print(*NamedNetworks("some_networks").names(), {{"keras", "tensorflow", "some_networks"}} & set(sys.modules))
"""
    done = run_python("-c", code)
    assert done.stdout == "small broken set()\n", done.stderr


def test_a_network_is_built(networks):
    assert networks.build("small", (4, 5, 3), 7).output_shape == (None, 7)


def test_an_unknown_name_is_refused(networks):
    with pytest.raises(UserError) as caught:
        networks.build("_helper", (4, 5, 3), 7)
    assert str(caught.value) == (
        "some_networks.py: has no network '_helper'; add such a function, or choose from small, broken"
    )


def test_the_users_own_errors_are_passed_on(networks):
    with pytest.raises(ValueError, match="my own mistake"):
        networks.build("broken", (4, 5, 3), 7)
