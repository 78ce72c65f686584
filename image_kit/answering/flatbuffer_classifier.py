"""A classifier for many photos: a network in LiteRT with an interpreter for each core."""

from pathlib import Path

import numpy as np

from image_kit.answering.classifier import Classifier, refuse_not_finite
from image_kit.answering.lite_network import LiteNetwork
from image_kit.errors import UserError, first_line
from image_kit.trust import Trust
from image_kit.weights import Description

CHUNK = 2  # images of up to 300x300 at once: 4 take a quarter longer each, as they leave the processor's caches


class FlatbufferClassifier(Classifier):
    """A `Classifier` that runs a flatbuffer in `threads()`, which decode photos as well.

    Args:
        flatbuffer: a file or its content. It must have run in LiteRT before, or be the kit's own.
        described: the description, the head (one of HEADS) and the trust of the network.

    Raises:
        UserError: LiteRT cannot run it.
    """

    max_batch_values = 8_000_000
    max_batch_size = 32  # enough for the threads to have work, and few enough for progress to be seen

    def __init__(self, flatbuffer: Path | memoryview, described: tuple[Description, str, Trust | None]):
        description, head, trust = described
        super().__init__(description, head)
        self.trust = trust
        try:
            self._network = LiteNetwork(flatbuffer, self.preprocessing.rescale, CHUNK)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"LiteRT cannot run the network ({first_line(error)})") from None

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`; uint8 images are scaled in the threads."""
        outputs, features = self._network.run(batch)
        return outputs, features

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.outputs_and_features`."""
        outputs, features = self.run(np.asarray(images))
        refuse_not_finite(outputs)
        return outputs, features
