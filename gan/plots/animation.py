"""Frames of the animated GIFs."""

from PIL import Image, ImageDraw, ImageFont


def add_caption(frame: Image.Image, caption: str, scale: int, num_levels: int = 256) -> Image.Image:
    """Enlarge a frame `scale` times without smoothing and write a caption below it.

    The frame is rounded to `num_levels` brightness levels per channel. The canvas is wider than the frame if the
    caption needs it.
    """
    rounded = [round(round(v / 255 * (num_levels - 1)) * 255 / (num_levels - 1)) for v in range(256)]
    frame = frame.point(rounded * len(frame.getbands()))
    frame = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST)
    font_size = max(11, round(frame.width / 24))
    font = ImageFont.load_default(font_size)
    caption_height = 2 * font_size
    width = max(frame.width, round(font.getlength(caption)) + 8)
    canvas = Image.new(frame.mode, (width, frame.height + caption_height), "white")
    canvas.paste(frame, ((width - frame.width) // 2, 0))
    center = (width / 2, frame.height + caption_height / 2)
    ImageDraw.Draw(canvas).text(center, caption, "black", font, anchor="mm")
    return canvas
