"""Animated GIFs."""

from PIL import Image, ImageDraw, ImageFont


def add_caption(frame: Image.Image, caption: str, scale: int, levels: int = 256) -> Image.Image:
    """A frame rounded to `levels` brightness levels, enlarged `scale` times without smoothing, above its `caption`.

    The band is wider than the frame where the words need it.
    """
    rounded = [round(round(v / 255 * (levels - 1)) * 255 / (levels - 1)) for v in range(256)]
    frame = frame.point(rounded * len(frame.getbands()))
    large = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
    size = max(11, round(large.width / 24))
    font, band = ImageFont.load_default(size), 2 * size
    width = max(large.width, round(font.getlength(caption)) + 8)
    sheet = Image.new(large.mode, (width, large.height + band), "white")
    sheet.paste(large, ((width - large.width) // 2, 0))
    ImageDraw.Draw(sheet).text((width / 2, large.height + band / 2), caption, "black", font, anchor="mm")
    return sheet
