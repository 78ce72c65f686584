"""What a run computes with: the device, the precision, and who takes part. It is decided here, once."""

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image_kit.compute.keras_settings import choose_settings, lift_limits
from image_kit.compute.quiet import native_stderr_held_back
from image_kit.errors import UserError
from image_kit.leftovers import gather_temporary_files
from image_kit.machine import cpu_cores, cpu_flags
from image_kit.terminal import is_command

if TYPE_CHECKING:  # which imports TensorFlow
    from image_kit.compute.cluster import Cluster
    from image_kit.compute.distribution import Distribution

DEVICES = ("auto", "cpu", "gpu")
# Instructions that make bfloat16 faster than float32. Without them, bfloat16 is emulated and slower.
BFLOAT16_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True)
class Hardware:
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

    Call it before any other work with TensorFlow. It waits until all machines of a cluster are there.

    Args:
        device: "auto": every GPU that TensorFlow sees, else the CPU; "cpu"; "gpu": only the first GPU.
        cluster: from `cluster_from_environment`.

    Raises:
        UserError: see `prepare_keras`; "gpu" is asked for and there is none; there are several devices, and this
            version of Keras is not known to train on them; or a machine of the cluster does not answer.
    """
    if cluster:
        cluster.gather()
        # We report a lost machine in one line. TensorFlow's own lines about it would hide that line.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_stderr_held_back():
        choose_settings()
        import tensorflow as tf  # 3 s, which --help and an error in the options need not wait for

        gpus = tf.config.list_physical_devices("GPU")
        chosen = choose_gpus(device, len(gpus))
        if len(chosen) < len(gpus):
            tf.config.set_visible_devices([gpus[number] for number in chosen], "GPU")
        _take_memory_as_needed()
        from image_kit.compute import distribution  # imports TensorFlow

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


def set_up(precision: str = "auto", seed: int | None = None, slices: int = 1) -> Hardware:
    """Import TensorFlow quietly, arrange its threads, choose the precision and set every random seed.

    A GPU that TensorFlow sees is used. Its memory is allocated as needed.

    Args:
        precision: of Recipe.
        seed: for Python, NumPy and Keras; None leaves them as they are.
        slices: how many slices batches will be computed in, see `fast_keras.choose_slices`. Ignored if there is a GPU,
            or if TensorFlow has begun to compute, because its threads cannot be changed then.

    Raises:
        UserError: see `prepare_keras`.
    """
    if is_command():
        gather_temporary_files()  # TensorFlow leaves the code that it generates, and models on their way to a converter
    with native_stderr_held_back():
        prepare_keras()
        import keras  # see distribute
        import tensorflow as tf  # see distribute

        gpus = _take_memory_as_needed()
        if slices > 1 and not gpus:
            _give_each_operation_one_thread(slices)
        tf.constant(0.0) + 1.0  # the first operation starts the devices, which print their messages then
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    policy = choose_policy(precision, [detail.get("compute_capability") for detail in details], cpu_flags())
    if seed is not None:
        keras.utils.set_random_seed(seed)
    device = name_gpus([detail.get("device_name", "GPU") for detail in details]) or "CPU"
    return Hardware(device, cpu_cores(), policy)


def prepare_keras() -> None:
    """Import Keras with the settings that the kit's networks are made for.

    Raises:
        UserError: it was imported before, on another backend than TensorFlow; or it cannot be imported with the user's
            keras.json.
    """
    choose_settings()
    import keras  # see distribute

    if (backend := keras.config.backend()) != "tensorflow":
        raise UserError(f"KERAS_BACKEND: the kit's networks need tensorflow, received {backend}; change the variable")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    lift_limits()


def _give_each_operation_one_thread(operations: int) -> None:
    import tensorflow as tf  # see distribute

    with contextlib.suppress(RuntimeError):  # TensorFlow has begun
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(operations)


def _take_memory_as_needed() -> list:
    """The GPUs that are used. Without this, TensorFlow takes all their memory at once."""
    import tensorflow as tf  # see distribute

    gpus = tf.config.get_visible_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return gpus


def name_gpus(names: list[str]) -> str:
    """The GPUs' names for a message. Equal ones are named once, with their number."""
    return ", ".join(
        f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)
    )


def unused_gpu(device: str = "auto") -> str | None:
    """One line about a GPU of this machine that TensorFlow cannot use, and what to do; None if there is none."""
    import tensorflow as tf  # see distribute

    from image_kit.compute import unused_gpus  # imports subprocess, which evaluate.py and --help do not need

    return unused_gpus.notice(device, len(tf.config.list_physical_devices("GPU")), tf.test.is_built_with_cuda())


def choose_policy(precision: str, gpu_capabilities: list[tuple[int, int] | None], flags: set[str]) -> str:
    """Keras's dtype policy. For "auto" it is the fastest that trains as well as float32 on this hardware.

    GPUs: bfloat16 from compute capability 8.0 (Ampere) on, float16 from 7.0 (Volta, tensor cores) on.
    CPUs: bfloat16 where an instruction computes it. Anything else: float32.
    """
    if precision != "auto":
        return precision
    if gpu_capabilities:
        lowest = min(capability or (0, 0) for capability in gpu_capabilities)
        return "mixed_bfloat16" if lowest >= (8, 0) else "mixed_float16" if lowest >= (7, 0) else "float32"
    return "mixed_bfloat16" if flags & BFLOAT16_CPU_FLAGS else "float32"


@contextlib.contextmanager
def dtype_policy(name: str):
    """Build layers under a dtype policy other than the process's."""
    import keras  # see distribute

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
