"""Answers through 8-bit integers, for predict.py --fast: made at first use, proven on the run's photos, and kept."""

import os
from pathlib import Path

import numpy as np

from image_kit import cache_folder
from image_kit.answering import (
    FASTEST,
    Classifier,
    LiteClassifier,
    LiteModel,
    fast_path_for,
    load_classifier,
    read,
    sha256,
    trim,
    write_flatbuffer_model,
)
from image_kit.errors import UserError
from image_kit.exports.held_photos import find_run_photos
from image_kit.exports.int8 import CALIBRATION_IMAGES, Int8Proof, make_small, prove
from image_kit.exports.source import read_source
from image_kit.terminal import say
from image_kit.weights import Fallback

FAST = "model-int8.tflite"  # in the run folder
MOST_LOST = 0.005  # of accuracy
MOST_CHANGED = 0.02  # of the answers; where the accuracy is the same, others are wrong now


def load_fast_classifier(weights: Path, fallback: Fallback | None = None) -> Classifier:
    """The classifier of a weights file through 8-bit integers where its proof holds; else as `load_classifier`.

    The network beside the weights, or in the user's cache folder, is used if it was made from exactly these weights.
    Otherwise it is made now, and kept there. Where it cannot be used, one line says why.

    Args:
        weights, fallback: as for `load_classifier`.

    Raises:
        UserError: as `load_classifier`.
    """
    fallback = fallback or Fallback()
    if weights.suffix == ".tflite" or not weights.is_file():
        if weights.is_file():
            say(f"--fast: {weights} is not a run's .weights.h5 file; answers are as without --fast")
        return load_classifier(weights, fallback)
    digest = sha256(weights)
    places = [weights.with_name(FAST), fast_path_for(digest)]
    known = _read_known(places, digest)
    if known is None:
        return _make(weights, fallback, places)
    if reason := _refusal(Int8Proof(**known.notes["proof"])):
        say(reason)
        return load_classifier(weights, fallback)
    cache_folder.mark_used(known.path)
    try:
        classifier = LiteClassifier(known)
    except (UserError, ImportError) as error:
        say(f"--fast: {error}; answers are as without --fast")
        return load_classifier(weights, fallback)
    fallback.refuse_contradiction(weights, known.description)
    return classifier


def _read_known(places: list[Path], digest: str) -> LiteModel | None:
    """The network that was made from these weights; None if there is none, or it is damaged, which is told."""
    for path in places:
        try:
            model = read(path) if os.path.isfile(path) else None
            if model and model.weights_sha256 == digest:
                _refusal(Int8Proof(**model.notes["proof"]))  # raises if a forged file has other things there
                return model
        except (UserError, KeyError, TypeError, ValueError) as error:
            say(f"{error}" if isinstance(error, UserError) else f"{path}: has no proof; it is made again")
    return None


def _refusal(proof: Int8Proof) -> str | None:
    """Why a network must not answer; None if its proof holds."""
    changed, lost = max(proof.changed, proof.known_changed), proof.fall * proof.images
    # One photo more or less tells nothing among few.
    if lost <= max(1.0, MOST_LOST * proof.images) + 1e-6 and changed <= max(1.0, MOST_CHANGED * proof.images):
        return None
    return f"--fast: does not hold for this network ({proof}); answers are as without --fast"


def _make(weights: Path, fallback: Fallback, places: list[Path]) -> Classifier:
    exact = load_classifier(weights, fallback)  # also tries the network in a separate process, before it runs in this
    description = exact.description
    try:
        if not weights.with_name("settings.json").is_file():
            raise UserError(f"no settings.json beside {weights} says which photos to make it from")
        source = read_source(weights, fallback)
        say(f"{weights}: made ready for --fast, which takes some seconds the first time")
        photos = find_run_photos(weights, description.class_names, description.preprocessing)
        if not photos.is_labelled:
            raise UserError(f"needs the run's photos at the first use; {photos.words}")
        flatbuffer, small = make_small(source, FASTEST, photos.calibration[:CALIBRATION_IMAGES])
        proof = prove(FASTEST, small, exact, photos.held.take(np.arange(len(photos.held.labels))), photos.held.labels)
    except (UserError, ValueError, ImportError) as error:  # of a layer that the writer does not know, or no LiteRT
        say(f"--fast: {error}; answers are as without --fast")
        return exact
    _keep(places, flatbuffer, (description, exact.head, small.trust), weights, proof)
    if reason := _refusal(proof):
        say(reason)
        return exact
    say(f"--fast: {proof}; on {photos.words}")
    return small


def _keep(places: list[Path], flatbuffer: memoryview, described: tuple, weights: Path, proof: Int8Proof) -> None:
    """Write the network to the first place that can be written; a proof that fails is kept too, and not repeated."""
    for path in places:
        try:
            write_flatbuffer_model(path, flatbuffer, described, weights, {"proof": proof.to_dict()})
            if path != places[0]:
                trim(path)
            return
        except OSError as error:
            reason = f"{path.parent}: cannot be written ({error.strerror})"
    say(f"--fast: {reason}, so the next time takes as long")
