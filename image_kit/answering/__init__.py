"""Trained networks, run by LiteRT or Keras, and their answers and scores. Files named lite_* are about LiteRT."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.answering.answers import (
        Answer as Answer,
        write_answers as write_answers,
    )
    from image_kit.answering.classifier import (
        Classifier as Classifier,
        refuse_not_finite as refuse_not_finite,
    )
    from image_kit.answering.compared_runs import (
        ComparedRuns as ComparedRuns,
        DifferingPhoto as DifferingPhoto,
        RunAnswers as RunAnswers,
        compare_runs as compare_runs,
        refuse_other_classes as refuse_other_classes,
        write_differences as write_differences,
    )
    from image_kit.answering.comparison import (
        Overall as Overall,
        Pair as Pair,
    )
    from image_kit.answering.flatbuffer_classifier import (
        FlatbufferClassifier as FlatbufferClassifier,
    )
    from image_kit.answering.inference import (
        answer_photos as answer_photos,
        load_classifier as load_classifier,
        load_through_tensorflow as load_through_tensorflow,
    )
    from image_kit.answering.keras_classifier import (
        KerasClassifier as KerasClassifier,
    )
    from image_kit.answering.lite_cache import (
        fast_path_for as fast_path_for,
        trim as trim,
    )
    from image_kit.answering.lite_classifier import (
        LiteClassifier as LiteClassifier,
    )
    from image_kit.answering.lite_export import (
        write_flatbuffer_model as write_flatbuffer_model,
        write_lite_model as write_lite_model,
        write_lite_network as write_lite_network,
    )
    from image_kit.answering.lite_folding import (
        IMAGE as IMAGE,
        Folded as Folded,
        Layer as Layer,
        fold as fold,
        normalization as normalization,
        require as require,
    )
    from image_kit.answering.lite_graph import (
        Graph as Graph,
    )
    from image_kit.answering.lite_layers import (
        LayerWriter as LayerWriter,
    )
    from image_kit.answering.lite_model import (
        LITE as LITE,
        LiteModel as LiteModel,
        read as read,
        sha256 as sha256,
    )
    from image_kit.answering.lite_network import (
        LiteNetwork as LiteNetwork,
    )
    from image_kit.answering.lite_small import (
        FASTEST as FASTEST,
        FORMS as FORMS,
        quantize_graph as quantize_graph,
        quantized_flatbuffer as quantized_flatbuffer,
    )
    from image_kit.answering.lite_trial import (
        refuse_unsafe_network as refuse_unsafe_network,
    )
    from image_kit.answering.lite_writer import (
        Unsupported as Unsupported,
        flatbuffer as flatbuffer,
        write_layers as write_layers,
    )
    from image_kit.answering.predictions import (
        write_predictions as write_predictions,
    )
    from image_kit.answering.scores import (
        Scores as Scores,
        beside_guessing as beside_guessing,
        most_confident_mistakes as most_confident_mistakes,
        score as score,
        score_images as score_images,
        wilson_interval as wilson_interval,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "answers": "Answer write_answers",
        "classifier": "Classifier refuse_not_finite",
        "compared_runs": "ComparedRuns DifferingPhoto RunAnswers compare_runs refuse_other_classes write_differences",
        "comparison": "Overall Pair",
        "flatbuffer_classifier": "FlatbufferClassifier",
        "inference": "answer_photos load_classifier load_through_tensorflow",
        "keras_classifier": "KerasClassifier",
        "lite_cache": "fast_path_for trim",
        "lite_classifier": "LiteClassifier",
        "lite_export": "write_flatbuffer_model write_lite_model write_lite_network",
        "lite_folding": "IMAGE Folded Layer fold normalization require",
        "lite_graph": "Graph",
        "lite_layers": "LayerWriter",
        "lite_model": "LITE LiteModel read sha256",
        "lite_network": "LiteNetwork",
        "lite_small": "FASTEST FORMS quantize_graph quantized_flatbuffer",
        "lite_trial": "refuse_unsafe_network",
        "lite_writer": "Unsupported flatbuffer write_layers",
        "predictions": "write_predictions",
        "scores": "Scores beside_guessing most_confident_mistakes score score_images wilson_interval",
    },
)
