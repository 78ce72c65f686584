"""What is wrong with a folder of photos: each file holds one question, answered with a list of findings."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.checks.balance import find_imbalance as find_imbalance
    from image_kit.checks.checked_photos import (
        CheckedPhotos as CheckedPhotos,
        load_checked_photos as load_checked_photos,
    )
    from image_kit.checks.copies import find_copies as find_copies
    from image_kit.checks.file_facts import FileFacts as FileFacts, read_file_facts as read_file_facts
    from image_kit.checks.films import find_films as find_films, write_groups as write_groups
    from image_kit.checks.findings import Finding as Finding
    from image_kit.checks.near_copies import NearCopy as NearCopy, find_near_copies as find_near_copies
    from image_kit.checks.odd_files import find_odd_files as find_odd_files
    from image_kit.checks.shortcuts import find_shortcuts as find_shortcuts
    from image_kit.checks.splits import find_unlike_parts as find_unlike_parts

__getattr__ = lazy_names(
    __name__,
    {
        "balance": "find_imbalance",
        "checked_photos": "CheckedPhotos load_checked_photos",
        "copies": "find_copies",
        "file_facts": "FileFacts read_file_facts",
        "films": "find_films write_groups",
        "findings": "Finding",
        "near_copies": "NearCopy find_near_copies",
        "odd_files": "find_odd_files",
        "shortcuts": "find_shortcuts",
        "splits": "find_unlike_parts",
    },
)
