"""Exports answer as the run does, whatever the head; one that does not is refused, and leaves nothing."""

import json
import os
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.exports import FORMATS, Reference, RunPhotos, export
from image_kit.exports.proof import prove, tolerance_of
from image_kit.trust import Calibration, Trust, to_probabilities, with_temperature
from image_kit.trust.golden import GoldenTest
from image_kit.trust.neighbours import FeatureNovelty
from tests.fixtures.exported import images_of, write_source

WITHOUT_TENSORFLOW = ["tflite", "onnx"]


def trust_with(temperature):
    """A trust of which only the temperature and one score are used."""
    novelty = object.__new__(FeatureNovelty)
    scores = np.float32([0.1] * 30)
    golden = object.__new__(GoldenTest)
    return Trust(Calibration(temperature, scores, scores, novelty), golden)


def reference_of(source):
    """What the run answers to 20 images of noise, which show no class."""
    images = images_of(source.description.preprocessing.image_shape, 20)
    held = ImageSet(images, np.zeros(20, np.int32), [str(number) for number in range(20)])
    return Reference.of(source, RunPhotos(held, images, "noise", False))


@pytest.mark.parametrize("temperature", [None, 0.3, 2.0])
@pytest.mark.parametrize("head", ["sigmoid", "softmax", "linear"])
@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_probabilities_are_those_of_the_formulas(tmp_path, name, head, temperature):
    """Independent of LiteRT: the two dense layers are computed here."""
    source = write_source(tmp_path, head, n_classes=2 if head == "sigmoid" else 3)
    source = replace(source, trust=trust_with(temperature) if temperature else None)
    images = images_of(source.description.preprocessing.image_shape)
    chosen, path = FORMATS[name], tmp_path / f"out{FORMATS[name].suffix}"
    assert chosen.write(source, path, None) == []
    (first,), (second,) = source.weights[1:]
    outputs = np.maximum((images.reshape(len(images), -1) / np.float64(255)) @ first, 0) @ second
    if head == "sigmoid":
        outputs = 1 / (1 + np.exp(-outputs))
    if head == "softmax":
        outputs = to_probabilities(outputs, "logits")
    expected = to_probabilities(outputs, source.head)
    expected = with_temperature(expected, temperature) if temperature else expected
    # 1e-5 is a hundred times float32's resolution, for sums of 360 products and logits of up to 20.
    np.testing.assert_allclose(chosen.answer(path, images, source), expected, atol=1e-5)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_a_thousand_classes_and_a_class_with_a_tag(tmp_path, name):
    names = ["</script>", "a\nb", "قطة", "K\udc84fer", *(str(number) for number in range(996))]
    source = write_source(tmp_path, "softmax", names=names, n_classes=1_000)
    output = tmp_path / "out" / f"x{FORMATS[name].suffix}"
    proof, notes = export(FORMATS[name], output, source, reference_of(source))
    assert (proof.n, proof.changed_answers, proof.accuracy, notes) == (20, 0, None, [])
    assert proof.largest_difference < 1e-5
    assert json.loads((output.parent / "classes.json").read_text("utf-8"))["class_names"] == [
        name.replace("\udc84", "\\udc84")
        for name in names  # which was no UTF-8 in the name of a folder
    ]
    if name == "tflite":
        with zipfile.ZipFile(output) as archive:
            lines = archive.read("labels.txt").decode().splitlines()
        assert (len(lines), lines[:2]) == (1_000, ["</script>", "a b"])


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there")
@pytest.mark.parametrize("name", ["saved_model", *WITHOUT_TENSORFLOW])
def test_into_a_folder_whose_name_is_not_utf_8(tmp_path, name):
    source, output = write_source(tmp_path, "softmax"), tmp_path / os.fsdecode(b"f\xf6tos") / "x"
    if name == "saved_model":
        with pytest.raises(
            UserError, match=r"x: cannot be written \(TensorFlow knows UTF-8 names only; give --output elsewhere\)"
        ):
            export(FORMATS[name], output, source, reference_of(source))
        assert not list(tmp_path.rglob("x*"))
    else:
        assert export(FORMATS[name], output, source, reference_of(source))[0].changed_answers == 0


def test_an_export_of_other_weights_is_refused_and_leaves_nothing(tmp_path):
    source = write_source(tmp_path, "softmax")
    reference, before = reference_of(source), sorted(tmp_path.rglob("*"))
    changed = replace(source, weights=[[], source.weights[1], [-source.weights[2][0]]])
    with pytest.raises(UserError, match=r"--to tflite: it answers otherwise than the run: \d+ of 20 answers changed"):
        export(FORMATS["tflite"], tmp_path / "out/x.tflite", changed, reference)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_probability_that_moves_by_more_than_a_thousandth_is_refused(tmp_path):
    source = write_source(tmp_path, "softmax")
    reference = reference_of(source)
    for factor, is_refused in ((1.0001, False), (1.05, True)):
        path = tmp_path / f"{factor}.tflite"
        FORMATS["tflite"].write(
            replace(source, weights=[[], source.weights[1], [source.weights[2][0] * factor]]), path, None
        )
        if is_refused:
            with pytest.raises(UserError, match=r"at most 0\.001"):
                prove(FORMATS["tflite"], path, source, reference)
        else:
            assert 0 < prove(FORMATS["tflite"], path, source, reference).largest_difference < 1e-3


def test_equally_probable_classes_are_no_changed_answer(tmp_path):
    source = write_source(tmp_path, "softmax")
    source = replace(source, weights=[[], source.weights[1], [source.weights[2][0] * 0]])
    reference = reference_of(source)
    reference = replace(reference, probabilities=np.full_like(reference.probabilities, 0.5) + np.float32([6e-8, 0]))
    FORMATS["tflite"].write(source, tmp_path / "x.tflite", None)
    assert prove(FORMATS["tflite"], tmp_path / "x.tflite", source, reference).changed_answers == 0


@pytest.mark.parametrize(("temperature", "low", "high"), [(1.0, 1e-3, 1e-3), (2.0, 1e-3, 1e-3), (5.0, 0.01, 0.05)])
def test_the_tolerance_is_a_thousandth_unless_a_sigmoids_steps_are_larger(tmp_path, temperature, low, high):
    source = replace(write_source(tmp_path, "sigmoid"), trust=trust_with(temperature))
    assert low <= tolerance_of(source) <= high
    assert tolerance_of(replace(source, head="softmax")) == 1e-3


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_a_layer_that_a_format_cannot_express_is_named(tmp_path, name):
    source = write_source(tmp_path, "softmax", hidden="gelu")
    message = f"--to {name}: Dense with activation 'gelu' cannot be expressed by the kit's writer; try saved_model"
    with pytest.raises(UserError, match=message):
        FORMATS[name].write(source, tmp_path / "x", None)
    assert not (tmp_path / "x").exists()


def test_a_format_that_is_not_exact_may_change_one_answer_in_50(tmp_path):
    """Where labels are known, more may change, as long as no more than one right answer in 100 is lost."""
    source, chosen = write_source(tmp_path, "softmax"), replace(FORMATS["tflite"], is_exact=False)
    reference = reference_of(source)
    chosen.write(replace(source, weights=[[], source.weights[1], [-source.weights[2][0]]]), tmp_path / "a", None)
    with pytest.raises(UserError, match=r"answers otherwise than the run: \d+ of 20 answers changed.*\(at most 2 %\)"):
        prove(chosen, tmp_path / "a", source, reference)
    answers = chosen.answer(tmp_path / "a", reference.photos.held.images, source).argmax(axis=1)
    for labels, is_refused in ((answers, False), (reference.probabilities.argmax(axis=1), True)):
        held = replace(reference.photos.held, labels=labels)
        labelled = replace(reference, photos=replace(reference.photos, held=held, is_labelled=True))
        if is_refused:
            with pytest.raises(UserError, match=r"or 1 point of the accuracy; \d+\.\d are lost"):
                prove(chosen, tmp_path / "a", source, labelled)
        else:
            assert prove(chosen, tmp_path / "a", source, labelled).changed_answers > 1
