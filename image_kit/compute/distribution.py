"""Training on several GPUs or machines: TensorFlow's strategies, and corrections that Keras 3.15 needs to use them.

A batch of the recipe is divided, not multiplied: every replica (a GPU, or a machine's CPU) takes its part of the same
batch, so the losses are those of one device up to rounding. Five faults of Keras prevent that. All are corrected here,
on the strategy and the model of one run, the first four through public interfaces:

1. Keras lets TensorFlow cut batches into equal parts or hand whole batches out. `_Cutting` cuts each batch into parts
   that differ by at most one image. With several machines, each makes only its own shard (`Batches`).
2. Keras adds up the replicas' mean gradients as if all had the same number of images. `adapt` weighs each by its own.
3. A replica may have no image of an epoch's last batch, and TensorFlow's pooling on CPUs crashes without any.
   `adapt` gives it a black image and drops the answer.
4. With float16 every replica checks its own gradients for an overflow, before they are added up. If one overflows and
   the first does not, all weights become NaN, and machines that disagree wait for each other. `adapt` lets them decide
   together.
5. `Model.fit` fails on several machines (https://github.com/keras-team/keras/issues/20585) in two private places:
   `Trainer._maybe_symbolic_build` averages a batch over replicas, which also fails for uneven parts on one machine, and
   `reduce_per_replica` averages scalars over an axis that they do not have. Both are replaced, so the version of Keras
   is checked.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow import trainer as keras_trainer
from tensorflow.python.distribute.collective_all_reduce_strategy import coordination_config_pb2
from tensorflow.python.eager import context

from image_kit.compute.cluster import Cluster
from image_kit.errors import MachineLost, UserError
from image_kit.terminal import ended_by_ctrl_c

# The versions of Keras in which the two private places (5 above) are known.
KERAS = "3.15."
# A machine that has sent nothing for this long counts as lost. With TensorFlow's own delays that takes up to a minute.
HEARTBEAT_SECONDS = 30
# TensorFlow's exceptions in that case. Anything else, such as too little memory, is this machine's own error.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
# Between `Cluster.gather` and this wait, TensorFlow starts on every machine, the slowest too.
STARTING_SECONDS = 300


class Distribution:
    """Who computes a run: one device, several GPUs, or several machines.

    Attributes:
        strategy: TensorFlow's strategy; None for one device.
        replicas: how many parts a batch is cut into.
        machine: this machine's number, from 0.
        machines: how many there are.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, cluster: Cluster | None = None):
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self.machine, self.machines = (cluster.place, len(cluster.addresses)) if cluster else (0, 1)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder and prints messages."""
        return self.machine == 0

    @property
    def is_shared(self) -> bool:
        """Whether more than one device computes."""
        return self.strategy is not None

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Use around the construction of the model and its optimizer."""
        with self._waiting(), self.strategy.scope() if self.strategy else contextlib.nullcontext():
            yield

    def sentence(self, batch_size: int, learning_rate: float) -> str:
        """How the batch is divided, for a message; empty for one device."""
        if not self.is_shared:
            return ""
        low, high = batch_size // self.replicas, -(-batch_size // self.replicas)
        each = f"{low}" if low == high else f"{low} or {high}"
        kind = "GPUs" if tf.config.list_logical_devices("GPU") else "devices" if self.machines == 1 else "machines"
        where = f" on {self.machines} machines" if self.machines > 1 and kind != "machines" else ""
        return (
            f" The batch of {batch_size} is divided: {each} on each of {self.replicas} {kind}{where}; "
            f"learning rate unchanged: {learning_rate:g}."
        )

    def adapt(self, model: keras.Model, labels: np.ndarray) -> None:
        """Correct faults 2, 3, 4 and the first half of 5 (see the top of this file) of a compiled model.

        Args:
            labels: those of a batch of any size, for their shape and dtype.
        """
        strategy = self.strategy
        if strategy is None:
            return
        images = np.zeros((len(labels), *model.input_shape[1:]), np.float32)
        model.compute_loss = _weigh_by_images(model.compute_loss, self.replicas)
        model.call = _never_empty(model.call)
        if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
            model.optimizer.check_finite = _finite_everywhere(model.optimizer.check_finite, self.replicas)

        def build(iterator=None, data_batch=None):
            with strategy.scope():
                model._symbolic_build(data_batch=(images, labels))

        model._maybe_symbolic_build = build

    @contextlib.contextmanager
    def fitting(self) -> Iterator[None]:
        """Use around fit: correct the second half of fault 5, and raise `MachineLost` when a machine is lost."""
        if self.machines == 1:
            yield
            return
        original = keras_trainer.reduce_per_replica
        keras_trainer.reduce_per_replica = _mean_of_this_machine
        try:
            with self._watching():
                yield
        finally:
            keras_trainer.reduce_per_replica = original

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            if self.machines == 1 or not isinstance(error, LOST):
                raise
            raise MachineLost(error) from None

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """Use around a wait for the other machines to come this far, for example to have read their images."""
        with self._watching(), ended_by_ctrl_c() if self.machines > 1 else contextlib.nullcontext():
            yield

    def from_chief(self, text: str) -> str:
        """The chief's text, on every machine. All machines must call it."""
        if self.machines == 1:
            return text
        data = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        if not self.is_chief:
            data = np.zeros(0, np.int32)
        size = int(self._sum(np.asarray(len(data), np.int32)))
        data = self._sum(data if self.is_chief else np.zeros(size, np.int32))
        return data.astype(np.uint8).tobytes().decode()

    def copy_from_chief(self, variables: Sequence[keras.Variable]) -> None:
        """Give the variables the chief's values on every machine. All machines must call it."""
        for variable in variables if self.machines > 1 else ():
            value = variable.numpy()
            variable.assign(self._sum(value if self.is_chief else np.zeros_like(value)))

    def _sum(self, array: np.ndarray) -> np.ndarray:
        assert self.strategy is not None  # there is more than one machine
        with self._waiting():
            return self.strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(array), axis=None).numpy()


ALONE = Distribution()


def over_devices(devices: Sequence[str]) -> Distribution:
    """Several devices of this machine, named "GPU:0" and so on. Raises UserError, see `require_known_keras`."""
    require_known_keras(keras.__version__)
    return Distribution(_Mirrored(list(devices)))


def over_machines(cluster: Cluster) -> Distribution:
    """The machines of a cluster, after `Cluster.gather`. Call it before any other TensorFlow operation.

    Raises UserError, see `require_known_keras`; MachineLost if one does not answer.
    """
    require_known_keras(keras.__version__)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{next(iter(cluster.jobs))}/replica:0/task:0",
        cluster_register_timeout_in_ms=STARTING_SECONDS * 1000,
        heartbeat_timeout_in_ms=HEARTBEAT_SECONDS * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=job, num_tasks=len(addresses))
            for job, addresses in cluster.jobs.items()
        ],
    )
    try:
        with ended_by_ctrl_c():
            return Distribution(_MultiMachine(), cluster)
    except tf.errors.OpError as error:
        raise MachineLost(error) from None


def require_known_keras(version: str) -> None:
    """Raise UserError on a version of Keras for which the corrections of this module are not known to be right."""
    if not version.startswith(KERAS):
        raise UserError(
            f"Keras {version}: training on several GPUs or machines is known to work with Keras {KERAS}* only (keras "
            f"issue 20585); run: pip install 'keras=={KERAS}*', or train on one device with --device gpu or cpu"
        )


class _Cutting:
    """Makes a strategy cut each batch into one part for each of this machine's replicas."""

    def experimental_distribute_dataset(self, dataset: tf.data.Dataset, options=None):
        """Called by Keras in fit and evaluate."""

        def cut(input_context: tf.distribute.InputContext) -> tf.data.Dataset:
            return cut_batches(dataset, input_context.num_replicas_in_sync // input_context.num_input_pipelines)

        return self.distribute_datasets_from_function(cut)  # type: ignore[attr-defined]  # the strategy's


class _Mirrored(_Cutting, tf.distribute.MirroredStrategy):
    pass


class _MultiMachine(_Cutting, tf.distribute.MultiWorkerMirroredStrategy):
    pass


def cut_batches(dataset: tf.data.Dataset, parts: int) -> tf.data.Dataset:
    """Split each batch of a dataset into `parts` batches in a row. Their sizes differ by at most 1; some may be 0."""

    def cut(*batch: tf.Tensor) -> tf.data.Dataset:
        size = tf.shape(batch[0], tf.int64)[0]

        def part(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return tuple(each[size * number // parts : size * (number + 1) // parts] for each in batch)

        return tf.data.Dataset.range(parts).map(part)

    return dataset if parts == 1 else dataset.flat_map(cut)


def _weigh_by_images(compute_loss: Callable, replicas: int) -> Callable:
    """A `Model.compute_loss` with the same value, and a gradient that counts every image of the batch alike.

    Keras takes the mean over a replica's images and divides by the number of replicas. The metrics weigh the
    value by the number of images themselves; the gradient is summed over the replicas.
    """

    def weighed(x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        replica = tf.distribute.get_replica_context()
        if replica is None or not training:  # None: Keras only looks at the shapes
            return loss
        images = tf.cast(tf.shape(y)[0], loss.dtype)
        weight = images * replicas / replica.all_reduce(tf.distribute.ReduceOp.SUM, images)
        return loss + (weight - 1) * (loss - tf.stop_gradient(loss))

    return weighed


def _never_empty(call: Callable) -> Callable:
    """A `Model.call` that computes on one black image if it gets none, and then outputs nothing."""

    def padded(inputs, training=None, mask=None):
        size = tf.shape(inputs)[0]
        missing = 1 - tf.minimum(size, 1)
        inputs = tf.pad(inputs, [[0, missing], *[[0, 0]] * (len(inputs.shape) - 1)])
        return call(inputs, training=training, mask=mask)[:size]

    return padded


def _finite_everywhere(check_finite: Callable, replicas: int) -> Callable:
    """A `LossScaleOptimizer.check_finite` that returns the same on every replica: whether all gradients are finite."""

    def check(grads):
        finite = tf.cast(check_finite(grads), tf.float32)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, finite) >= replicas

    return check


def _mean_of_this_machine(values, strategy: tf.distribute.Strategy, reduction: str):
    """Replaces Keras's `reduce_per_replica`: what the progress bar shows need not cross the network.

    The metrics of an epoch come from elsewhere: Keras sums them over all machines.
    """
    return keras.tree.map_structure(
        lambda value: tf.reduce_mean(tf.stack(strategy.experimental_local_results(value)), axis=0), values
    )
