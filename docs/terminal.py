#!/usr/bin/env python3
"""Draws docs/terminal.svg: what the program prints to a terminal, colours included.

Usage: docs/terminal.py [path of nfdecode]      (from the root of the repository; target/release/nfdecode)

Needs nothing but Python. The picture uses the fonts of the viewer and has no external references.
"""

import html
import os
import re
import subprocess
import sys

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "target/release/nfdecode"
ARCHIVE = "tests/fixtures/archive"
COLUMNS = 112
# Commands as they are shown, and lines of their output at most.
SESSION = [
    (
        ["read", "nfcapd.202611241330", "'packets > 1 and not port 53'", "--limit", "10"],
        ["--color", "always", "-f", "table"],
        14,
    ),
    (
        ["top", "src_addr", ".", "-n", "5"],
        ["--color", "always", "-f", "table"],
        8,
    ),
]

CELL, LINE, SIZE = 8.4, 19, 14
LEFT, TOP = 20, 52
BACKGROUND, FRAME, TEXT = "#16181d", "#2b2f38", "#d5d9e0"
STYLES = {
    "0": {},
    "1": {"fill": "#ffffff", "font-weight": "bold"},
    "2": {"fill": "#7d8590"},
    "32": {"fill": "#8fce6b"},
    "33": {"fill": "#e5c07b"},
    "34": {"fill": "#6cb6ff"},
    "35": {"fill": "#c792ea"},
    "1;33": {"fill": "#e5c07b", "font-weight": "bold"},
}


def run(arguments):
    environment = dict(os.environ, TZ="UTC", COLUMNS=str(COLUMNS))
    program = os.path.abspath(PROGRAM)
    done = subprocess.run([program, *arguments], cwd=ARCHIVE, env=environment, check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if list(pieces(line))]


def pieces(line):
    """Texts of one line with their columns and styles."""
    column, style = 0, {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            style = STYLES[part[2:-1]]
            continue
        # Blanks need no drawing, and texts of their own keep columns apart in any font.
        for word in re.finditer(r"\S+(?: \S+)*", part):
            yield column + word.start(), word.group(), style
        column += len(part)


def draw(lines):
    width = round(2 * LEFT + COLUMNS * CELL)
    height = TOP + LINE * len(lines) + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>nfdecode in a terminal</title>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="9" fill="{BACKGROUND}" stroke="{FRAME}"/>',
    ]
    for at, color in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        out.append(f'<circle cx="{LEFT + 3 + 20 * at}" cy="20" r="5.5" fill="{color}"/>')
    out.append(
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="{SIZE}" fill="{TEXT}">'
    )
    for row, line in enumerate(lines):
        for column, text, style in pieces(line):
            attributes = "".join(f' {name}="{value}"' for name, value in style.items())
            x, y = LEFT + column * CELL, TOP + row * LINE + SIZE
            out.append(
                f'<text x="{x:.1f}" y="{y}" textLength="{len(text) * CELL:.1f}" xml:space="preserve"{attributes}>{html.escape(text)}</text>'
            )
    out += ["</g>", "</svg>", ""]
    return "\n".join(out)


def main():
    lines = []
    for shown, hidden, most in SESSION:
        if lines:
            lines.append("")
        # The prompt in blue, the command in bold.
        lines.append(f"\x1b[34m$\x1b[0m \x1b[1mnfdecode {' '.join(shown)}\x1b[0m")
        lines += run([word.strip("'") for word in shown] + hidden)[:most]
    with open("docs/terminal.svg", "w", encoding="utf-8") as picture:
        picture.write(draw(lines))


main()
