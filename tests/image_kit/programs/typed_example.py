"""What a type checker sees of image_kit.load; mypy checks this file, and nothing runs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import numpy as np
from PIL import Image

from image_kit import Answer, Photo, PhotoClassifier, load


def use(run: Path, images: list[np.ndarray], mixed: list[Photo]) -> str:
    """Each kind of call."""
    with load(run) as classifier:
        assert_type(classifier, PhotoClassifier)
        assert_type(classifier.predict("photo.jpg"), Answer)
        assert_type(classifier.predict(b"..."), Answer)
        assert_type(classifier.predict(Image.new("RGB", (8, 8)), coverage=0.9), Answer)
        assert_type(classifier.predict(images, batch_size=64), Iterator[Answer])
        assert_type(classifier.predict(run.glob("*.jpg")), Iterator[Answer])
        assert_type(classifier.predict(mixed), Iterator[Answer])
        assert_type(classifier.features(["a.jpg", run / "b.jpg"]), np.ndarray)
        answer = classifier.predict(run / "photo.jpg")
        assert_type(answer.is_known, bool | None)
        assert_type(answer.prediction_set, list[str] | None)
        return answer.label or "not answered"
