"""The kinds of files for the fuzzing: for each how a small one is made, how it is damaged, and what a command reads."""

import gzip
import io
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests import fuzz_mutations as damage, fuzz_server

MEGABYTE = 10**6
ORIGINALS = Path("originals")  # of the photos, beside the damaged one


@dataclass(frozen=True)
class Kind:
    """A kind of file that a command reads.

    Attributes:
        make: makes an undamaged one, with what belongs beside it, in an empty folder; returns its path.
        load: reads it as the commands do.
        damage: (undamaged bytes, number of the case) -> damaged bytes.
        most_bytes: that one case may take.
        needs_keras: whether loading imports Keras, and with it TensorFlow.
    """

    make: Callable[[Path], Path]
    load: Callable[[Path], object]
    damage: Callable[[bytes, int], bytes] = damage.mutated
    most_bytes: int = 200 * MEGABYTE
    needs_keras: bool = False


def _write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def _make_head(folder: Path) -> Path:
    """The weights file of a network of two layers, with a calibration."""
    import h5py

    from image_kit.photos import Preprocessing
    from image_kit.weights import Description, save_network

    dense = {"class": "Dense", "units": 2, "activation": "softmax", "use_bias": True}
    network = [{"class": "Flatten", "data_format": "channels_last"}, dense]
    kernel = np.random.default_rng(0).normal(size=(48, 2)).astype(np.float32)
    description = Description("mine", ("a", "b"), Preprocessing((4, 4, 3)), network=network, metrics={"loss": 0.1})
    path, marks = folder / "best.weights.h5", np.arange(9, dtype=np.uint64)
    save_network(path, description, [[], [kernel, np.zeros(2, np.float32)]], marks, _trust())
    with h5py.File(path, "r+") as file:  # it would detect nearly all damage before anything is read
        del file.attrs["crc32"]
    return path


def _trust():
    from image_kit.trust import Trust
    from image_kit.trust.calibration import Calibration
    from image_kit.trust.golden import GoldenTest
    from image_kit.trust.neighbours import FeatureNovelty

    rng = np.random.default_rng(0)
    novelty = FeatureNovelty(np.eye(48, 8, dtype=np.float32), rng.normal(size=(40, 8)).astype(np.float32))
    scores = np.sort(rng.random(40).astype(np.float32))
    images = np.zeros((3, 8, 8, 3), np.float32)
    golden = GoldenTest(images, np.full((3, 2), 0.5, np.float32), np.zeros((3, 48), np.float32))
    return Trust(Calibration(1.5, scores, scores, novelty), golden)


def _load_head(path: Path) -> None:
    from image_kit.exports import read_source
    from image_kit.weights import read_trained_on, verify_checksum

    read_source(path)
    read_trained_on(path)
    verify_checksum(path)


def _make_trust(folder: Path) -> Path:
    return _write(folder / "trust.bin", _trust().to_bytes())


def _load_trust(path: Path) -> None:
    from image_kit.trust import Trust

    try:
        Trust.from_bytes(path.read_bytes(), (4, 4, 3), 2)
    except ValueError as error:  # its callers make one line of it, as the kinds "head" and "lite words" show
        raise _one_line(error) from None


def _one_line(error: Exception) -> Exception:
    from image_kit.errors import UserError, first_line

    return UserError(first_line(error))


def _damage_trust(data: bytes, case: int) -> bytes:
    header, _, numbers = data.partition(b"\n")
    if case % 2:
        return damage.mutated(data, case)
    return damage.mutated_json(header, case).replace(b"\n", b" ") + b"\n" + numbers


def _make_lite(folder: Path) -> Path:
    from image_kit.answering import write_lite_network
    from image_kit.exports import read_source

    source = read_source(_make_head(folder))
    described = source.description, source.head, None
    path = folder / "model.tflite"
    write_lite_network(path, source.network, source.weights, described, source.path)
    return path


def _load_lite(path: Path) -> None:
    from image_kit.answering.lite_classifier import LiteClassifier
    from image_kit.answering.lite_model import read

    # This process is the trial; a separate one for each case would take a quarter of a second.
    LiteClassifier(read(path), is_trial=True)


def _read_lite(path: Path) -> None:
    from image_kit.answering.lite_model import read

    read(path)


def _make_pth(folder: Path) -> Path:
    from tests.fixtures.torch_files import torch_file

    rng = np.random.default_rng(0)
    tensors = {"conv.weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "steps": np.arange(5)}
    return _write(folder / "net.pth", torch_file({**tensors, "bias": np.zeros(800, np.float32)}))


def _load_pth(path: Path) -> None:
    from image_kit.features.torch_file import read_torch_file

    for array in read_torch_file(path).values():
        array.tobytes()  # a view beyond the file would crash here


def _make_npz(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    images = {f"x_{part}": rng.integers(0, 256, (6, 28, 28)).astype(np.uint8) for part in ("train", "test")}
    labels = {f"y_{part}": np.arange(6, dtype=np.uint8) for part in ("train", "test")}
    np.savez(folder / "mnist.npz", **images, **labels)
    return folder / "mnist.npz"


def _load_npz(path: Path) -> None:
    from image_kit.datasets import load_array_dataset

    load_array_dataset("mnist", path.parent)


def _make_idx(folder: Path) -> Path:
    images = struct.pack(">HBBIII", 0, 8, 3, 6, 28, 28) + bytes(6 * 784)
    labels = struct.pack(">HBBI", 0, 8, 1, 6) + bytes(range(6))
    for part in ("train", "t10k"):
        _write(folder / f"{part}-images-idx3-ubyte.gz", gzip.compress(images, mtime=0))
        _write(folder / f"{part}-labels-idx1-ubyte.gz", gzip.compress(labels, mtime=0))
    return folder / "train-images-idx3-ubyte.gz"


def _load_idx(path: Path) -> None:
    from image_kit.datasets import load_array_dataset

    load_array_dataset("fashion_mnist", path.parent / "none", path.parent)


def _make_shard(folder: Path) -> Path:
    from tests.fixtures.features import keep, open_store

    keep(open_store(folder), range(6))
    return next(folder.glob("*/*.features"))


def _load_shard(path: Path) -> None:
    from tests.fixtures.features import kept, open_store

    store = open_store(path.parent.parent)
    kept(store, range(8))  # what it knows must be right
    store.tidy()


FILES = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/é.jpg")


def _make_groups(folder: Path) -> Path:
    rows = "".join(f'{file},"group, {file[0]}"\n' for file in FILES)
    return _write(folder / "groups.csv", "file,group\n" + rows)


def _load_groups(path: Path) -> None:
    from image_kit.features import read_groups

    read_groups(path, "photos", [Path("photos", file) for file in FILES])


def _make_findings(folder: Path) -> Path:
    header = "file,finding,severity,evidence,related file,suggestion,action,accept\n"
    for file in FILES:
        _write(folder / "photos" / file, file)
    _write(folder / "check.json", json.dumps({"folder": str(folder / "photos")}))
    rows = 'a/1.jpg,copy,low,"e, f",a/2.jpg,look,drop,yes\nb/1.jpg,wrong_label,high,x,,see,move a,x\n'
    return _write(folder / "findings.csv", header + rows)


def _load_findings(path: Path) -> None:
    from image_kit.checks import apply_findings, find_checked_folder, read_accepted

    output = path.parent / "cleaned"
    before = sorted(path.parent.rglob("*"))
    try:
        accepted = read_accepted(path)
        folder = find_checked_folder(path)
        apply_findings(accepted, folder if folder.is_relative_to(path.parent) else path.parent / "photos", output)
    finally:
        after = sorted(each for each in path.parent.rglob("*") if not each.is_relative_to(output))
        assert after == before, "something was written outside --output"
        for each in sorted(output.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        if output.exists():
            output.rmdir()


def _make_check(folder: Path) -> Path:
    _make_findings(folder)
    return folder / "check.json"


def _load_check(path: Path) -> None:
    _load_findings(path.with_name("findings.csv"))


EPOCHS = "epoch,seconds,accuracy,loss,val_accuracy,val_loss\n1,2.5,0.5,1.5,0.6,1.2\n2,2.5,0.7,0.9,0.8,0.7\n"
SCORE = {"accuracy": 0.8, "correct": 8, "total": 10, "interval": [0.4, 0.9], "loss": 0.5}


def _make_run(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from image_kit.training import Settings
        from presets import PRESETS

        run = folder / "runs" / "first"
        settings = Settings("photos", PRESETS["elephants_cars"], folder=str(folder))
        metrics = {"epochs": 2, "minutes_of_training": 0.1, "test": SCORE, "validation": SCORE}
        metrics |= {"images": {"train": 40, "validation": 10}, "cross_validation": SCORE}
        scores = {"test": {"values": [0.5, 0.6], "images": 10, "mean": 0.55, "standard_deviation": 0.07}}
        _write(run / "settings.json", json.dumps(settings.to_dict()))
        _write(run / "metrics.json", json.dumps(metrics))
        _write(run / "history.csv", EPOCHS)
        if name == "summary.json":
            _write(run / name, json.dumps({"seeds": [0, 1], "chosen": 0, "minutes": 0.5, "scores": scores}))
        _make_head(run)
        return run / name

    return make


def _load_run(path: Path) -> None:
    """What train.py --resume, evaluate.py --list, predict.py and export.py read in a run folder."""
    from image_kit.exports import find_run_photos, read_source
    from image_kit.exports.page_facts import describe_facts, read_page_facts
    from image_kit.training import RunFolder, SeedRuns, describe_runs
    from image_kit.training.run_report import describe_end
    from image_kit.weights import find_weights

    os.chdir(path.parents[2])
    find_weights(None, "photos")
    describe_runs(Path("runs"), as_json=True)
    describe_runs(Path("runs"), as_json=False)
    source = read_source(path.with_name("best.weights.h5"))
    describe_facts(read_page_facts(source))
    if path.name == "settings.json" and path.stat().st_size % 8 == 0:  # which draws pictures
        find_run_photos(source.path, ("a", "b"), source.description.preprocessing)
    SeedRuns.open(path.parent) if SeedRuns.is_at(path.parent) else None
    folder = RunFolder.open(path.parent)
    settings = folder.read_settings()
    folder.history_columns()
    describe_end(folder.history, settings.recipe)
    folder.refuse_to_resume(settings.recipe, settings.recipe)


def _make_export(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from image_kit.answering import sha256

        digest = sha256(_make_head(folder))
        _write(folder / "classes.json", json.dumps({"weights_sha256": digest, "class_names": ["a", "b"]}))
        exports = {"b.tflite": {"format": "tflite", "bytes": 5}}
        _write(folder / "export.json", json.dumps({"weights_sha256": digest, "exports": exports}))
        return folder / name

    return make


def _load_export(path: Path) -> None:
    from image_kit.exports import FORMATS, read_source, refuse_existing
    from image_kit.exports.exporting import earlier_exports

    source = read_source(path.with_name("best.weights.h5"))
    earlier_exports(path.parent, source)
    refuse_existing(path.with_name("a.tflite"), FORMATS["tflite"], source, False)


def _make_photos(folder: Path) -> Path:
    """Photos of every format in one file, one after the other; a case damages one of them."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 48, 3)).astype(np.uint8)).resize((48, 40))
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "maker", 0x0132: "2024:01:02 03:04:05"})
    deep = Image.fromarray(rng.integers(0, 65536, (20, 24)).astype(np.uint16))
    real = Image.fromarray(rng.random((20, 24)).astype(np.float32))
    shades = image.quantize(16)
    saved = []
    for each, kind, options in (
        *((image, "JPEG", {"exif": exif}), (image.convert("CMYK"), "JPEG", {}), (image, "JPEG", {"progressive": True})),
        *((image, "PNG", {"exif": exif}), (shades, "PNG", {"transparency": 3}), (deep, "PNG", {})),
        *((image, "TIFF", {"compression": kind}) for kind in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")),
        *((deep, "TIFF", {}), (real, "TIFF", {"compression": "tiff_lzw"}), (image.convert("1"), "TIFF", {})),
        *((shades, "GIF", {"save_all": True, "append_images": [shades.rotate(90)]}), (image, "WEBP", {"exif": exif})),
        *((image, "WEBP", {"lossless": True}), (image, "BMP", {}), (image, "TGA", {"compression": "tga_rle"})),
        *((image, "PPM", {}), (image, "AVIF", {}), (image, "ICO", {}), (image, "JPEG2000", {})),
    ):
        data = io.BytesIO()
        try:
            each.save(data, kind, **options)
        except (OSError, KeyError):  # a format that this Pillow does not write
            continue
        saved.append(data.getvalue())
    return _write(folder / "photo.jpg", b"".join(struct.pack("<I", len(each)) + each for each in saved))


def _damage_photo(data: bytes, case: int) -> bytes:
    photos = []
    while data:
        length = int.from_bytes(data[:4], "little")
        photos.append(data[4 : 4 + length])
        data = data[4 + length :]
    return damage.mutated(photos[case % len(photos)], case // len(photos))


def _load_photo(path: Path) -> None:
    from image_kit.errors import UserError
    from image_kit.photos import PhotoError, Preprocessing, open_photo, read_header
    from image_kit.photos.opening import is_image

    data = path.read_bytes()
    is_image(data)
    try:
        open_photo(path, smallest=16)
        Preprocessing((8, 8, 3)).photo(data)
    except PhotoError as error:
        raise UserError(str(error)) from None
    read_header(data)


def _make_models(folder: Path) -> Path:
    """A whole model as .keras and as .h5, the first one with its length before it; a case damages one of them."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3, activation="relu", strides=2)]
    layers += [keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.layers.Input((32, 32, 3)), *layers])
    saved = []
    for name in ("whole.keras", "whole.h5"):
        model.save(folder / name)
        saved.append((folder / name).read_bytes())
        (folder / name).unlink()
    return _write(folder / "models.bin", struct.pack("<I", len(saved[0])) + b"".join(saved))


def _load_model(path: Path) -> None:
    from image_kit.features.keras_files import load_keras_file

    data = path.read_bytes()
    load_keras_file(_write(path.with_name("whole.keras" if b"PK" in data[:4] else "whole.h5"), data))


def _damage_model(data: bytes, case: int) -> bytes:
    length = int.from_bytes(data[:4], "little")
    archive, hdf5 = data[4 : 4 + length], data[4 + length :]
    if case % 2:
        return damage.mutated_config(hdf5, case // 2)
    member, change = (("config.json", damage.mutated_json), ("model.weights.h5", damage.mutated))[case // 2 % 2]
    return damage.mutated_archive(change, member)(archive, case // 2)


_KINDS_OF_RUNS = {
    # A recipe may ask for images of 2,048 pixels.
    name: Kind(_make_run(name), _load_run, damage.mutated_table if name[-1] == "v" else damage.mutated_json, 10**9)
    for name in ("settings.json", "metrics.json", "summary.json", "history.csv")
}
KINDS: dict[str, Kind] = {
    "head": Kind(_make_head, _load_head),
    "head-words": Kind(_make_head, _load_head, damage.mutated_description),
    "trust": Kind(_make_trust, _load_trust, _damage_trust),
    "lite": Kind(_make_lite, _load_lite),
    "lite-network": Kind(_make_lite, _load_lite, damage.forged),
    "lite-words": Kind(_make_lite, _read_lite, damage.forged_words),
    "pth": Kind(_make_pth, _load_pth),
    "npz": Kind(_make_npz, _load_npz, damage.mutated_archive(damage.mutated)),
    "idx": Kind(_make_idx, _load_idx, damage.mutated_gzip),
    "features": Kind(_make_shard, _load_shard),
    "groups": Kind(_make_groups, _load_groups, damage.mutated_table),
    "findings": Kind(_make_findings, _load_findings, damage.mutated_table),
    "check.json": Kind(_make_check, _load_check, damage.mutated_json),
    **_KINDS_OF_RUNS,
    "classes.json": Kind(_make_export("classes.json"), _load_export, damage.mutated_json),
    "export.json": Kind(_make_export("export.json"), _load_export, damage.mutated_json),
    "photos": Kind(_make_photos, _load_photo, _damage_photo, 1_000 * MEGABYTE),
    "requests": Kind(fuzz_server.make, fuzz_server.load, fuzz_server.damage_request),
    "models": Kind(_make_models, _load_model, _damage_model, 500 * MEGABYTE, needs_keras=True),
}
