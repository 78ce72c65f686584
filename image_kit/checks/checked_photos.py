"""The photos of a folder as every check gets them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.features import Backbone, PhotoFeatures, find_features, read_groups
from image_kit.photos import FULL_BITS, Signatures, scan_folder


@dataclass(frozen=True, eq=False)
class CheckedPhotos:
    """The n photos of a folder that can be read, and what is known of them.

    Attributes:
        folder: holds them all.
        paths: of the n photos.
        files: the same, relative to the folder, with /.
        class_names: a label is an index into it.
        labels: int32 (n,).
        parts: "train", "validation" or "test" for each photo, where the folder divides them itself; else None.
        hashes: `content_hash` of each file.
        features: float16 (n, d), bounded as a head gets them but for their length (see `prepare_rows`).
        signatures: what each photo looks like.
        unreadable: {file: reason} of the photos that cannot be read.
        named_groups: the groups that the user's file gives them; None without one.
        sample_bits: see `Preprocessing`.
        computed, known: photos that went through the backbone, and those whose features were kept from earlier.
    """

    folder: Path
    paths: list[Path]
    files: list[str]
    class_names: tuple[str, ...]
    labels: np.ndarray
    parts: list[str | None]
    hashes: list[str]
    features: np.ndarray
    signatures: Signatures
    unreadable: dict[str, str]
    computed: int
    known: int
    named_groups: list[str] | None = None
    sample_bits: int = FULL_BITS

    @property
    def sizes(self) -> np.ndarray:
        """How many photos each class has, int (classes,)."""
        return np.bincount(self.labels, minlength=len(self.class_names))


def load_checked_photos(
    folder: Path,
    backbone: Backbone,
    keeps: bool,
    show_progress: Callable[[Iterable], Iterable] = iter,
    groups_file: Path | None = None,
    sample_bits: int = FULL_BITS,
) -> CheckedPhotos:
    """Find the photos of a folder and their features.

    Args:
        folder: in one of the layouts of `scan_folder`.
        backbone: computes the features.
        keeps, show_progress, sample_bits: see `find_features`.
        groups_file: see `read_groups`; None: the user names no groups.

    Raises:
        UserError: no photo can be read; or see `scan_folder` and `read_groups`.
    """
    photos = scan_folder(folder)
    names = read_groups(groups_file, folder, photos.paths) if groups_file else None
    _, found = find_features(photos.paths, backbone, keeps, show_progress, sample_bits=sample_bits)
    readable = [index for index, digest in enumerate(found.hashes) if digest is not None]
    if not readable:
        path, reason = next(iter(found.errors.items()))
        raise UserError(f"{folder}: none of its {len(photos.paths)} photos can be read, such as {path} ({reason})")
    paths = [photos.paths[index] for index in readable]
    return CheckedPhotos(
        folder=folder,
        paths=paths,
        files=[_relative(path, folder) for path in paths],
        class_names=photos.class_names,
        labels=np.asarray(photos.labels, np.int32)[readable],
        parts=[photos.parts[index] for index in readable],
        hashes=[digest for digest in found.hashes if digest is not None],
        features=backbone.bound(found.values[readable]),
        signatures=_select(found, readable),
        unreadable={_relative(Path(path), folder): reason for path, reason in found.errors.items()},
        computed=found.computed,
        known=found.known,
        named_groups=[names[index] for index in readable] if names else None,
        sample_bits=sample_bits,
    )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _select(found: PhotoFeatures, photos: list[int]) -> Signatures:
    signatures = Signatures(0, 3)
    signatures.rows = found.signatures.rows[photos]
    return signatures
