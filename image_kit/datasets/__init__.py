"""A folder or an array data set: parts, batches, tf.data."""
