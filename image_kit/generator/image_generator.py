"""Keras's ImageDataGenerator with the same interface and pixels, but a faster transform."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from image_kit.generator.flow_methods import FlowMethods
from image_kit.generator.image_draws import ImageDraws
from image_kit.generator.keras_classes import keras_image
from image_kit.generator.small_warps import MAX_PIXELS, SMALL_REACH, warp_small
from image_kit.generator.warp import DIRECT_REACH, affine_matrices, affine_matrix, are_direct, can_warp, warp

_CALLED_BY_KERAS = ("get_random_transform", "apply_transform", "standardize")
_GLOBAL_GENERATOR = threading.Lock()  # held while a subclass draws from NumPy's global generator


@dataclass(frozen=True)
class PlannedWarps:
    """The warps of k images, computed from their transform parameters.

    Attributes:
        matrices: float64 (k, 2, 3), see `affine_matrix`.
        direct: for each image whether it can be warped in one piece, see `are_direct`.
        images_are_small: whether `warp_small` warps the direct ones. Their reach must be smaller than for `warp`.
    """

    matrices: np.ndarray
    direct: list[bool]
    images_are_small: bool

    def __len__(self) -> int:
        return len(self.direct)

    def __getitem__(self, some: slice) -> "PlannedWarps":
        return PlannedWarps(self.matrices[some], self.direct[some], self.images_are_small)


class ImageDataGenerator(FlowMethods, keras_image.ImageDataGenerator):
    """Keras's class: same constructor, same methods, same pixels; `apply_transform` is about 20 times faster.

    The fast path covers channels last, uint8 or float32, 1, 3 or 4 channels, interpolation order 1 and the fill
    modes "nearest", "reflect" and "constant". For everything else Keras's own code runs, at its own speed, as do the
    methods of a subclass.
    """

    @property
    def is_random(self) -> bool:
        """Whether a random transform can change any image."""
        return bool(
            self.is_extended
            or self.rotation_range
            or self.height_shift_range
            or self.width_shift_range
            or self.shear_range
            or tuple(self.zoom_range) != (1, 1)
            or self.horizontal_flip
            or self.vertical_flip
            or self.channel_shift_range
            or self.brightness_range is not None
        )

    @property
    def is_extended(self) -> bool:
        """Whether a subclass overrides methods that Keras's iterators call for every image."""
        return any(getattr(type(self), name) is not getattr(ImageDataGenerator, name) for name in _CALLED_BY_KERAS)

    @property
    def calls_user_code(self) -> bool:
        """Whether code of the caller's own is called for every image."""
        return self.preprocessing_function is not None or self.is_extended

    def get_random_transform(self, img_shape: tuple, seed: int | None = None) -> dict:
        """Draw from NumPy's global generator exactly what Keras draws; see Keras's method of this name."""
        if seed is not None:
            np.random.seed(seed)
        return self._draw(np.random, img_shape)

    def draw_transforms(self, image_shape: tuple, seed: int, epoch: int, indices: np.ndarray) -> list[dict]:
        """Transform parameters for some images of an epoch, with the same distributions as Keras's.

        An image's parameters depend on (seed, epoch, its index) only. NumPy's global generator is neither read nor
        changed.

        Args:
            image_shape: of one image.
            seed, epoch: not negative.
            indices: int (k,), the images' places in the data set.

        Returns:
            k dicts, as `apply_transform` takes; empty ones if nothing is random.
        """
        if not self.is_random:
            return [{} for _ in indices]
        if type(self).get_random_transform is not ImageDataGenerator.get_random_transform:
            numbers = ImageDraws(seed, epoch, indices).random() * 2**32
            return [self._draw_seeded(image_shape, int(number)) for number in numbers]
        return _dict_per_image(self._draw(ImageDraws(seed, epoch, indices), image_shape), len(indices))

    def _draw_seeded(self, image_shape: tuple, seed: int) -> dict:
        """Call a subclass's get_random_transform, which draws from NumPy's global generator, and restore that."""
        with _GLOBAL_GENERATOR:
            state = np.random.get_state()
            np.random.seed(seed)
            try:
                return self.get_random_transform(image_shape)
            finally:
                np.random.set_state(state)

    def _draw(self, random, img_shape: tuple) -> dict:
        """Draw as Keras's get_random_transform does, in its order, from np.random, a RandomState or ImageDraws."""
        theta = random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _draw_shift(random, self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _draw_shift(random, self.width_shift_range, img_shape[self.col_axis - 1])
        shear = random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        low, high = self.zoom_range
        zx, zy = (1, 1) if low == 1 and high == 1 else random.uniform(low, high, 2)
        flip_horizontal = (random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (random.random() < 0.5) * self.vertical_flip
        channel_shift = brightness = None
        if self.channel_shift_range != 0:
            channel_shift = random.uniform(-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            brightness = random.uniform(self.brightness_range[0], self.brightness_range[1])
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": channel_shift,
            "brightness": brightness,
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: dict, out: np.ndarray | None = None) -> np.ndarray:
        """Apply drawn parameters to one image: Keras's result, but faster.

        Compared with Keras's own class, on 0..255: float32 within 0.01; uint8 within 0.51 of Keras's result for the
        same image as float32, because it is rounded (Keras's own truncates uint8). A brightness change together with a
        warp takes Keras's path, because Keras truncates to integers in between. Fill mode "constant": see
        `image_kit.generator.warp` for pixels with a source exactly on the edge.

        Args:
            x: one image (height, width, channels) or as `data_format` says.
            transform_parameters: from `get_random_transform` or `draw_transforms`.
            out: if given, an array like `x` that receives the result, not overlapping `x`.

        Returns:
            An array like `x`: `out`, a new one, or `x` itself (or a view of it) where nothing is interpolated.
        """
        if x.dtype == np.uint8 and self._needs_float(transform_parameters):
            result = _to_uint8(self._transform(x.astype(np.float32), transform_parameters, None))
        else:
            result = self._transform(x, transform_parameters, out)
        if out is None or result is out:
            return result
        out[...] = result
        return out

    def _needs_float(self, parameters: dict) -> bool:
        """Whether uint8 would be rounded more than once."""
        return parameters.get("channel_shift_intensity") is not None or parameters.get("brightness") is not None

    def _has_fast_path(self, image: np.ndarray) -> bool:
        return self.data_format == "channels_last" and self.interpolation_order == 1 and can_warp(image, self.fill_mode)

    @property
    def _warps_every_image(self) -> bool:
        """Whether the transform is a warp followed by nothing but flips, which are part of the warp's matrix."""
        shifts = self.height_shift_range or self.width_shift_range
        warps = self.rotation_range or shifts or self.shear_range or tuple(self.zoom_range) != (1, 1)
        return bool(warps) and not self.channel_shift_range and self.brightness_range is None

    def _transform(self, x: np.ndarray, parameters: dict, out: np.ndarray | None) -> np.ndarray:
        if not self._has_fast_path(x):
            return self._transform_as_keras(x, parameters)
        matrix = affine_matrix(parameters, x.shape[0], x.shape[1])
        if matrix is not None and parameters.get("brightness") is not None:
            return self._transform_as_keras(x, parameters)
        if matrix is not None:
            x = warp(x, matrix, self.fill_mode, self.cval, out)
        else:
            x = x[:: -1 if parameters.get("flip_vertical") else 1, :: -1 if parameters.get("flip_horizontal") else 1]
        if parameters.get("channel_shift_intensity") is not None:
            x = np.clip(x + parameters["channel_shift_intensity"], x.min(), x.max())
        if parameters.get("brightness") is not None:
            x = keras_image.apply_brightness_shift(x, parameters["brightness"], False)
        return x

    def _transform_as_keras(self, x: np.ndarray, parameters: dict) -> np.ndarray:
        if x.dtype == np.uint8:
            return _to_uint8(super().apply_transform(x.astype(np.float32), parameters))
        return super().apply_transform(x, parameters)

    def plan_transforms(
        self, image_shape: tuple, seed: int, epoch: int, indices: np.ndarray
    ) -> "list[dict] | PlannedWarps":
        """The transforms of `draw_transforms` for some uint8 images, prepared for `apply_planned`.

        Returns:
            `PlannedWarps` of k images, computed all at once, if the transforms are warps and nothing else; otherwise
            k dicts of parameters. A slice of the plan is the plan for those images.
        """
        is_fast = self._warps_every_image and self._has_fast_path(np.empty(image_shape, np.uint8))
        if not self.is_random or self.is_extended or not is_fast:
            return self.draw_transforms(image_shape, seed, epoch, indices)
        columns = self._draw(ImageDraws(seed, epoch, indices), image_shape)
        matrices = np.broadcast_to(affine_matrices(columns, *image_shape[:2]), (len(indices), 2, 3))
        images_are_small = self.fill_mode == "nearest" and image_shape[0] * image_shape[1] <= MAX_PIXELS
        most = SMALL_REACH if images_are_small else DIRECT_REACH[np.dtype(np.uint8)]
        return PlannedWarps(matrices, are_direct(matrices, image_shape[0], image_shape[1], most), images_are_small)

    def apply_planned(self, images: Sequence[np.ndarray], plan: "list[dict] | PlannedWarps", out: np.ndarray) -> None:
        """Write transformed images to `out`, uint8 (k, *shape), like the k images and not overlapping them."""
        if not isinstance(plan, PlannedWarps):
            for image, parameters, result in zip(images, plan, out, strict=True):
                if self.is_extended:  # a subclass's method may not have the parameter `out`
                    result[...] = self.apply_transform(image, parameters)
                else:
                    self.apply_transform(image, parameters, result)
            return
        if plan.images_are_small:
            warp_small(images, plan.matrices, out)
        for image, matrix, direct, result in zip(images, plan.matrices, plan.direct, out, strict=True):
            if not (plan.images_are_small and direct):
                warp(image, matrix, self.fill_mode, self.cval, result, direct)

    @property
    def only_rescales(self) -> bool:
        """Whether `standardize` only multiplies by `rescale`, and so can take a whole batch."""
        return not (
            self.preprocessing_function
            or self.samplewise_center
            or self.samplewise_std_normalization
            or self.featurewise_center
            or self.featurewise_std_normalization
            or self.zca_whitening
            or self.is_extended
        )

    @property
    def uint8_suffices(self) -> bool:
        """Whether a transform of uint8 images gives the pixels of Keras's floats, rounded once."""
        fills = self.fill_mode in ("nearest", "reflect") or (
            self.fill_mode == "constant" and self.cval in range(256)  # whole grey levels only
        )
        keeps_levels = not self.channel_shift_range and self.brightness_range is None and not self.is_extended
        return self.data_format == "channels_last" and self.interpolation_order == 1 and fills and keeps_levels

    def standardize_into(self, images: Sequence[np.ndarray], out: np.ndarray) -> None:
        """Keras's `standardize`, image by image, from uint8 to float32.

        Args:
            images: uint8 (k, h, w, c), or k arrays; left as they are.
            out: float32 (k, h, w, c), overwritten.
        """
        if self.only_rescales:
            factor = np.float32(self.rescale or 1)
            pairs = [(images, out)] if isinstance(images, np.ndarray) else zip(images, out, strict=True)
            for pixels, result in pairs:
                np.multiply(pixels, factor, out=result, dtype=np.float32)
            return
        for image, result in zip(images, out, strict=True):
            result[...] = self.standardize(image.astype(np.float32))


def _draw_shift(random, shift_range, side: int) -> float:
    """Pixels of shift: `shift_range` below 1 is a fraction of `side`; else pixels, or an int or list to choose from."""
    if not shift_range:
        return 0
    # Keras tells the cases apart by trying NumPy's choice, which refuses a float; for floats this saves those 5 us.
    if isinstance(shift_range, float):
        shift = random.uniform(-shift_range, shift_range)
        return shift * side if shift_range < 1 else shift
    try:
        shift = random.choice(shift_range) * random.choice([-1, 1])
    except ValueError:
        shift = random.uniform(-shift_range, shift_range)
    return shift * side if np.max(shift_range) < 1 else shift


def _to_uint8(image: np.ndarray) -> np.ndarray:
    return np.rint(image).clip(0, 255).astype(np.uint8)


def _dict_per_image(columns: dict, count: int) -> list[dict]:
    """A dict of arrays (count,), or single values, as `count` dicts of plain numbers."""
    lists = [value.tolist() if isinstance(value, np.ndarray) else [value] * count for value in columns.values()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]
