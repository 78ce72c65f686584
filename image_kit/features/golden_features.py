"""The golden features: a backbone must compute known numbers from a known image, whoever computes them.

A fault in a converter, a library or a processor's own code changes features without any error, and the head learns
from them all the same. Therefore every program that runs a backbone computes one image first.
"""

import numpy as np

from image_kit.errors import UserError
from image_kit.features.backbone import Backbone

SIDE, SEED = 8, 0  # the image is 8x8 random pixels, enlarged
# Float32 changes these numbers by 1e-5, TF32 on a GPU by 4e-3. The smallest change that a mistake made was .19, by red
# and blue exchanged in Lite1; a mirrored image changes .22, PyTorch's padding more than 1.
TOLERANCE = 0.02
# Feature -> its value: the eight largest, computed by Keras 3.15.1 in float32. PyTorch 2.13 agrees on photos to 8e-6.
EXPECTED = {
    "lite0": {61: 2.3914, 113: 4.0384, 265: 2.0399, 468: 3.622, 504: 2.0065, 747: 2.5819, 897: 2.9482, 1006: 2.0836},
    "lite1": {
        388: 3.9135,
        582: 4.5746,
        605: 4.6211,
        777: 5.1936,
        918: 3.9709,
        1039: 3.3819,
        1077: 3.3442,
        1176: 3.5841,
    },
    "lite2": {132: 2.1455, 295: 2.9013, 302: 3.9279, 672: 2.7544, 749: 2.229, 797: 1.9026, 1100: 2.7502, 1243: 2.4981},
}


def golden_image(backbone: Backbone) -> np.ndarray:
    """The image that `check_golden` knows: uint8 (1, height, width, 3)."""
    height, width = backbone.image_size
    pixels = np.random.default_rng(SEED).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    rows, columns = np.arange(height) * SIDE // height, np.arange(width) * SIDE // width
    return pixels[rows][:, columns][None]


def check_golden(backbone: Backbone, features: np.ndarray) -> None:
    """Raise UserError if a runner computes other features than it should.

    Args:
        backbone: any; only those of EXPECTED have known numbers. Others' features must be finite.
        features: float (1, k), which the runner computed of `golden_image`, before any normalization.
    """
    expected = EXPECTED.get(backbone.name, {})
    if not np.isfinite(features).all():
        raise UserError(f"--backbone {backbone.name}: computes features that are not finite; use another backbone")
    for place, wanted in expected.items():
        received = float(features[0, place])
        if abs(received - wanted) > TOLERANCE:
            raise UserError(
                f"--backbone {backbone.name}: feature {place} of the golden image is {received:.4f}, not {wanted:.4f} "
                f"(tolerance {TOLERANCE}); this machine's libraries compute something else: install other versions of "
                "ai-edge-litert and tensorflow"
            )
