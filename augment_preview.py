"""Show what augmentation does to a photo: random transforms as JPEGs, and one contact sheet of them all."""

import argparse
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from image_kit import options, terminal as command_line
from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.photos import PhotoError, list_photos, open_photo, tune_memory
from image_kit.recipe import Augmentation
from image_kit.terminal import say
from presets import PRESETS, PREVIEW_AUGMENTATION

LONGEST_SIDE = 640  # pixels, of the preview: the size of the tutorial's photos
COUNTS = (20, 6)  # transforms of one photo; of each photo of a folder: with the original, one line of the sheet
MAX_COUNT = 500  # transforms of a photo: a few seconds, and more than a sheet can show well
MAX_PHOTOS = 40  # of a folder: more rows than this nobody looks at
EXAMPLES = """examples:
  python augment_preview.py photo.jpg                           tutorial 1's preview: rotation, shifts, shear, ...
  python augment_preview.py photo.jpg --preset elephants_cars   what that preset trains on
  python augment_preview.py photo.jpg --rotation-range 90 --fill-mode wrap
  python augment_preview.py photos/ --count 6                   a row for each photo
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO|FOLDER", help="an image file, or a folder of them")
    parser.add_argument("--preset", choices=PRESETS, help="take this preset's augmentation")
    parser.add_argument("--count", type=int, metavar="N", help="transforms of each photo (20; for a folder 6)")
    parser.add_argument("--prefix", help="first part of the files' names (default: the photo's name)")
    parser.add_argument("--output", type=Path, default=Path("preview"), metavar="DIR", help="default: preview/")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, other transforms")
    options.add_augmentation_options(parser)
    return parser.parse_args()


def main() -> None:
    """Draw the transforms, write the JPEGs and the contact sheet."""
    args = parse()
    is_folder = args.photo.is_dir()
    count = COUNTS[is_folder] if args.count is None else args.count
    if count < 1:
        raise UserError(f"--count: must be at least 1, received {count}")
    if count > MAX_COUNT:
        raise UserError(f"--count: must be at most {MAX_COUNT}, received {count}")
    if args.prefix and Path(args.prefix).name != args.prefix:
        raise UserError(f"--prefix: must be a plain name, received {args.prefix!r}")
    if args.seed < 0:
        raise UserError(f"--seed: must be at least 0, received {args.seed}")
    augmentation = choose_augmentation(args)
    tune_memory()
    photos = read_photos(args.photo)
    from image_kit.compute import set_up

    set_up("float32")
    from image_kit.pictures import plot_contact_sheet

    rows = []
    for number, (path, image) in enumerate(photos):
        transforms = draw(image, augmentation, count, args.seed, number)
        save_jpegs(args.output, args.prefix or path.stem, [transformed for transformed, _ in transforms])
        rows.append([(image, path.name), *transforms])
    sheet = next(path for path in numbered(args.output / "contact_sheet", ".png") if not path.exists())
    plot_contact_sheet(rows, sheet)
    say(f"{count} transforms of {len(photos)} photo{'s' if len(photos) > 1 else ''} are in {args.output}/")
    print(sheet)


def choose_augmentation(args: argparse.Namespace) -> Augmentation:
    """The preset's, the tutorial's preview, or only what the options say; raises UserError if that is nothing."""
    if args.preset:
        base = PRESETS[args.preset].augmentation
    else:
        base = Augmentation() if options.given(args, Augmentation) else PREVIEW_AUGMENTATION
    augmentation = options.resolve_augmentation(args, base)
    if augmentation == Augmentation(fill_mode=augmentation.fill_mode, cval=augmentation.cval):
        raise UserError("no transform is switched on; give one, such as --rotation-range 40 (see --help)")
    return augmentation


def read_photos(source: Path) -> list[tuple[Path, np.ndarray]]:
    """The photos as uint8 arrays (height, width, 3), at most LONGEST_SIDE pixels long; unreadable ones are named."""
    paths = list_photos(source) if source.is_dir() else [source]
    if len(paths) > MAX_PHOTOS:
        say(f"{source}: the first {MAX_PHOTOS} of {len(paths)} photos are shown")
    photos = []
    for path in paths[:MAX_PHOTOS]:
        try:
            image = open_photo(path, smallest=LONGEST_SIDE)
        except PhotoError as error:
            if not source.is_dir():
                raise UserError(f"{path}: cannot be read as an image ({error}); give a photo or a folder") from None
            say(f"left out, cannot be read: {path} ({error})")
            continue
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        photos.append((path, np.asarray(image)))
    if not photos:
        raise UserError(f"{source}: has no readable photo; give a photo or a folder of photos")
    return photos


def draw(image: np.ndarray, augmentation: Augmentation, count: int, seed: int, number: int) -> list:
    """`count` pairs of a transformed image (uint8, the shape of `image`) and a caption that says what was drawn."""
    from image_kit.datasets import build_image_generator

    generator = build_image_generator(augmentation)
    drawn = generator.draw_transforms(image.shape, seed, 0, np.arange(count) + number * count)
    return [(np.asarray(generator.apply_transform(image, one), np.uint8), describe(one)) for one in drawn]


def describe(transform: dict) -> str:
    """What Keras's `get_random_transform` drew, a line each; Keras's tx and zx act along the width."""
    texts = []
    if transform["theta"]:
        texts.append(f"rotation {transform['theta']:.1f}°")
    if transform["tx"] or transform["ty"]:
        texts.append(f"shift {-transform['tx']:.0f} right, {-transform['ty']:.0f} down")
    if transform["shear"]:
        texts.append(f"shear {transform['shear']:.2f}°")
    if (transform["zx"], transform["zy"]) != (1, 1):
        texts.append(f"zoom {1 / transform['zx']:.2f} wide, {1 / transform['zy']:.2f} high")
    if transform["channel_shift_intensity"] is not None:
        texts.append(f"channels {transform['channel_shift_intensity']:+.0f}")
    if transform["brightness"] is not None:
        texts.append(f"brightness x {transform['brightness']:.2f}")
    texts += [f"flipped {way}" for way in ("horizontal", "vertical") if transform[f"flip_{way}"]]
    return "\n".join(texts) or "unchanged"


def save_jpegs(folder: Path, prefix: str, images: list[np.ndarray]) -> None:
    """Write `prefix`_1.jpeg, `prefix`_2.jpeg, ...; numbers that are taken are passed over."""
    free = (path for path in numbered(folder / prefix, ".jpeg") if not path.exists())
    for image, path in zip(images, free, strict=False):
        with replacing(path) as temporary:
            Image.fromarray(image).save(temporary, quality=90)


def numbered(stem: Path, suffix: str):
    """stem_1.suffix, stem_2.suffix, ..."""
    return (stem.with_name(f"{stem.name}_{number}{suffix}") for number in itertools.count(1))


if __name__ == "__main__":
    command_line.run(main)
