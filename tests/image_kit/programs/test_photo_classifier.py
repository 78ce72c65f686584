"""image_kit.load: photos in any form to answers, equal to predict.py's, one by one and in streams."""

import json
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import image_kit
from image_kit import UserError
from image_kit.features import open_store, photo_features


@pytest.fixture(scope="module")
def classifier(head_run):
    with image_kit.load(head_run) as classifier:
        yield classifier


@pytest.fixture(scope="module")
def paths(head_run):
    return sorted((head_run.parents[1] / "photos").glob("*/*.jpg"))


def test_answers_are_those_of_predict(classifier, head_run, paths, run_command, tmp_path):
    given = [*paths, tmp_path / "missing.jpg"]
    process = run_command(tmp_path, "predict.py", *given, "--weights", head_run, "--coverage", 0.8, "--json")
    expected = [json.loads(line) for line in process.stdout.splitlines()]
    assert [answer.as_dict() for answer in classifier.predict(given, coverage=0.8)] == expected
    alone = [classifier.predict(path, coverage=0.8).as_dict() for path in paths]
    assert alone == expected[:-1]
    assert {answer["label"] for answer in alone} == {"cats", "dogs"}
    assert expected[-1]["error"] == "no such file"


def test_an_answer(classifier, paths):
    answer = classifier.predict(str(paths[0]))
    assert (answer.path, answer.label, answer.error) == (str(paths[0]), "cats", None)
    assert answer.prediction_set == ["cats"]
    assert answer.is_known is True
    assert list(answer.probabilities) == ["cats", "dogs"]
    assert answer.probability == answer.probabilities["cats"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_a_photo_unlike_the_training_photos_is_not_known(classifier):
    answer = classifier.predict(np.zeros((30, 30, 3), np.uint8))
    assert (answer.is_known, answer.prediction_set) == (False, [])
    assert answer.label in ("cats", "dogs")


def test_without_calibration_nothing_is_said_about_known(bare_weights):
    with image_kit.load(bare_weights) as classifier:
        answer = classifier.predict(np.arange(64, dtype=np.uint8).reshape(8, 8))
    assert answer.is_known is None
    assert answer.prediction_set is None
    assert answer.label in ("a", "b", "c")


def test_the_coverage_decides_the_prediction_set(classifier, paths):
    sets = [classifier.predict(paths[0], coverage=coverage).prediction_set for coverage in (0.5, 0.999)]
    assert sets == [["cats"], ["cats", "dogs"]]  # of 40 photos no class can be left out at .999


def test_several_photos_come_as_an_iterator_in_their_order(classifier, paths):
    answers = classifier.predict(iter(paths))
    assert iter(answers) is answers
    assert [answer.path for answer in answers] == list(map(str, paths))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_batch_size_changes_no_answer(classifier, paths, batch_size):
    assert list(classifier.predict(paths, batch_size=batch_size)) == list(map(classifier.predict, paths))


def test_no_photos_no_answers(classifier):
    assert list(classifier.predict([])) == []
    assert list(classifier.predict(iter(()))) == []


def test_what_is_wrong_with_one_photo_is_said_in_its_answer(classifier, paths, tmp_path):
    (tmp_path / "text.jpg").write_text("no photo")
    good = paths[0]
    given = [good, tmp_path / "text.jpg", None, good.read_bytes(), np.zeros((2, 2)), tmp_path, b"", Image.open(good)]
    answers = list(classifier.predict(given))
    assert [answer.path for answer in answers] == [
        *(str(good), str(tmp_path / "text.jpg"), "photos[2]", "photos[3]", "photos[4]", str(tmp_path), "photos[6]"),
        "photos[7]",
    ]
    errors = [answer.error for answer in answers]
    assert [error is None for error in errors] == [True, False, False, True, False, False, False, True]
    assert errors[1] == "not an image, or damaged"
    assert (
        errors[2] == "a photo must be a path, the bytes of a file, a NumPy array or a Pillow image; received NoneType"
    )
    assert errors[4].startswith("an image must be an array of uint8, 0 to 255, received float64; ")
    assert errors[5] == "not a file"
    assert answers[1].label is answers[1].is_known is None
    assert answers[3].probabilities == answers[0].probabilities


def test_one_photo_that_cannot_be_read_is_an_exception(classifier, tmp_path):
    with pytest.raises(UserError, match=r"missing\.jpg: cannot be read: no such file$"):
        classifier.predict(tmp_path / "missing.jpg")
    with pytest.raises(UserError, match=r"^photo: cannot be read: not an image, or damaged$"):
        classifier.predict(b"no photo")
    (tmp_path / "half.png").write_bytes(png_of(Image.new("RGB", (50, 50)), tmp_path)[:-30])
    with Image.open(tmp_path / "half.png") as image, pytest.raises(UserError, match="photo: cannot be read: "):
        classifier.predict(image)


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), "must be an array of uint8, 0 to 255, received float32; one on 0..1"),
        (np.zeros((4, 4, 3), np.uint16), "received uint16"),
        (np.zeros((3, 4, 5), np.uint8), r"\(height, width, 3\) or \(height, width, 4\), received \(3, 4, 5\)$"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"received \(2, 4, 4, 3\); for several images give list\(images\)$"),
        (np.zeros(4, np.uint8), r"received \(4,\)$"),
        (np.array(["a.jpg", "b.jpg"]), r"of <U5 is no image; for several photos give list\(photos\)$"),
        (np.array([Path("a.jpg")]), r"of object is no image; for several photos give list\(photos\)$"),
        (np.zeros((0, 4, 3), np.uint8), r"must have pixels, received an array of shape \(0, 4, 3\)$"),
    ],
)
def test_an_array_that_may_mean_something_else_is_refused(classifier, photo, said):
    with pytest.raises(ValueError, match=said):
        classifier.predict(photo)


def test_what_is_no_photo_is_refused(classifier, paths):
    with pytest.raises(TypeError, match=r"^a photo must be a path, .* or a Pillow image; received int$"):
        classifier.predict(5)
    with open(paths[0], "rb") as file, pytest.raises(TypeError, match=r"give its content: file\.read\(\)"):
        classifier.predict(file)


@pytest.mark.parametrize("wrong", ["size", "floats", "one"])
@pytest.mark.parametrize("method", ["answers", "probabilities", "uncalibrated", "outputs_and_features"])
def test_images_of_another_size_or_type_are_not_answered(classifier, paths, method, wrong):
    image = classifier.preprocessing.photo(paths[0])
    images = {"size": image[None, 1:], "floats": image[None] / 255, "one": image}[wrong]
    with pytest.raises(ValueError, match=r"^images must be uint8 of shape \(n, .* received .* of shape \("):
        getattr(classifier, method)(images)


def test_a_list_of_images_is_answered_as_an_array_is(classifier, paths):
    images = [classifier.preprocessing.photo(path) for path in paths[:2]]
    np.testing.assert_array_equal(classifier.probabilities(images), classifier.probabilities(np.stack(images)))


@pytest.mark.parametrize(
    "options", [{"coverage": 0.4}, {"coverage": float("nan")}, {"batch_size": 0}, {"batch_size": 2.0}]
)
def test_options_out_of_range_are_refused_at_once(classifier, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} must be "):
        classifier.predict([], **options)


def test_an_endless_stream_is_read_a_few_photos_ahead(classifier, paths):
    taken = count()

    def stream():
        while True:
            next(taken)
            yield paths[0]

    answers = list(islice(classifier.predict(stream(), batch_size=4), 20))
    assert len(answers) == 20
    assert next(taken) < 20 + 4 * 4 + 64  # three batches, and one photo for each core


def test_a_stream_that_fails_is_answered_up_to_there(classifier, paths):
    def stream():
        yield from paths[:3]
        raise OSError("the camera is gone")

    answers = classifier.predict(stream(), batch_size=2)
    assert [next(answers).path for _ in range(3)] == list(map(str, paths[:3]))
    with pytest.raises(OSError, match="the camera is gone"):
        next(answers)


def test_a_stream_may_use_one_buffer_for_all_its_images(classifier, paths):
    images = [np.asarray(Image.open(path)) for path in paths]
    buffer = np.empty_like(images[0])

    def stream():
        for image in images:
            buffer[:] = image
            yield buffer

    given = [answer.probabilities for answer in classifier.predict(stream())]
    assert given == [answer.probabilities for answer in classifier.predict(images)]


def test_what_load_returned_before_still_works(classifier, paths):
    assert classifier.class_names == ("cats", "dogs")
    assert classifier.description.class_names == classifier.class_names
    assert classifier.trust is not None
    image = classifier.preprocessing.photo(paths[0])
    probabilities, sets = classifier.answers(image[None])
    answer = classifier.predict(paths[0])
    assert float(probabilities[0].max()) == answer.probability
    assert [classifier.class_names[index] for index in sets[0]] == answer.prediction_set
    assert (classifier.probabilities(image[None]) == probabilities).all()
    assert classifier.uncalibrated(image[None]).shape == (1, 2)
    assert classifier.uncalibrated(image[None][:0]).shape == (0, 2)
    outputs, features = classifier.run(classifier.preprocessing.batch(image[None]))
    assert (classifier.outputs_and_features(image[None])[0] == outputs).all()
    assert features.shape == (1, 12)
    assert classifier.batch_size > 1


def test_features_are_the_kept_ones(classifier, paths):
    features = classifier.features(map(str, paths))
    assert (features.shape, features.dtype) == ((40, 12), np.float32)
    assert (classifier.features(paths[3]) == features[3]).all()
    backbone = classifier._engine().backbone()
    store = open_store(backbone.backbone, classifier.preprocessing, backbone.length, keeps=True)
    found = photo_features(paths, backbone.runner, classifier.preprocessing, store)
    assert (found.known, found.computed) == (40, 0)
    assert (found.values == features).all()
    assert classifier.features([]).shape == (0, 12)
    uncalibrated = classifier.uncalibrated(np.stack([classifier.preprocessing.photo(path) for path in paths]))
    assert (backbone.probabilities_of(features).argmax(1) == uncalibrated.argmax(1)).all()


def test_what_has_no_features_says_so(classifier, bare_weights, head_run, paths, tmp_path):
    with image_kit.load(bare_weights) as bare, pytest.raises(UserError, match="this network has no backbone, so it"):
        bare.features(paths)
    with image_kit.load(head_run / "model.tflite") as lite, pytest.raises(UserError, match="load the run's folder"):
        lite.features(paths)
    with pytest.raises(UserError, match=r"missing\.jpg: cannot be read: no such file"):
        classifier.features([paths[0], tmp_path / "missing.jpg"])
    with pytest.raises(TypeError, match="features are computed of files: give paths; received ndarray"):
        classifier.features([np.zeros((4, 4, 3), np.uint8)])


def test_a_run_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing: no such weights file; give"):
        image_kit.load(tmp_path / "nothing")


def png_of(image: Image.Image, folder: Path) -> bytes:
    image.save(folder / "whole.png")
    return (folder / "whole.png").read_bytes()
