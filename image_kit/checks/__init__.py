"""What is wrong with a folder of photos: each file holds one question, answered with a list of findings."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.checks.applying import Cleaned as Cleaned, apply_findings as apply_findings
    from image_kit.checks.checked_photos import (
        CheckedPhotos as CheckedPhotos,
        load_checked_photos as load_checked_photos,
    )
    from image_kit.checks.findings import Finding as Finding
    from image_kit.checks.findings_file import (
        Accepted as Accepted,
        find_checked_folder as find_checked_folder,
        read_accepted as read_accepted,
        write_findings as write_findings,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "applying": "Cleaned apply_findings",
        "checked_photos": "CheckedPhotos load_checked_photos",
        "findings": "Finding",
        "findings_file": "Accepted find_checked_folder read_accepted write_findings",
    },
)
