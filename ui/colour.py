"""The film's colour, and shades of it that can be read on paper and in the dark."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ImageColor

from index.errors import InputError

DEFAULT = "#b07a2a"

Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
PAPER: Rgb = (250, 247, 241)
SHEET: Rgb = (255, 253, 249)
INK: Rgb = (31, 27, 22)
NIGHT: Rgb = (18, 17, 16)
STAGE: Rgb = (29, 27, 25)
SCREEN: Rgb = (240, 234, 224)

# WCAG 2 asks 4.5 for text; a little more, because shades lie on tinted grounds too.
READABLE = 5.6


@dataclass(frozen=True)
class Shades:
    """One ground (light or dark) and the film's colour on it, each as `#rrggbb`."""

    ground: str
    sheet: str
    ink: str
    soft: str
    line: str
    accent: str
    on_accent: str
    accent_ink: str
    glow: str
    tint: str


@dataclass(frozen=True)
class Palette:
    """What the page, the widget and the theme are painted with."""

    light: Shades
    dark: Shades

    def css(self) -> str:
        """The shades as CSS custom properties; dark by the visitor's system unless the page says otherwise."""
        light, dark = (_properties(shades) for shades in (self.light, self.dark))
        return (
            f":root{{color-scheme:light;{light}}}\n"
            f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
            f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        )


def palette(colour: str | None) -> Palette:
    """The palette of a CSS colour such as `#0f8b8d`, `teal` or `hsl(181, 81%, 31%)`; InputError for anything else."""
    try:
        red, green, blue = ImageColor.getrgb(colour or DEFAULT)[:3]
    except ValueError:
        raise InputError(
            f'film.toml: colour = "{colour}" is not a colour such as "#0f8b8d" or "teal". '
            "Correct it and run: karmalink build"
        ) from None
    film = (red, green, blue)
    return Palette(
        light=_shades(film, ground=PAPER, sheet=SHEET, ink=INK, toward=BLACK),
        dark=_shades(film, ground=NIGHT, sheet=STAGE, ink=SCREEN, toward=WHITE),
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG 2 contrast ratio of two colours, 1 to 21."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _shades(film: Rgb, *, ground: Rgb, sheet: Rgb, ink: Rgb, toward: Rgb) -> Shades:
    on_accent = max((WHITE, BLACK), key=lambda text: contrast(text, film))
    accent = _until(film, toward=BLACK if on_accent == WHITE else WHITE, against=on_accent)
    tint = _mix(sheet, film, 0.12)
    colours = {
        "ground": ground,
        "sheet": sheet,
        "ink": ink,
        "soft": _mix(ink, ground, 0.32),
        "line": _mix(ground, ink, 0.14),
        "accent": accent,
        "on_accent": on_accent,
        "accent_ink": _until(film, toward=toward, against=tint),
        "glow": _mix(sheet, film, 0.3),
        "tint": tint,
    }
    return Shades(**{name: "#{:02x}{:02x}{:02x}".format(*value) for name, value in colours.items()})


def _until(colour: Rgb, *, toward: Rgb, against: Rgb) -> Rgb:
    steps = (_mix(colour, toward, step / 20) for step in range(21))
    return next((shade for shade in steps if contrast(shade, against) >= READABLE), toward)


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _properties(shades: Shades) -> str:
    return "".join(f"--film-{name.replace('_', '-')}:{value};" for name, value in vars(shades).items())
