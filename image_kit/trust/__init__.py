"""How far a network's answers can be trusted: calibration, prediction sets, novelty scores, golden self-test."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.trust.calibration import (
        COVERAGE as COVERAGE,
        MAX_COVERAGE as MAX_COVERAGE,
        MIN_COVERAGE as MIN_COVERAGE,
        TINY as TINY,
        Calibration as Calibration,
        expected_calibration_error as expected_calibration_error,
        fit_cross_calibration as fit_cross_calibration,
        with_temperature as with_temperature,
    )
    from image_kit.trust.golden import (
        record_answers as record_answers,
    )
    from image_kit.trust.heads import (
        HEADS as HEADS,
        to_probabilities as to_probabilities,
    )
    from image_kit.trust.measure import (
        measure_trust as measure_trust,
    )
    from image_kit.trust.neighbours import (
        cross_novelty_scores as cross_novelty_scores,
        fit_feature_novelty as fit_feature_novelty,
    )
    from image_kit.trust.trust import (
        Trust as Trust,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "calibration": "COVERAGE Calibration MAX_COVERAGE MIN_COVERAGE TINY expected_calibration_error "
        "fit_cross_calibration with_temperature",
        "golden": "record_answers",
        "heads": "HEADS to_probabilities",
        "measure": "measure_trust",
        "neighbours": "cross_novelty_scores fit_feature_novelty",
        "trust": "Trust",
    },
)
