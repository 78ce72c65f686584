"""keras.json and the variables of Keras are for other programs: they change nothing, or one line names the setting."""

import json
import sys

import keras
import pytest

from image_kit.compute import prepare_keras

CHOOSE = """
import sys
from image_kit.compute.keras_settings import choose_settings
from image_kit.errors import UserError
try:
    choose_settings()
    print("fits")
except UserError as error:
    print(error)
"""
PREPARE = """
from image_kit.compute import prepare_keras
prepare_keras()
import keras
print(keras.config.backend(), keras.config.max_epochs(), keras.config.max_steps_per_epoch())
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[]", "must be a JSON object, received []"),
        (
            '{"floatx": "bfloat16"}',
            "floatx must be float16, float32 or float64 for Keras to start",
        ),
        (
            '{"epsilon": "1e-7"}',
            "epsilon must be a number with a point or an exponent, such as 1e-07 for Keras to start, received '1e-7'",
        ),
        ('{"epsilon": 1}', "epsilon must be a number with a point or an exponent, such as 1e-07"),
        ('{"image_data_format": "th"}', "image_data_format must be channels_last or _first"),
        ('{"image_data_format": ["channels_last"]}', "image_data_format must be channels_last or _first"),
        ('{"image_dim_ordering": "th", "epsilon": 1e-07, "floatx": "float32", "backend": "theano"}', "fits"),
        ('{"floatx": ', "fits"),  # Keras goes on without it
    ],
)
def test_settings_that_keras_does_not_start_with_are_named(tmp_path, run_python, settings, said):
    (tmp_path / "keras.json").write_text(settings, encoding="utf-8")
    done = run_python("-c", CHOOSE, KERAS_HOME=str(tmp_path))
    expected = said if said == "fits" else f"{tmp_path / 'keras.json'}: {said}"
    assert done.stdout.startswith(expected), done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.slow
def test_variables_for_other_programs_change_nothing(tmp_path, run_python):
    (tmp_path / "keras.json").write_text(json.dumps({"nnx_enabled": True}), encoding="utf-8")
    variables = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "abc", "KERAS_NNX_ENABLED": "true"}
    done = run_python("-c", PREPARE, KERAS_HOME=str(tmp_path), KERAS_BACKEND="jax", **variables)
    assert done.stdout == "tensorflow None None\n", done.stderr


def test_limits_of_a_program_that_has_imported_keras_are_lifted():
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(1)
    prepare_keras()
    assert (keras.config.max_epochs(), keras.config.max_steps_per_epoch()) == (None, None)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="every user has a home there")
def test_a_user_without_a_home_gets_no_folder_called_tilde(tmp_path, run_script):
    """Keras asks for ~/.keras, which Python leaves as it is for a user without HOME and without a name."""
    code = """
import os, pwd
for name in ("HOME", "KERAS_HOME"):
    os.environ.pop(name, None)
pwd.getpwuid = lambda number: {}[number]
"""
    done = run_script(tmp_path, code + PREPARE)
    assert done.stdout == "tensorflow None None\n", done.stderr
    assert not (tmp_path / "~").exists()
