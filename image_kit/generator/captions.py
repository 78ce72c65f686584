"""Captions of augmented images."""

from typing import Any


def describe_transform(transform: dict[str, Any]) -> str:
    """A transform in words for a caption, one line for each change; "unchanged" if there is none.

    Args:
        transform: what `get_random_transform` returns. As in Keras, tx and zx act along the width.
    """
    texts = []
    if "crop_width" in transform:
        texts.append(f"crop {transform['crop_width']:.0%} wide, {transform['crop_height']:.0%} high")
    if transform["theta"]:
        texts.append(f"rotation {transform['theta']:.1f}°")
    if transform["tx"] or transform["ty"]:
        texts.append(f"shift {-transform['tx']:.0f} right, {-transform['ty']:.0f} down")
    if transform["shear"]:
        texts.append(f"shear {transform['shear']:.2f}°")
    if (transform["zx"], transform["zy"]) != (1, 1):
        texts.append(f"zoom {1 / transform['zx']:.2f} wide, {1 / transform['zy']:.2f} high")
    if transform["channel_shift_intensity"] is not None:
        texts.append(f"channels {transform['channel_shift_intensity']:+.0f}")
    if transform["brightness"] is not None:
        texts.append(f"brightness x {transform['brightness']:.2f}")
    texts += [f"flipped {way}" for way in ("horizontal", "vertical") if transform[f"flip_{way}"]]
    return "\n".join(texts) or "unchanged"
