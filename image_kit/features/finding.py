"""The features of a folder's photos as training, checks and evaluation use them: one preprocessing, one store."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from image_kit.features.backbone import Backbone
from image_kit.features.extraction import PhotoFeatures, photo_features
from image_kit.features.golden_features import check_golden, golden_image
from image_kit.features.runners import running
from image_kit.features.store import open_store
from image_kit.photos import FULL_BITS, Preprocessing

# Photos are squeezed halfway to the square of the backbone's images, and cut the other half of the way: .82 of clothing
# by other senders is right so, .80 if squeezed alone, .82 if cut alone to the middle 7/8 (docs/results.md).
CROP = 0.5


def find_features(
    paths: Sequence[Path],
    backbone: Backbone,
    keeps: bool,
    show_progress: Callable[[Iterable], Iterable] = iter,
    crop: float = CROP,
    sample_bits: int = FULL_BITS,
) -> tuple[Preprocessing, PhotoFeatures]:
    """The features of photos, known or computed now; and the preprocessing that they were computed with.

    Args:
        keeps: whether features are kept in the cache folder, and looked up there.
        show_progress: wraps the iterable of finished photos, to show a progress bar.
        crop: see `Preprocessing`; training always takes the default, which benchmarks compare with others.
        sample_bits: see `Preprocessing`.
    """
    preprocessing = Preprocessing((*backbone.image_size, 3), crop=crop, sample_bits=sample_bits)
    with running(backbone, preprocessing) as runner:
        golden = runner.run(golden_image(backbone))
        check_golden(backbone, golden)
        store = open_store(backbone, preprocessing, golden.shape[1], keeps)
        return preprocessing, photo_features(paths, runner, preprocessing, store, show_progress)
