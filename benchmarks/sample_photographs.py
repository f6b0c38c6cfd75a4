#!/usr/bin/env python3
"""sample_photographs.py OUT: a folder of pictures as people have them, cut from photographs that a package ships.

2,000 pictures in 37 unequal classes: a class is a quarter (of the width) of one photograph, and its pictures are cut from there at
random. Odd sizes; of 20 pictures one is grey, one a PNG, one a PNG with transparent corners, one turned with EXIF's tag; one
picture of all is cut short. The same seed gives the same folder. Photographs come from --photographs, by default those of Debian's package
mate-backgrounds (licences: see its copyright file). Needs Pillow (Debian: python3-pil).
"""
import argparse
import pathlib
import random
import sys

try:
    from PIL import Image
except ImportError:
    sys.exit("sample_photographs: Pillow is missing (Debian: apt-get install python3-pil)")

QUARTERS = ["left", "inner-left", "inner-right", "right"]
TURNED = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_270}  # what undoes EXIF's turn
ORIENTATION = 0x0112


def classes_of(folder, wanted):
    """[(name, photograph, quarter)]"""
    photographs = sorted(path for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    found = [(f"{path.stem.lower()}-{quarter}", path, i) for path in photographs for i, quarter in enumerate(QUARTERS)]
    if len(found) < wanted:
        sys.exit(f"sample_photographs: {folder} has {len(photographs)} photographs, enough for {len(found)} classes, not {wanted}")
    return found[:wanted]


def counts_of(classes, pictures):
    """Unequal: the first class has about five times as many pictures as the last."""
    weights = [1 / (1 + 4 * i / classes) for i in range(classes)]
    counts = [max(3, int(pictures * weight / sum(weights))) for weight in weights]
    counts[0] += pictures - sum(counts)
    return counts


def cut(photograph, quarter, rng):
    width, height = photograph.size
    left, right = width * quarter // 4, width * (quarter + 1) // 4
    side = rng.uniform(0.4, 0.9) * min(right - left, height)
    w, h = int(side * rng.uniform(0.7, 1)), int(side * rng.uniform(0.7, 1))
    x, y = rng.randint(left, right - w), rng.randint(0, height - h)
    scale = rng.randint(80, 320) / max(w, h)
    return photograph.crop((x, y, x + w, y + h)).resize((max(20, int(w * scale)), max(20, int(h * scale))), Image.Resampling.LANCZOS)


def write(picture, path, number, rng):
    kind = number % 20
    if kind == 3:
        return picture.save(path.with_suffix(".png"))
    if kind == 7:
        clear = Image.new("L", picture.size, 255)
        clear.paste(0, (0, 0, picture.width // 8, picture.height // 8))
        picture.putalpha(clear)
        return picture.save(path.with_suffix(".png"))
    exif = Image.Exif()
    if kind == 11:
        orientation = rng.choice(list(TURNED))
        picture = picture.transpose(TURNED[orientation])
        exif[ORIENTATION] = orientation
    if kind == 15:
        picture = picture.convert("L")
    picture.save(path.with_suffix(".jpg"), quality=rng.randint(75, 95), exif=exif.tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--photographs", default="/usr/share/backgrounds/mate/nature")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--classes", type=int, default=37)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--whole", action="store_true", help="no picture is cut short")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    classes = classes_of(options.photographs, options.classes)
    number = 0
    opened = None, None
    for (name, path, quarter), count in zip(classes, counts_of(len(classes), options.pictures)):
        if opened[0] != path:
            opened = path, Image.open(path).convert("RGB")
        (options.out / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            write(cut(opened[1], quarter, rng), options.out / name / f"{i:04}", number, rng)
            number += 1
    if not options.whole:
        victim = sorted((options.out / classes[1][0]).glob("*.jpg"))[2]
        victim.write_bytes(victim.read_bytes()[:victim.stat().st_size // 2])
    print(f"{number} pictures in {len(classes)} classes in {options.out}")


if __name__ == "__main__":
    main()
