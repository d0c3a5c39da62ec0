"""Draws docs/pictures/demo.svg: what ``make demo`` prints, as a picture that needs nothing from elsewhere.

::

    python docs/pictures/draw.py            runs the demonstration for 82 seconds and draws what it printed
    python docs/pictures/draw.py CAPTURE    draws what was captured before, with its colours

The text is the demonstration's own. Only its API key, which is worth nothing once it has ended, is cut short.
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS = 118
SECONDS = 82

_COLOURS = TerminalTheme(
    (22, 27, 34),
    (214, 220, 228),
    [
        (22, 27, 34),
        (240, 128, 118),
        (126, 200, 130),
        (226, 190, 108),
        (122, 172, 240),
        (190, 150, 230),
        (110, 200, 210),
        (214, 220, 228),
    ],
)

# Rich's own format, without the fonts that it would fetch from another host and without the window's buttons.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>make demo</title>
<style>
.{unique_id}-matrix {{
font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-ligatures: none;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
<rect width="{width}" height="{height}" rx="8" fill="#161b22" />
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def capture() -> str:
    """What the demonstration prints on a terminal, colours and all."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "lamplighter.demo", "--seconds", str(SECONDS)]
    return subprocess.run(  # noqa: S603 - our own command
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def draw(printed: str) -> str:
    """The picture of what was printed."""
    text = re.sub(r"sk-[\w-]+", "sk-…", printed)
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    for line in text.splitlines():
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop", crop=True)
    return console.export_svg(title="", theme=_COLOURS, code_format=_FORMAT, unique_id="demo")


def main(arguments: list[str]) -> None:
    """Write the picture."""
    printed = Path(arguments[0]).read_text(encoding="utf-8") if arguments else capture()
    PICTURE.write_text(draw(printed), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
