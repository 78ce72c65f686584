"""Show what augmentation does to photos: random transforms as JPEGs, and a contact sheet of them all."""

import argparse
import sys
from functools import partial
from pathlib import Path

if getattr(sys.flags, "safe_path", False):  # python -P and -I leave this folder out
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_kit import options, terminal as command_line
from image_kit.errors import UserError
from image_kit.files import fill_file
from image_kit.notebooks import own_modules
from image_kit.photos import PhotoError, list_photos, note_samples, open_photo, tune_memory
from image_kit.recipe import Augmentation
from image_kit.retries import is_folder
from image_kit.terminal import CommandLine, SomeMessages, say, show

# isort: split
import numpy as np  # after image_kit, which first sees to Ctrl-C and to missing packages
from PIL import Image

with own_modules():
    from presets import PRESETS, PREVIEW_AUGMENTATION

LONGEST_SIDE = 640  # pixels, the size of the tutorial's photos
COUNTS = (20, 6)  # transforms of a single photo; of each photo in a folder, a line on the sheet with the original
MAX_COUNT = 500  # transforms of a photo: they take a few seconds, and a sheet shows fewer well
MAX_PHOTOS = 40  # in a folder, one row each
EXAMPLES = """examples:
  python augment_preview.py photo.jpg                           as in tutorial 1: rotation, shifts, shear, ...
  python augment_preview.py photo.jpg --preset elephants_cars   as in the training of that preset
  python augment_preview.py photo.jpg --rotation-range 90 --fill-mode wrap
  python augment_preview.py photos/ --count 6                   a row for each photo
"""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = CommandLine(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, metavar="PHOTO|FOLDER", help="an image file, or a folder of them")
    parser.add_argument("--preset", choices=PRESETS, help="use this preset's augmentation")
    parser.add_argument("--count", type=int, metavar="N", help="transforms of each photo (default: 20; for a folder 6)")
    parser.add_argument("--prefix", help="start of the files' names (default: the photo's name)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("preview"),
        metavar="DIR",
        help="folder for the pictures (default: preview/)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed draws others (default: 0)")
    options.add_sample_bits(parser)
    options.add_augmentation_options(parser)
    args = parser.parse_args()
    if args.count is None:
        args.count = COUNTS[is_folder(args.photo)]
    refuse_wrong_options(args)
    return args


def refuse_wrong_options(args: argparse.Namespace) -> None:
    """Raise UserError if an option is out of range."""
    if args.count < 1:
        raise UserError(f"--count: must be at least 1, received {args.count}")
    if args.count > MAX_COUNT:
        raise UserError(f"--count: must be at most {MAX_COUNT}, received {args.count}")
    if args.prefix and Path(args.prefix).name != args.prefix:
        raise UserError(f"--prefix: must be a plain name, received {args.prefix!r}")
    if args.seed < 0:
        raise UserError(f"--seed: must be at least 0, received {args.seed}")
    options.check_sample_bits(args)


def main() -> None:
    """Read the photos, transform each at random, write the JPEGs and the contact sheet."""
    args = parse()
    tune_memory()
    augmentation = choose_augmentation(args)
    photos = read_photos(args.photo, args.sample_bits)
    from image_kit.compute import set_up

    set_up("float32")
    # matplotlib and Keras take seconds, which --help and a wrong option must not wait for.
    from image_kit.datasets import build_image_generator
    from image_kit.generator import describe_transform
    from image_kit.pictures import plot_contact_sheet

    generator, rows = build_image_generator(augmentation), []
    for number, (path, image) in enumerate(photos):
        drawn = generator.draw_transforms(image.shape, args.seed, 0, np.arange(args.count) + number * args.count)
        transformed = [np.asarray(generator.apply_transform(image, transform), np.uint8) for transform in drawn]
        save_jpegs(args.output, args.prefix or path.stem, transformed)
        captions = map(describe_transform, drawn)
        rows.append([(image, path.name), *zip(transformed, captions, strict=True)])
    sheet = fill_file(None, args.output / "contact_sheet", ".png", partial(plot_contact_sheet, rows), "_")
    say(f"{args.count} transforms of {len(photos)} photo{'s' if len(photos) > 1 else ''} are in {args.output}/")
    show(str(sheet))


def choose_augmentation(args: argparse.Namespace) -> Augmentation:
    """The preset's augmentation with the options laid over it; without --preset, the options' or the tutorial's.

    Raises UserError if no transform is switched on.
    """
    if args.preset:
        base = PRESETS[args.preset].augmentation
    else:
        base = Augmentation() if options.given(args, Augmentation) else PREVIEW_AUGMENTATION
    augmentation = options.resolve_augmentation(args, base)
    if augmentation == Augmentation(fill_mode=augmentation.fill_mode, cval=augmentation.cval):
        raise UserError("no transform is switched on; give one, such as --rotation-range 40 (see --help)")
    return augmentation


def read_photos(source: Path, sample_bits: int) -> list[tuple[Path, np.ndarray]]:
    """The photos as uint8 arrays (height, width, 3), at most LONGEST_SIDE pixels high and wide, with their paths.

    Photos of a folder that cannot be read are named on stderr and left out.

    Raises UserError if no photo can be read.
    """
    paths = list_photos(source) if is_folder(source) else [source]
    if len(paths) > MAX_PHOTOS:
        say(f"{source}: the first {MAX_PHOTOS} of {len(paths)} photos are shown")
    for note in note_samples(paths[:MAX_PHOTOS], sample_bits):
        say(note)
    photos, unreadable = [], SomeMessages("more cannot be read; check.py lists them all")
    for path in paths:
        if len(photos) == MAX_PHOTOS:
            break
        try:
            image = open_photo(path, LONGEST_SIDE, sample_bits)
        except PhotoError as error:
            if not source.is_dir():
                raise UserError(f"{path}: cannot be read as an image ({error}); give a photo or a folder") from None
            unreadable.say(f"left out, cannot be read: {path} ({error})")
            continue
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        photos.append((path, np.asarray(image)))
    unreadable.end()
    if not photos:
        raise UserError(f"{source}: has no readable photo; give a photo or a folder of photos")
    return photos


def save_jpegs(folder: Path, prefix: str, images: list[np.ndarray]) -> None:
    """Write `prefix`_1.jpeg, `prefix`_2.jpeg, ..., without the numbers of files that exist."""
    for image in images:
        fill_file(None, folder / prefix, ".jpeg", partial(Image.fromarray(image).save, quality=90), "_")


if __name__ == "__main__":
    command_line.run(main)
