"""ImageDataGenerator with Keras's interface and pixels, faster."""
