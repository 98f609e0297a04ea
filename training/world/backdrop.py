"""What text is printed on, plain or busy, and colours that stand out from it."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from training.world import palette
from training.world.palette import Rgb

# The least difference in brightness, of 255, between text and any part of its ground.
LEAST_TEXT_CONTRAST = 100
PLAIN_UNTIL = 0.25  # the difficulty up to which every ground is of one colour


def brightness(color: Rgb) -> float:
    """As Pillow turns colours to gray (ITU-R BT.601)."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def draw_backdrop(rng: Random, size: tuple[int, int], difficulty: float) -> Image.Image:
    """An image that some colour of text stands out from everywhere."""
    ground = draw_ground(rng)
    image = Image.new("RGB", size, ground)
    if difficulty > PLAIN_UNTIL and rng.random() < 0.5:
        painter = rng.choice((ramp, spots, stripes, litter, ruled, snow))
        image = painter(rng, image, ground)
    return image if room_for_text(image) else Image.new("RGB", size, ground)


def draw_ground(rng: Random) -> Rgb:
    makers = [palette.light_ground] * 4 + [palette.tinted_ground] * 2 + [palette.dark_ground] * 3
    return rng.choice((*makers, vivid_ground))(rng)


def vivid_ground(rng: Random) -> Rgb:
    return palette.draw_color(rng, rng.choice(("red", "blue", "green", "yellow", "purple")))


def extremes(image: Image.Image) -> tuple[float, float]:
    low, high = ImageStat.Stat(image.convert("L")).extrema[0]
    return low, high


def room_for_text(image: Image.Image) -> bool:
    low, high = extremes(image)
    return max(low, 255 - high) >= LEAST_TEXT_CONTRAST + 10


def draw_ink(rng: Random, image: Image.Image) -> Rgb:
    """A colour for text that stands out from everything in the image."""
    low, high = extremes(image)
    for _ in range(50):
        color = rng.choice((palette.dark_ground, colored_ink, palette.light_ground))(rng)
        light = brightness(color)
        if light <= low - LEAST_TEXT_CONTRAST or light >= high + LEAST_TEXT_CONTRAST:
            return color
    return (0, 0, 0) if low > 255 - high else (255, 255, 255)


def colored_ink(rng: Random) -> Rgb:
    return palette.rgb(rng.uniform(0, 360), rng.uniform(0.5, 1), rng.uniform(0.3, 1))


def other_tone(rng: Random, ground: Rgb) -> Rgb:
    goal = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    return palette.blend(ground, goal, rng.uniform(0.08, 0.35))


def ramp(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    mask = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(image.size)
    return Image.composite(Image.new("RGB", image.size, other_tone(rng, ground)), image, mask)


def spots(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    """Soft clouds."""
    noise = np.random.default_rng(rng.getrandbits(32))
    across = rng.randint(4, 30)
    mask = Image.fromarray(noise.integers(0, 256, (across, across), dtype=np.uint8))
    mask = mask.resize(image.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", image.size, other_tone(rng, ground)), image, mask)


def stripes(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    draw, tone = ImageDraw.Draw(image), other_tone(rng, ground)
    step, slope = rng.randint(10, 60), rng.choice((0, 0.5, 1, -1))
    reach = image.width + image.height
    for start in range(-reach, reach, step):
        ends = (start, 0, start + slope * image.height, image.height)
        draw.line(ends, fill=tone, width=max(1, step // rng.randint(2, 5)))
    return image


def litter(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    """Things that lie about, of many sizes."""
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(4, 20)):
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        w, h = rng.uniform(8, 90), rng.uniform(8, 90)
        shape = rng.choice((draw.rectangle, draw.ellipse))
        shape((x - w / 2, y - h / 2, x + w / 2, y + h / 2), fill=other_tone(rng, ground))
    return image


def ruled(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    """Paper with lines or squares."""
    draw, tone, step = ImageDraw.Draw(image), other_tone(rng, ground), rng.randint(12, 40)
    for y in range(rng.randrange(step), image.height, step):
        draw.line((0, y, image.width, y), fill=tone)
    if rng.random() < 0.5:
        for x in range(rng.randrange(step), image.width, step):
            draw.line((x, 0, x, image.height), fill=tone)
    return image


def snow(rng: Random, image: Image.Image, ground: Rgb) -> Image.Image:
    """The noise of a photograph, in patches of light and shade."""
    noise = np.random.default_rng(rng.getrandbits(32))
    values = np.asarray(spots(rng, image, ground), dtype=np.float32)
    values = values + noise.normal(0, rng.uniform(4, 12), values.shape).astype(np.float32)
    grainy = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return grainy.filter(ImageFilter.BoxBlur(1)) if rng.random() < 0.5 else grainy
