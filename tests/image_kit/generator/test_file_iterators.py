"""image_kit.generator.file_iterators beyond Keras: hidden folders, bad files, the cache, shuffled splits."""

import os
import time

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tensorflow.keras.preprocessing.image import DirectoryIterator as KerasIterator

from image_kit.generator import transform
from image_kit.generator.image_generator import ImageDataGenerator
from image_kit.photos import KerasLoading, PhotoError

SIZE = (8, 9)
ONE = 8 * 9 * 3  # bytes of one decoded photo
RECIPE = {"rotation_range": 20, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255}


@pytest.fixture
def folder(tmp_path, photo_tree):
    return photo_tree(tmp_path / "photos", {"cats": 6, "dogs": 5})


def flow(folder, recipe=RECIPE, **kwargs):
    options = {"target_size": SIZE, "batch_size": 4, "seed": 1, **kwargs}
    return ImageDataGenerator(validation_split=0.4, **recipe).flow_from_directory(folder, **options)


def epochs(iterator, count=2):
    """All images of some epochs."""
    return np.concatenate([next(iterator)[0] for _ in range(count * len(iterator))])


def damage(folder, *names):
    for name in names:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])


def test_hidden_files_and_folders_are_passed_over(folder, photo):
    for name in (".ipynb_checkpoints/0.jpg", "__MACOSX/cats/0.jpg", "cats/.ipynb_checkpoints/0.jpg", "cats/._0.jpg"):
        photo(folder / name, 99)
    iterator = flow(folder)
    assert iterator.class_indices == {"cats": 0, "dogs": 1}
    assert iterator.samples == 11
    assert isinstance(iterator, KerasIterator)
    assert flow(folder, classes=[".ipynb_checkpoints", "cats"]).samples == 7


def test_webp_is_read(folder, photo):
    photo(folder / "dogs" / "last.webp", 50)
    iterator = flow(folder, shuffle=False)
    assert iterator.filenames[-1] == os.path.join("dogs", "last.webp")
    assert len(epochs(iterator, 1)) == 12
    frame = pd.DataFrame({"filename": iterator.filenames, "class": [name[:4] for name in iterator.filenames]})
    assert ImageDataGenerator().flow_from_dataframe(frame, folder).n == 12


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    (tmp_path / "x").mkdir()
    Image.fromarray(pixels).save(tmp_path / "x" / "0.png", exif=exif)
    image = ImageDataGenerator().flow_from_directory(tmp_path, (16, 8), class_mode=None)[0][0]
    np.testing.assert_array_equal(image, np.rot90(pixels, -1))


@pytest.mark.parametrize("cache", ["auto", True, False, 0, ONE, 5 * ONE + 1, 10**9])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_the_same_whatever_the_cache(folder, cache, shuffle):
    expected = epochs(flow(folder, shuffle=shuffle), 3)
    iterator = flow(folder, shuffle=shuffle, cache=cache)
    np.testing.assert_array_equal(epochs(iterator, 3), expected)
    cached = 11 if cache in ("auto", True) else min(11, cache // ONE)
    assert iterator._photos._cache.nbytes == cached * ONE


def test_what_fits_is_decoded_once_and_the_rest_each_epoch(folder, monkeypatch):
    decoded, original = [], KerasLoading.photo
    monkeypatch.setattr(KerasLoading, "photo", lambda self, path: decoded.append(path) or original(self, path))
    iterator = flow(folder, cache=5 * ONE)
    epochs(iterator, 3)
    assert len(decoded) == 5 + 3 * 6
    iterator[0], iterator[2]  # jumps: what was read ahead is not lost, nothing is decoded for nobody
    assert len(iterator._photos._coming) == 0


@pytest.mark.parametrize("cache", ["all", -1, None])
def test_unknown_cache(folder, cache):
    with pytest.raises(ValueError, match="cache must be"):
        flow(folder, cache=cache)


def test_bad_files_are_named_once_and_others_stand_in(folder, capsys):
    damage(folder, "cats/2.jpg", "cats/3.jpg", "dogs/4.jpg")
    iterator = flow(folder, recipe={}, shuffle=False, class_mode="sparse", batch_size=11)
    for _ in range(3):
        images, labels = next(iterator)
    assert sorted(iterator.bad_files) == [str(folder / name) for name in ("cats/2.jpg", "cats/3.jpg", "dogs/4.jpg")]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert all(line.startswith("left out, cannot be read: ") for line in said)
    assert len(images) == 11
    for bad, stand_in in ((2, 4), (3, 4), (10, 0)):
        np.testing.assert_array_equal(images[bad], images[stand_in])
        assert labels[bad] == labels[stand_in]
    good = [0, 1, 4, 5, 6, 7, 8, 9]
    assert len({image.tobytes() for image in images[good]}) == 8


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("cache", ["auto", False])
def test_batches_with_bad_files_depend_on_nothing_else(folder, cache, threaded, monkeypatch):
    damage(folder, "cats/2.jpg", "cats/3.jpg", "dogs/4.jpg")
    expected = epochs(flow(folder))
    if threaded:
        monkeypatch.setattr(transform, "_THREADS_FROM_PIXELS", 0)
        monkeypatch.setattr(transform, "cpu_cores", lambda: 3)
    iterator = flow(folder, cache=cache)
    for i in (2, 0, 1):
        iterator[i]
    np.testing.assert_array_equal(epochs(iterator), expected)


def test_the_users_own_code_sees_each_image_of_a_batch_once(folder):
    damage(folder, "cats/2.jpg", "cats/3.jpg", "dogs/4.jpg")
    seen = []
    iterator = flow(folder, recipe={"preprocessing_function": lambda image: seen.append(image.copy()) or image})
    np.testing.assert_array_equal(epochs(iterator, 1), seen)


def test_a_file_known_to_be_bad_is_not_tried_again(folder, monkeypatch):
    damage(folder, "cats/2.jpg", "dogs/4.jpg")
    tried, original = [], KerasLoading.photo
    monkeypatch.setattr(KerasLoading, "photo", lambda self, path: tried.append(path) or original(self, path))
    iterator = flow(folder, cache=False)
    epochs(iterator, 2)
    tried.clear()
    epochs(iterator, 2)
    assert len(tried) == 22
    assert not set(tried) & set(iterator.bad_files)


def test_bad_files_raise_if_asked_to(folder):
    damage(folder, "cats/2.jpg")
    with pytest.raises(PhotoError, match=r"2\.jpg: "):
        epochs(flow(folder, on_bad_file="raise"))
    with pytest.raises(ValueError, match="on_bad_file must be"):
        flow(folder, on_bad_file="ignore")


def test_nothing_but_bad_files(folder):
    damage(folder, *(str(path.relative_to(folder)) for path in folder.rglob("*.jpg")))
    with pytest.raises(PhotoError, match="none of the 11 files"):
        next(flow(folder))


def test_a_shuffled_split_is_stratified_and_whole(folder):
    parts = {subset: flow(folder, subset=subset, shuffled_split=True) for subset in ("training", "validation")}
    assert sorted(parts["training"].filenames + parts["validation"].filenames) == flow(folder).filenames
    assert np.bincount(parts["validation"].classes).tolist() == [2, 2]
    for part in parts.values():
        assert [name.split(os.sep)[0] for name in part.filenames] == [["cats", "dogs"][i] for i in part.classes]
    with pytest.raises(ValueError, match="needs a seed"):
        flow(folder, subset="training", shuffled_split=True, seed=None)


@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "raw", "multi_output", None])
def test_a_shuffled_split_of_a_dataframe(folder, class_mode, capsys):
    names = flow(folder).filenames
    frame = pd.DataFrame({"filename": names, "class": [name[:4] for name in names], "row": range(11)})
    column = {"raw": "row", "multi_output": ["row"]}.get(class_mode, "class")
    parts = [
        ImageDataGenerator(validation_split=0.4).flow_from_dataframe(
            frame,
            folder,
            y_col=column,
            weight_col="row",
            class_mode=class_mode,
            target_size=SIZE,
            shuffle=False,
            seed=2,
            subset=subset,
            shuffled_split=True,
            batch_size=11,
        )
        for subset in ("training", "validation")
    ]
    assert sorted(parts[0].filenames + parts[1].filenames) == names
    assert [part.n for part in parts] == [7, 4]
    assert "4 of them are in the validation subset" in capsys.readouterr().out
    for part in parts:
        rows = [names.index(name) for name in part.filenames]
        np.testing.assert_array_equal(part.sample_weight, rows)
        batch = part[0]
        if class_mode == "raw":
            np.testing.assert_array_equal(batch[1], rows)
        elif class_mode == "multi_output":
            np.testing.assert_array_equal(batch[1][0], rows)


def test_targets_for_images_of_a_network_trained_on_themselves(folder):
    inputs, targets = flow(folder, class_mode="input")[0]
    assert inputs is not targets
    np.testing.assert_array_equal(inputs, targets)


def test_fit_predict_and_rows_that_belong_to_filenames(folder):
    damage(folder, "dogs/0.jpg")
    model = keras.Sequential([keras.layers.Input((*SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(flow(folder), validation_data=flow(folder, subset="validation"), epochs=2, verbose=0)
    iterator = flow(folder, recipe={}, shuffle=False, class_mode=None)
    predictions = model.predict(iterator, verbose=0)
    assert len(predictions) == len(iterator.filenames) == 11
    loading = KerasLoading(SIZE)
    for row, name in enumerate(iterator.filenames):
        if name != os.path.join("dogs", "0.jpg"):
            alone = model.predict(loading.photo(folder / name)[None].astype(np.float32), verbose=0)
            np.testing.assert_allclose(predictions[row], alone[0], rtol=1e-3, atol=1e-2)


@pytest.mark.slow
def test_a_large_folder_is_listed_in_seconds(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(5_000):
            (tmp_path / name / f"{number}.jpg").touch()
    start = time.process_time()  # whatever else the machine does
    assert flow(tmp_path).n == 10_000
    assert time.process_time() - start < 2  # about 0.1 s


def test_channels_first_photos_are_the_same_bits_from_the_file_and_from_the_cache(folder):
    recipe = {"samplewise_center": True, "samplewise_std_normalization": True, "data_format": "channels_first"}
    iterator = flow(folder, recipe=recipe, shuffle=False, target_size=(40, 50))
    first, second = epochs(iterator, 1), epochs(iterator, 1)
    assert first.shape == (11, 3, 40, 50)
    np.testing.assert_array_equal(first, second)
