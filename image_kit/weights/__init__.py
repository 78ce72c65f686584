"""The weights file: its format, saving, loading, and safety."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.weights.checksum import (
        check_checksum as check_checksum,
    )
    from image_kit.weights.description import (
        Description as Description,
        describe as describe,
        read_description as read_description,
        read_trained_on as read_trained_on,
        refuse_contradiction as refuse_contradiction,
        with_progress as with_progress,
    )
    from image_kit.weights.newest import (
        BEST as BEST,
        LAST as LAST,
        RUNS as RUNS,
        find_weights as find_weights,
    )
    from image_kit.weights.trust_data import (
        DATA_SET as DATA_SET,
        read_trust as read_trust,
    )
    from image_kit.weights.weights_file import (
        add_trust as add_trust,
        load_weights as load_weights,
        save_weights as save_weights,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "checksum": "check_checksum",
        "description": "Description describe read_description read_trained_on refuse_contradiction with_progress",
        "newest": "BEST LAST RUNS find_weights",
        "trust_data": "DATA_SET read_trust",
        "weights_file": "add_trust load_weights save_weights",
    },
)
