"""Render the sprites of world.yaml into atlas.png, once, with the Noto Color Emoji font (OFL).

uv run python -m bases.emoji.recipe.atlas --font NotoColorEmoji.ttf
"""

from pathlib import Path

import typer
from PIL import Image, ImageDraw, ImageFont
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[1]
SPRITE = 96  # side of a sprite in the atlas, in pixels
COLUMNS = 12


def draw_sprite(text: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """One emoji, cropped to its ink and centred on a transparent square of SPRITE x SPRITE pixels (RGBA)."""
    glyph = Image.new("RGBA", (300, 180))
    ImageDraw.Draw(glyph).text((10, 10), text, font=font, embedded_color=True)
    box = glyph.getbbox()
    if box is None or box[2] - box[0] > 150:
        raise ValueError(
            f"the font draws {text!r} as nothing or as several glyphs; Pillow needs libraqm for joined emoji"
        )
    glyph = glyph.crop(box)
    scale = (SPRITE - 4) / max(glyph.size)
    glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)), Image.Resampling.LANCZOS)
    sprite = Image.new("RGBA", (SPRITE, SPRITE))
    sprite.paste(glyph, ((SPRITE - glyph.width) // 2, (SPRITE - glyph.height) // 2))
    return sprite


def main(font: Path = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")) -> None:
    """Draw the emoji of the world into one picture, from a colour font."""
    world = YAML(typ="safe").load(FOLDER / "world.yaml")
    loaded = ImageFont.truetype(str(font), 109)  # the one size a CBDT font holds
    emoji = [subject["emoji"] for subject in world["subjects"]] + world["memorised"]["sprites"].split()
    rows = -(-len(emoji) // COLUMNS)
    atlas = Image.new("RGBA", (COLUMNS * SPRITE, rows * SPRITE))
    for index, text in enumerate(emoji):
        atlas.paste(draw_sprite(text, loaded), (index % COLUMNS * SPRITE, index // COLUMNS * SPRITE))
    atlas.save(FOLDER / "atlas.png", optimize=True)


if __name__ == "__main__":
    typer.run(main)
