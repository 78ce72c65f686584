"""What a weights file says about itself, apart from its weights."""

import json
from dataclasses import asdict, fields

import pytest
from hypothesis import given, strategies as st

from image_kit.errors import UserError
from image_kit.photos.preprocessing import Preprocessing
from image_kit.weights.description import READERS, Description
from presets import PRESETS
from tests.fixtures.networks import fallback

DESCRIPTION = Description(
    "mnist_cnn", ("a", "ü"), Preprocessing((24, 32, 1), 0.5), None, 3, {"loss": 0.1}, {"keras": "3"}
)


def test_reading_it_imports_neither_keras_nor_tensorflow_nor_hdf5(run_python):
    heavy = "{'keras', 'tensorflow', 'h5py', 'cv2'}"
    code = f"import sys, image_kit.weights.description; print(sorted({heavy} & set(sys.modules)))"
    done = run_python("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_member_is_checked_when_read():
    assert list(READERS) == [member.name for member in fields(Description)]


@given(
    st.builds(
        Description,
        st.sampled_from(["cifar10", "one_conv"]),
        st.lists(st.text(), min_size=2, unique=True).map(tuple),
        st.builds(
            Preprocessing,
            st.tuples(st.integers(1, 2048), st.integers(1, 2048), st.sampled_from([1, 3])),
            st.floats(1e-9, 1e9),
            st.floats(0, 1),
        ),
        st.none() | st.text(),
        st.integers(0),
        st.dictionaries(st.text(), st.floats(allow_nan=False)),
        st.dictionaries(st.text(), st.text()),
        st.sampled_from([None, [{"class": "Flatten", "data_format": "channels_last"}]]),
    )
)
def test_json_holds_all_of_it(description):
    assert Description.from_json(description.to_json()) == description
    assert description.to_json().isascii()


def test_an_older_file_without_the_later_members_can_be_read():
    values = {"format": 1, "model": "cifar10", "class_names": ["a", "b"]}
    values["preprocessing"] = {"image_shape": [8, 8, 3], "rescale": 1}
    description = Description.from_json(json.dumps(values))
    assert description == Description("cifar10", ("a", "b"), Preprocessing((8, 8, 3), 1.0))


def test_members_of_a_newer_version_are_named():
    text = json.dumps({"format": 1, **asdict(DESCRIPTION), "zebra": 1, "apple": 2})
    with pytest.raises(ValueError, match=r"^it contains apple, zebra, which a newer version of this kit wrote$"):
        Description.from_json(text)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", '"text"', "{}", '{"format": 1}', "[" * 100_000, '{"format": 1, "epoch": 1e999}']
)
def test_json_that_is_not_a_description_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        Description.from_json(text)


@pytest.mark.parametrize("preset_name", [name for name in PRESETS if not PRESETS[name].backbone])
def test_every_presets_old_weights_can_be_described(preset_name):
    preset, description = PRESETS[preset_name], fallback(preset_name).describe_preset()
    assert (description.model, description.preset) == (preset.model, preset_name)
    assert description.preprocessing == Preprocessing((*preset.image_size, 1 if preset.grayscale else 3))
    assert len(description.class_names) == (2 if preset.dataset == "photos" else 10)


def test_class_names_given_for_old_weights_are_checked():
    with pytest.raises(UserError, match="--class-names: class names must be two or more and differ, received x, x"):
        fallback("elephants_cars", ["x", "x"]).describe_preset()
