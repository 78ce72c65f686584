"""The iterators of ImageDataGenerator against Keras's own, on the same files and arrays."""

import inspect
import itertools
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tensorflow.keras.preprocessing.image import ImageDataGenerator as KerasGenerator

from image_kit.generator.image_generator import ImageDataGenerator

COUNTS = {"b": 4, "a": 3, "C": 5, "empty": 0}
FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")
ARRAYS = np.random.default_rng(0).integers(0, 256, (11, 9, 7, 3), np.uint8)
ATTRIBUTES = ("n", "samples", "batch_size", "filenames", "filepaths", "subset", "class_mode", "color_mode", "split")
ATTRIBUTES += ("interpolation", "keep_aspect_ratio", "target_size", "image_shape", "data_format", "dtype", "shuffle")
ATTRIBUTES += ("batch_index", "total_batches_seen", "save_to_dir", "save_prefix", "save_format", "directory")


@pytest.fixture
def folder(tmp_path, photo_tree):
    """Classes of photos of several sizes and formats, some in sub-folders, next to files that are not photos."""
    root = photo_tree(tmp_path / "photos", COUNTS)
    rng = np.random.default_rng(9)
    for number, (name, mode) in enumerate(
        [("a/alpha.png", "RGBA"), ("b/gray.PNG", "L"), ("C/deep/er/x.bmp", "RGB"), ("C/deep-er/y.jpeg", "RGB")]
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (20 + number, 31, len(mode)) if len(mode) > 1 else (20, 31)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8), mode).save(path)
    Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).convert("P").save(root / "C" / "palette.png")
    (root / "a" / "notes.txt").write_text("no photo")
    (root / "stray.jpg").write_bytes(b"in no class")
    return root


@pytest.fixture
def frame(folder):
    """Rows for most photos, and columns for every class_mode."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.suffix != ".txt")
    names = [name for name in names if "/" in name] + ["a/missing.jpg"]
    count = range(len(names))
    return pd.DataFrame(
        {
            "filename": names,
            "class": [name.split("/")[0] for name in names],
            "two": ["xy"[i % 2] for i in count],
            "several": [["x", "y"] if i % 3 else ["z"] for i in count],
            "number": [i * 0.5 for i in count],
            "other": [i * 2 for i in count],
            "weight": [1 + i / 10 for i in count],
        }
    )


def pair(method, *args, ours=(), generator=(), **kwargs):
    """The iterators of Keras and of ours."""
    generator = dict(generator)
    return [
        getattr(KerasGenerator(**generator), method)(*args, **kwargs),
        getattr(ImageDataGenerator(**generator), method)(*args, **kwargs, **dict(ours)),
    ]


def same(expected, got, tolerance=0.0):
    """Whether two batches are equal, in structure and dtype too."""
    if isinstance(expected, tuple | list):
        assert type(expected) is type(got)
        assert len(expected) == len(got)
        for pair_ in zip(expected, got, strict=True):
            same(*pair_, tolerance)
        return
    assert (expected.dtype, expected.shape) == (got.dtype, got.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def all_same(iterators, tolerance=0.0):
    keras, ours = iterators
    assert len(keras) == len(ours) > 0
    for name in ATTRIBUTES:
        if hasattr(keras, name):
            assert getattr(keras, name) == getattr(ours, name), name
    for i in range(len(keras)):
        same(keras[i], ours[i], tolerance)
    for _ in range(len(keras) + 1):
        same(next(keras), next(ours), tolerance)
        assert keras.batch_index == ours.batch_index
        assert keras.total_batches_seen == ours.total_batches_seen


@pytest.mark.parametrize("name", FLOWS)
def test_signatures_begin_with_keras(name):
    keras = inspect.signature(getattr(KerasGenerator, name)).parameters
    ours = inspect.signature(getattr(ImageDataGenerator, name)).parameters
    positional = [p for p in ours.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert positional == list(keras.values())
    assert all(p.default is not p.empty for p in ours.values() if p.kind is p.KEYWORD_ONLY)


def test_files_classes_and_order(folder):
    for options in ({}, {"classes": ["C", "a"]}, {"follow_links": True}):
        keras, ours = pair("flow_from_directory", folder, shuffle=False, **options)
        assert keras.class_indices == ours.class_indices
        assert keras.num_classes == ours.num_classes
        assert keras.filenames == ours.filenames
        assert keras.filepaths == ours.filepaths
        np.testing.assert_array_equal(keras.classes, ours.classes)
        np.testing.assert_array_equal(keras.labels, ours.labels)
        assert keras.classes.dtype == ours.classes.dtype
        assert ours.sample_weight is None


def test_a_folder_without_classes(tmp_path):
    for iterator in pair("flow_from_directory", tmp_path):
        assert (iterator.n, len(iterator), iterator.class_indices, list(iterator.classes)) == (0, 0, {}, [])
    for kind in (KerasGenerator, ImageDataGenerator):
        with pytest.raises(FileNotFoundError):
            kind().flow_from_directory(tmp_path / "nowhere")


def test_the_message_is_keras(folder, capsys):
    KerasGenerator().flow_from_directory(folder)
    expected = capsys.readouterr().out
    ImageDataGenerator().flow_from_directory(str(folder))
    assert capsys.readouterr().out == expected != ""


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_validation_split_is_keras(folder, frame, subset, fraction):
    options = {"subset": subset, "shuffle": False, "generator": {"validation_split": fraction}, "target_size": (5, 6)}
    directory = pair("flow_from_directory", folder, **options)
    assert directory[0].filenames == directory[1].filenames
    all_same(directory)
    with pytest.warns(UserWarning, match="invalid image filename"):
        rows = pair("flow_from_dataframe", frame, folder, **options)
    assert rows[0].filenames == rows[1].filenames
    del options["target_size"]
    all_same(pair("flow", ARRAYS, **options))
    all_same(pair("flow", ARRAYS, np.arange(11) * 0, **options))


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
def test_class_modes_of_a_directory(folder, class_mode):
    all_same(pair("flow_from_directory", folder, (8, 9), class_mode=class_mode, shuffle=False, batch_size=4))


@pytest.mark.filterwarnings("ignore:Found 1 invalid")
@pytest.mark.parametrize(
    ("class_mode", "column"),
    [("categorical", "class"), ("categorical", "several"), ("binary", "two"), ("sparse", "class"), ("input", "class")]
    + [("raw", "number"), ("raw", ["number", "other"]), ("multi_output", ["number", "other"]), (None, "class")],
)
@pytest.mark.parametrize("weight", [None, "weight"])
def test_class_modes_of_a_dataframe(folder, frame, class_mode, column, weight):
    iterators = pair(
        "flow_from_dataframe",
        frame,
        folder,
        y_col=column,
        weight_col=weight,
        class_mode=class_mode,
        target_size=(8, 9),
        shuffle=False,
        batch_size=5,
    )
    all_same(iterators)
    if class_mode in ("categorical", "binary", "sparse"):
        assert iterators[0].class_indices == iterators[1].class_indices
        assert iterators[0].classes == iterators[1].classes


@pytest.mark.filterwarnings("ignore:Found 1 invalid")
def test_classes_of_a_dataframe_may_be_chosen(folder, frame):
    all_same(pair("flow_from_dataframe", frame, folder, classes=["C", "b"], target_size=(8, 9), shuffle=False))
    all_same(
        pair(
            "flow_from_dataframe", frame, folder, y_col="several", classes=["z", "x"], target_size=(8, 9), shuffle=False
        )
    )


@pytest.mark.filterwarnings("ignore:Found 1 invalid")
def test_former_keywords_and_class_mode_other(folder, frame):
    with pytest.warns(DeprecationWarning, match="raw"):
        all_same(pair("flow_from_dataframe", frame, folder, y_col="number", class_mode="other", shuffle=False))
    with pytest.warns(DeprecationWarning, match="has_ext"):
        pair("flow_from_dataframe", frame, folder, has_ext=True)
    with pytest.warns(UserWarning, match="unknown argument 'colour'"):
        ImageDataGenerator().flow_from_dataframe(frame, folder, colour="red")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_pixels_are_keras(folder, color_mode, interpolation, keep):
    for size in ((13, 8), (12, 16), (40, 33)):
        all_same(
            pair(
                "flow_from_directory",
                folder,
                size,
                color_mode,
                interpolation=interpolation,
                keep_aspect_ratio=keep,
                shuffle=False,
                generator={"rescale": 1 / 255},
            )
        )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_formats_and_dtypes(folder, data_format, dtype):
    options = {"data_format": data_format, "dtype": dtype, "rescale": 1 / 255, "samplewise_center": True}
    all_same(pair("flow_from_directory", folder, (8, 9), shuffle=False, generator=options), 1e-6)
    images = ARRAYS if data_format == "channels_last" else ARRAYS.transpose(0, 3, 1, 2)
    all_same(pair("flow", images, np.arange(11), shuffle=False, batch_size=4, generator=options), 1e-6)


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64, bool])
def test_arrays_of_any_dtype(dtype):
    images, labels = ARRAYS.astype(dtype), np.arange(22).reshape(11, 2)
    generator = {"rescale": 1 / 3, "samplewise_std_normalization": True}
    all_same(pair("flow", images, shuffle=False, generator=generator))
    all_same(pair("flow", images, labels, 4, False, labels[:, 0] / 7, generator=generator))
    all_same(pair("flow", (images, labels), labels, 4, False, generator=generator))
    all_same(pair("flow", [images, [labels, labels[:, 0]]], labels, 4, False, generator=generator))


@pytest.mark.parametrize(
    "generator",
    [
        {"featurewise_center": True},
        {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 1 / 255},
        {"zca_whitening": True, "featurewise_center": True, "rescale": 1 / 255},
        {"samplewise_center": True, "samplewise_std_normalization": True},
        {"preprocessing_function": lambda image: image * 2 - 1, "rescale": 0.5},
    ],
)
def test_normalisation_after_fit_is_keras(generator):
    iterators = []
    for kind in (KerasGenerator, ImageDataGenerator):
        made = kind(**generator)
        made.fit(ARRAYS)
        iterators.append(made.flow(ARRAYS, np.arange(11), batch_size=4, shuffle=False))
    all_same(iterators)


def test_saved_images_are_keras(folder, tmp_path):
    saved = []
    for kind, where in ((KerasGenerator, "keras"), (ImageDataGenerator, "ours")):
        (tmp_path / where).mkdir()
        options = {"save_to_dir": tmp_path / where, "save_prefix": "p", "save_format": "png", "shuffle": False}
        next(kind().flow_from_directory(folder, (8, 9), **options))
        next(kind().flow(ARRAYS, **options))
        names = sorted(path.name for path in (tmp_path / where).iterdir())
        assert all(re.fullmatch(r"p_\d+_\d{1,7}\.png", name) for name in names)
        by_index = itertools.groupby(
            sorted((path.name.split("_")[1], path) for path in (tmp_path / where).iterdir()), key=lambda item: item[0]
        )
        saved.append(
            {index: sorted(np.asarray(Image.open(path)).tobytes() for _, path in paths) for index, paths in by_index}
        )
    assert saved[0] == saved[1]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("flow_from_directory", {"class_mode": "raw"}),
        ("flow_from_directory", {"color_mode": "hsv"}),
        ("flow_from_directory", {"subset": "test"}),
        ("flow", {"y": [1]}),
        ("flow", {"sample_weight": [1]}),
        ("flow", {"subset": "test"}),
        ("flow", {"y": [0] * 5 + [1] * 6, "subset": "training"}),
    ],
)
def test_what_keras_refuses_is_refused(folder, method, arguments):
    for kind in (KerasGenerator, ImageDataGenerator):
        with pytest.raises(ValueError, match=r".+"):
            getattr(kind(validation_split=0.4), method)(folder if method != "flow" else ARRAYS, **arguments)


def test_an_unknown_batch_is_refused_as_by_keras():
    for iterator in pair("flow", ARRAYS, batch_size=4):
        with pytest.raises(ValueError, match="Asked to retrieve element 3"):
            iterator[3]
