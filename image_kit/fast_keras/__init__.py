"""Keras networks that compute the same function faster on a CPU."""
