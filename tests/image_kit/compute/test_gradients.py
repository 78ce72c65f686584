from tensorflow.python.framework import ops

from image_kit.compute import forgetting_gradients


def test_only_gradients_of_single_graphs_are_forgotten():
    with forgetting_gradients():
        for name in ("OfAnother", "CustomGradient-of-a-fit"):
            ops.RegisterGradient(name)(lambda *_: None)
    try:
        assert {"OfAnother", "CustomGradient-of-a-fit"} & set(ops.gradient_registry.list()) == {"OfAnother"}
    finally:
        ops.gradient_registry._registry.pop("OfAnother")
