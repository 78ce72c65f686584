"""Device, precision, and who computes: one device, several GPUs, or several machines."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.compute.cluster import (
        Cluster as Cluster,
        cluster_from_environment as cluster_from_environment,
    )
    from image_kit.compute.device import (
        DEVICES as DEVICES,
        Hardware as Hardware,
        distribute as distribute,
        dtype_policy as dtype_policy,
        prepare_keras as prepare_keras,
        set_up as set_up,
        unused_gpu as unused_gpu,
    )
    from image_kit.compute.distribution import (
        ALONE as ALONE,
        Distribution as Distribution,
    )
    from image_kit.compute.gradients import (
        forgetting_gradients as forgetting_gradients,
    )
    from image_kit.compute.quiet import (
        native_stderr_held_back as native_stderr_held_back,
    )
    from image_kit.compute.shapes import (
        shapes_only as shapes_only,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "cluster": "Cluster cluster_from_environment",
        "device": "Hardware DEVICES distribute dtype_policy prepare_keras set_up unused_gpu",
        "distribution": "ALONE Distribution",
        "gradients": "forgetting_gradients",
        "quiet": "native_stderr_held_back",
        "shapes": "shapes_only",
    },
)
