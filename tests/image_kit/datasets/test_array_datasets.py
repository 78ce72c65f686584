"""Where the array data sets are looked for, in which order, and what damaged ones say."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.datasets import array_datasets
from image_kit.datasets.array_datasets import load_array_dataset, load_test_image
from image_kit.errors import UserError

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
LOAD = """
import sys
from pathlib import Path
from image_kit.errors import UserError
from image_kit.datasets.array_datasets import load_array_dataset
try:
    data = load_array_dataset(sys.argv[1], debian=Path(sys.argv[2]))
    print(data.origin, data.x_train.shape, data.x_train.mean(), data.y_test.tolist())
except UserError as error:
    print("refused:", error)
"""
# Whatever machine this runs on, a download ends at once: nothing listens on loopback's port 9.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
OFFLINE |= {"no_proxy": None, "NO_PROXY": None, "DATASETS_DIR": None}


def arrays(fill: int = 0, shape: tuple[int, ...] = (28, 28), labels: tuple[int, ...] = (9, 0, 3)) -> dict:
    """A tiny data set with all images of one value, to tell it from others."""
    images, labels = np.full((3, *shape), fill, np.uint8), np.array(labels, np.uint8)
    return {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}


def write_npz(folder: Path, name: str = "fashion_mnist", content: dict | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{name}.npz", **(arrays() if content is None else content))
    return folder


def write_idx(folder: Path, content: dict) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in content.items():
        header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        (folder / IDX_NAMES[name]).write_bytes(gzip.compress(header + array.tobytes(), mtime=0))
    return folder


def refused(folder: Path, name: str = "fashion_mnist") -> str:
    with pytest.raises(UserError) as caught:
        load_array_dataset(name, folder)
    assert str(folder / f"{name}.npz") in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def no_folder_from_outside(monkeypatch):
    monkeypatch.delenv("DATASETS_DIR", raising=False)


@pytest.fixture
def from_keras(monkeypatch):
    """Keras's loader answers with images of 4, and neither cache nor network is touched."""
    monkeypatch.setattr(array_datasets, "_load_with_keras", lambda *_: arrays(4))


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "mnist"])
def test_an_npz_as_keras_loaders_return_it(tmp_path, name):
    shape = array_datasets.IMAGE_SHAPES[name]
    content = arrays(7, shape[:2] if shape[2] == 1 else shape)
    content["y_train"] = content["y_train"][:, None]  # CIFAR-10's labels are a column
    data = load_array_dataset(name, write_npz(tmp_path, name, content))
    assert data.x_train.shape == (3, *shape)
    assert data.x_test.shape == (2, *shape)
    assert (data.x_train == 7).all()
    assert data.x_train.dtype == np.uint8
    assert data.y_train.dtype == data.y_test.dtype == np.int32
    assert data.y_train.tolist() == [9, 0, 3]
    assert data.y_test.tolist() == [9, 0]
    assert len(data.class_names) == 10
    assert data.origin == str(tmp_path / f"{name}.npz")


def test_the_places_in_their_order(tmp_path, monkeypatch, from_keras):
    given_folder, from_environment = write_npz(tmp_path / "1", content=arrays(1)), tmp_path / "2"
    write_npz(from_environment, content=arrays(2))
    debian = write_idx(tmp_path / "3", arrays(3))

    def found(folder=None, debian=debian):
        return int(load_array_dataset("fashion_mnist", folder, debian).x_train.max())

    monkeypatch.setenv("DATASETS_DIR", str(from_environment))
    assert found(given_folder) == 1
    assert found(str(given_folder)) == 1
    assert found() == 2
    assert found(tmp_path) == 3  # a folder without the file: the next place
    monkeypatch.delenv("DATASETS_DIR")
    assert found() == 3
    assert found(debian=tmp_path / "not installed") == 4


def test_debians_folder_is_for_fashion_mnist_only(tmp_path, from_keras):
    assert load_array_dataset("mnist", None, write_idx(tmp_path, arrays(3))).x_train.max() == 4


def test_debians_files(tmp_path):
    content = arrays()
    content["x_train"] = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    data = load_array_dataset("fashion_mnist", None, write_idx(tmp_path, content))
    assert (data.x_train[..., 0] == content["x_train"]).all()
    assert data.y_train.tolist() == [9, 0, 3]
    assert data.origin == str(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        None,
        b"",
        b"no gzip",
        gzip.compress(b"", mtime=0),
        gzip.compress(bytes(300), mtime=0)[:-9],
        gzip.compress(b"x", mtime=0)[:10] + b"\xff" * 40,
    ],
)
@pytest.mark.parametrize("name", IDX_NAMES.values())
def test_a_damaged_file_of_debian(tmp_path, name, damage):
    write_idx(tmp_path, arrays())
    (tmp_path / name).unlink()
    if damage is not None:
        (tmp_path / name).write_bytes(damage)
    with pytest.raises(UserError, match="install dataset-fashion-mnist again") as caught:
        load_array_dataset("fashion_mnist", None, tmp_path)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_is_not_an_npz(tmp_path):
    file = tmp_path / "fashion_mnist.npz"
    for content in (b"", b"text", b"PK\x03\x04" + bytes(50)):
        file.write_bytes(content)
        assert "not a readable .npz" in refused(tmp_path)
    with open(file, "wb") as one_array:
        np.save(one_array, np.zeros(3))
    assert "not a readable .npz" in refused(tmp_path)
    file.unlink()
    file.mkdir()
    assert "not a readable .npz" in refused(tmp_path)


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), kept=st.sampled_from([1, 1, 1, 0.9, 0.5]))
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_or_harmless(tmp_path_factory, save, place, value, kept):
    file = tmp_path_factory.getbasetemp() / "damaged" / "fashion_mnist.npz"
    file.parent.mkdir(exist_ok=True)
    save(file, **arrays() | {"x_train": np.random.default_rng(0).integers(0, 20, (3, 28, 28), np.uint8)})
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] = value
    file.write_bytes(data[: max(1, int(kept * len(data)))])
    try:
        assert load_array_dataset("fashion_mnist", file.parent).x_train.dtype == np.uint8
    except UserError as error:
        refusal = str(error)
    else:
        refusal = str(file)
    assert str(file) in refusal


def test_a_missing_array_is_named(tmp_path):
    content = arrays()
    del content["y_test"]
    message = refused(write_npz(tmp_path, content=content))
    assert "no array" in message
    assert "y_test" in message.partition("must contain")[0]


def test_pickles_are_refused_since_they_can_run_code(tmp_path):
    class Runs:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    write_npz(tmp_path, content=arrays() | {"x_train": np.array([Runs()], object)})
    assert "x_train.npy is a pickle of Python objects, not one array of numbers" in refused(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("fashion_mnist", np.zeros((3, 28, 28), np.float32)),
        ("fashion_mnist", np.zeros((3, 28, 27), np.uint8)),
        ("fashion_mnist", np.zeros((0, 28, 28), np.uint8)),
        ("fashion_mnist", np.uint8(1)),
        ("fashion_mnist", np.zeros((3, 28, 28, 3), np.uint8)),
        ("cifar10", np.zeros((3, 3, 32, 32), np.uint8)),  # channels first: reshaped, they would be noise
        ("cifar10", np.zeros((3, 32, 32), np.uint8)),
    ],
)
def test_images_of_another_kind(tmp_path, name, images):
    shape = array_datasets.IMAGE_SHAPES[name]
    message = refused(write_npz(tmp_path, name, arrays(0, shape) | {"x_train": images}), name)
    assert "x_train must be uint8 (n, " in message
    assert str(images.shape) in message


@pytest.mark.parametrize("labels", [[0, 1], [], [0, 1, 10], [-1, 0, 1], [0.5, 1, 2], ["a", "b", "c"], [True] * 3])
def test_labels_of_another_kind(tmp_path, labels):
    message = refused(write_npz(tmp_path, content=arrays() | {"y_train": np.array(labels)}))
    assert "y_train must be 3 integers from 0 to 9" in message


@pytest.mark.slow
def test_kerass_cache_is_used_without_a_network(tmp_path, run_python):
    cache = write_idx(tmp_path / "keras" / "datasets" / "fashion-mnist", arrays(6))
    assert cache.is_dir()
    done = run_python("-c", LOAD, "fashion_mnist", tmp_path / "none", KERAS_HOME=str(tmp_path / "keras"), **OFFLINE)
    assert done.stdout == "keras.datasets.fashion_mnist (3, 28, 28, 1) 6.0 [9, 0]\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10"])
def test_nowhere_is_one_sentence_that_names_every_place(tmp_path, run_python, name):
    done = run_python("-c", LOAD, name, tmp_path / "none", KERAS_HOME=str(tmp_path), **OFFLINE)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"refused: {name}: not found on this machine")
    for place in (f"{name}.npz", "--data-dir", "DATASETS_DIR", "Keras's cache and download: URL fetch failure"):
        assert place in line
    assert (f"Debian's dataset-fashion-mnist ({tmp_path / 'none'})" in line) == (name == "fashion_mnist")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("dataset", "warns"), [("fashion_mnist", True), ("mnist", True), ("cifar10", False), (None, False)]
)
def test_a_bright_border_looks_inverted_where_paper_is_black(dataset, warns):
    image = np.full((28, 28, 1), 255, np.uint8)
    image[5:25, 10:20] = 30
    assert array_datasets.looks_inverted(image, dataset) is warns
    assert array_datasets.looks_inverted(255 - image, dataset) is False
    sleeves = 255 - image
    sleeves[:, 0] = sleeves[:9, -1] = 255  # some of the thing reaches the border
    assert array_datasets.looks_inverted(sleeves, dataset) is False


def test_an_image_of_a_test_set_says_its_label(tiny_arrays):
    source = load_test_image("fashion_mnist", 12, tiny_arrays, (28, 28, 1))
    assert source.name == "fashion_mnist test 12 (Pullover)"
    with np.load(tiny_arrays / "fashion_mnist.npz") as arrays:
        np.testing.assert_array_equal(source.content, arrays["x_test"][12][..., None])


@pytest.mark.parametrize("number", [-1, 60])
def test_a_number_beyond_the_test_set_is_refused(tiny_arrays, number):
    with pytest.raises(UserError, match=f"--test-image: must be from 0 to 59, received {number}"):
        load_test_image("mnist", number, tiny_arrays, (28, 28, 1))


@pytest.mark.parametrize("dataset", ["photos", None])
def test_a_network_for_photos_has_no_test_set(dataset):
    with pytest.raises(UserError, match="--test-image: is for networks trained on fashion_mnist, cifar10, mnist"):
        load_test_image(dataset, 0, None, (28, 28, 1))


def test_a_network_for_larger_images_has_no_test_set():
    message = r"--test-image: mnist has images of \(28, 28, 1\), the network takes \(32, 32, 1\); give photos"
    with pytest.raises(UserError, match=message):
        load_test_image("mnist", 0, None, (32, 32, 1))
