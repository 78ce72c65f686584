"""Device, precision, and who computes: one device, several GPUs, or several machines."""
