"""The former place of ImageDataGenerator."""

# Scripts written when the README said `from pipeline.image_generator import ImageDataGenerator` still run.
from image_kit import ImageDataGenerator as ImageDataGenerator
