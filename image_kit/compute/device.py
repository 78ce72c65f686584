"""Device, precision and distribution, decided in one place; also the quiet way to import TensorFlow."""

import contextlib
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image_kit.compute.quiet import native_stderr_held_back
from image_kit.errors import UserError
from image_kit.machine import cpu_cores, cpu_flags

if TYPE_CHECKING:  # which imports TensorFlow
    from image_kit.compute.cluster import Cluster
    from image_kit.compute.distribution import Distribution

DEVICES = ("auto", "cpu", "gpu")
# Instructions that make bfloat16 arithmetic faster than float32; without them it is emulated and slower.
BFLOAT16_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
# Steps run in one call into TensorFlow for images this small: Python's own cost per step is then 10 to 45 %
# of an epoch. 32 calls save nearly all of it, and the progress bar still moves every second or so.
SMALL_BATCH_PIXELS = 1_000_000
STEPS_PER_EXECUTION = 32
# Images this small are computed in shares, a core each (batch_shares.py); an operation on larger ones is long enough
# to be split. With networks of models.py on 2 cores a step takes up to a quarter less at 28 to 64 pixels a side, and as
# long at 128. A share must be a batch worth computing: 16 images were the fewest measured.
SHARED_IMAGE_PIXELS = 64 * 64
SMALLEST_SHARE = 16
# Nearly all their weights are in one layer: reading them is what a step costs, whatever the number of images.
NEVER_SHARED = {"one_conv"}


@dataclass(frozen=True)
class Compute:
    """What a run computes with.

    Attributes:
        device: "CPU" or the GPUs' names.
        cores: CPU cores that this process may use.
        policy: Keras's dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".
    """

    device: str
    cores: int
    policy: str

    def sentence(self) -> str:
        """One line for the user."""
        where = f"{self.cores} CPU cores" if self.device == "CPU" else f"{self.device} and {self.cores} CPU cores"
        how = self.policy if self.policy == "float32" else f"{self.policy} (weights float32)"
        return f"Computing on {where} in {how}."


def distribute(device: str = "auto", cluster: "Cluster | None" = None) -> "Distribution":
    """Import TensorFlow quietly and choose who computes: one device, this machine's GPUs, or a cluster's machines.

    It must come before any other work with TensorFlow. Waits until all machines of a cluster are there.

    Args:
        device: "auto": every GPU that TensorFlow sees, else the CPU; "cpu"; "gpu": the first GPU alone.
        cluster: from `cluster.from_environment`.

    Raises:
        UserError: there is no GPU and "gpu" is asked for; several devices, and a Keras that is not known to manage
            them; a cluster that does not come together.
    """
    if cluster:
        cluster.gather()
        # A machine that is lost is an error of ours; TensorFlow's own lines about it would bury it.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_stderr_held_back():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        chosen = choose_gpus(device, len(gpus))
        if len(chosen) < len(gpus):
            tf.config.set_visible_devices([gpus[number] for number in chosen], "GPU")
        _take_memory_as_needed()
        from image_kit.compute import distribution

        if cluster:
            return distribution.over_machines(cluster)
        if len(chosen) > 1:
            return distribution.over_devices([f"GPU:{number}" for number in range(len(chosen))])
        return distribution.ALONE


def choose_gpus(device: str, count: int) -> range:
    """Which of `count` GPUs are used, by number. Raises UserError if one is asked for and there is none."""
    if device == "gpu" and not count:
        raise UserError("--device gpu: TensorFlow sees no GPU on this machine; leave the option out")
    return range({"auto": count, "cpu": 0, "gpu": 1}[device])


def set_up(precision: str = "auto", seed: int | None = None, shares: int = 1) -> Compute:
    """Import TensorFlow quietly, set Keras's dtype policy and every random seed.

    A GPU that TensorFlow sees is used, its memory taken as it is needed.

    Args:
        shares: from `batch_shares`, of every batch to come in this process; 1 where there is a GPU, and where
            TensorFlow has begun to compute, because its threads cannot be changed then.
    """
    with native_stderr_held_back():
        import keras
        import tensorflow as tf

        gpus = _take_memory_as_needed()
        if shares > 1 and not gpus:
            _give_each_operation_one_thread(shares)
        tf.constant(0.0) + 1.0  # the first operation starts the devices, and their chatter
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    policy = choose_policy(precision, [detail.get("compute_capability") for detail in details], cpu_flags())
    keras.config.set_dtype_policy(policy)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    device = name_gpus([detail.get("device_name", "GPU") for detail in details]) or "CPU"
    return Compute(device, cpu_cores(), policy)


def _give_each_operation_one_thread(at_once: int) -> None:
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # TensorFlow has begun
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(at_once)


def _take_memory_as_needed() -> list:
    """The GPUs that are used; without this TensorFlow takes all of their memory at once."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return gpus


def name_gpus(names: list[str]) -> str:
    """GPUs for the user: equal ones once, with their number."""
    return ", ".join(
        f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)
    )


def unused_gpu(device: str = "auto") -> str | None:
    """One line on a GPU of this machine that TensorFlow cannot use, with what mends it; None if there is none."""
    import tensorflow as tf

    from image_kit.compute import unused_gpus as accelerators

    return accelerators.notice(device, len(tf.config.list_physical_devices("GPU")), tf.test.is_built_with_cuda())


def choose_policy(precision: str, gpu_capabilities: list[tuple[int, int] | None], flags: set[str]) -> str:
    """Keras's dtype policy for "auto": the fastest that trains as well as float32 on this hardware.

    GPUs: bfloat16 from compute capability 8.0 (Ampere) on, float16 from 7.0 (Volta, tensor cores) on.
    CPUs: bfloat16 where an instruction computes it. Anything else: float32.
    """
    if precision != "auto":
        return precision
    if gpu_capabilities:
        lowest = min(capability or (0, 0) for capability in gpu_capabilities)
        return "mixed_bfloat16" if lowest >= (8, 0) else "mixed_float16" if lowest >= (7, 0) else "float32"
    return "mixed_bfloat16" if flags & BFLOAT16_CPU_FLAGS else "float32"


def steps_per_execution(image_shape: tuple[int, int, int], batch_size: int, steps: int) -> int:
    """How many steps to run in one call: 1 for photos, up to STEPS_PER_EXECUTION for small images."""
    height, width, channels = image_shape
    small = height * width * channels * batch_size <= SMALL_BATCH_PIXELS
    return max(1, min(STEPS_PER_EXECUTION, steps // 8)) if small else 1


def batch_shares(model: str, image_shape: tuple[int, int, int], batch_size: int, cores: int) -> int:
    """In how many shares to compute a batch: one for each core, or 1 where splitting each operation is as fast."""
    is_small = math.prod(image_shape[:2]) <= SHARED_IMAGE_PIXELS and batch_size >= cores * SMALLEST_SHARE
    return cores if is_small and model not in NEVER_SHARED else 1


def validation_batch_size(image_shape: tuple[int, int, int], batch_size: int) -> int:
    """Images to validate on at once: a batch of training, or more of small ones, which saves the cost of a step.

    A thousand at most; and no more pixels than a batch of photos has, whose layers' outputs leave the cache.
    """
    return max(batch_size, min(1024, SMALL_BATCH_PIXELS // math.prod(image_shape)))


@contextlib.contextmanager
def dtype_policy(name: str):
    """Build layers under another dtype policy than the run's."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
