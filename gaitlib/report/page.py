"""What a page shows: figures with caption and data basis, tables, the answer box, computed prose."""

from __future__ import annotations

import base64
import html
import io
import re

import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.words import join_words as join_words

_NO_BREAK = "\u00a0"
_BROAD_PX = 500
"""Figures wider than this are drawn a second time, for a phone."""
_LONG_ROWS = 8
"""Tables of so many rows come as CSV too, and book.js sorts them."""

BASES = {
    "real": "Real people",
    "beside": "Real people",
    "simulated": "Simulated people, not measured",
    "generated": "Generated people, not measured",
    "published": "Published numbers",
    "published_beside": "Published numbers; beside them those of the simulated body",
}


Count = int | tuple[int, int] | None
"""How many, or how many of how many: those answered for, and all."""


def describe_basis(basis: str, n_people: Count = None, n_walks: Count = None, unit: str = "walks") -> str:
    """State whose data something rests on."""
    if basis not in BASES:
        raise InputError(f"basis: found {basis!r}, expected one of {', '.join(BASES)}")
    given = ((n_people, "person", "people"), (n_walks, unit[:-1], unit))
    counts = [_count(number, one, several) for number, one, several in given if number is not None]
    told = BASES[basis] + (f": {', '.join(counts)}" if counts else "")
    return f"{told}; beside them simulated people, not measured" if basis == "beside" else told


def _count(number: Count, one: str, several: str) -> str:
    used, total = number if isinstance(number, tuple) else (number, number)
    of_all = "" if used == total else f" of {total:,}"
    return f"{used:,}{of_all} {one if total == 1 else several}"


def show_figure(figure, caption: str, basis: str, n_people=None, n_walks=None, unit: str = "walks"):
    """Show a matplotlib figure with its caption and data basis."""
    return show_markup(draw_picture(figure, caption, basis), caption, basis, n_people, n_walks, unit)


def draw_picture(figure, words: str, basis: str) -> str:
    """Draw a matplotlib figure as HTML: marked if not measured, and once more for a phone if broad."""
    import matplotlib.pyplot as plt
    from matplotlib.text import Text

    from gaitlib.evaluate.style import stack_for_phone

    figure = getattr(figure, "figure", figure)
    told = " ".join(text.get_text() for text in figure.findobj(Text))
    if basis in ("simulated", "generated") and BASES[basis] not in told:
        figure.text(0.0, 1.01, BASES[basis], ha="left", va="bottom", color="#B00020", fontsize=11)
    drawn, width = _draw_png(figure)
    narrow = ""
    if width > _BROAD_PX and stack_for_phone(figure):
        narrow = f'<source media="screen and (max-width: 600px)" srcset="{_draw_png(figure)[0]}">'
    plt.close(figure)
    kept = "" if narrow or width <= _BROAD_PX else ' class="broad"'  # scrolled sideways in its frame
    told = html.escape(words, quote=True)
    return f'<picture{kept}>{narrow}<img src="{drawn}" style="width:{width}px" alt="{told}"></picture>'


def _draw_png(figure) -> tuple[str, int]:
    """Draw a figure as PNG of 256 colours, a third of the bytes of all: address with data, width (px)."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150, bbox_inches="tight", metadata={"Software": None})
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(small, "png", optimize=True)
        data = base64.b64encode(small.getvalue()).decode()
        return f"data:image/png;base64,{data}", image.width * 96 // 150


def show_markup(markup: str, caption: str, basis: str, n_people=None, n_walks=None, unit: str = "walks"):
    """Show ready HTML, such as an animation, with its caption and data basis."""
    words = f"{_mark_basis(basis, n_people, n_walks, unit)} {_escape(caption)}"
    return _show(f'<figure class="plate">{markup}<figcaption>{words}</figcaption></figure>')


def show_table(
    table: pd.DataFrame, caption: str, basis: str, n_people=None, n_walks=None, unit: str = "walks"
):
    """Show a table with its caption and data basis; wide ones scroll, long ones come as CSV too."""
    shown = table.map(lambda value: _keep_together(str(value)))
    body = shown.to_html(index=False, border=0, na_rep="–", justify="left", escape=True, classes="table")
    words = f"{_mark_basis(basis, n_people, n_walks, unit)} {_escape(caption)}"
    if len(table) >= _LONG_ROWS:
        words += f" {len(table)} rows. {_link_csv(table, f'{_name_file(caption)}.csv', 'CSV')}"
    return _show(f'<div class="wide">{body}</div><p class="tablenote">{words}</p>')


def show_csv(table: pd.DataFrame, name: str, words: str):
    """Show a link that saves a table as CSV; the file is part of the page."""
    return _show(f"<p>{_link_csv(table, name, words)}</p>")


def _link_csv(table: pd.DataFrame, name: str, words: str) -> str:
    data = base64.b64encode(table.to_csv(index=False).encode()).decode()
    return (
        f'<a download="{html.escape(name, quote=True)}" href="data:text/csv;charset=utf-8;base64,{data}">'
        f"{html.escape(words)}</a>"
    )


def _name_file(caption: str) -> str:
    return "_".join(re.findall(r"\w+", caption.lower())[:5]) or "table"


def set_type(text: str) -> str:
    """Set numbers as in print: a minus is no hyphen, zero has no sign, a percent sign stays on the line."""
    text = re.sub(r"(?<![\w.)-])-(?=[\d.])", "\u2212", text)
    text = re.sub(r"(?<![\w.)])[+\u2212](?=0(?:\.0+)?(?![\w.]))", "", text)
    return re.sub(r"(?<=\d) ?%", f"{_NO_BREAK}%", text)


def _escape(text: str) -> str:
    return html.escape(set_type(text))


def _keep_together(text: str) -> str:
    """Let an interval break before its bracket only, and "8 of 12" nowhere."""
    text = set_type(text)
    text = re.sub(r"\([^()]*\)|\d of \d", lambda found: found[0].replace(" ", _NO_BREAK), text)
    return (
        re.sub(r"(?<=[\d%]) to (?=[\u2212\d])", f"{_NO_BREAK}to{_NO_BREAK}", text) if len(text) < 40 else text
    )


def show_answer(sentences, basis: str = "real"):
    """Show the box with the short answer."""
    sentences = [sentences] if isinstance(sentences, str) else list(sentences)
    kind = "answer" if basis == "real" else "answer simulated"
    body = "".join(f"<p>{_escape(text)}</p>" for text in sentences if text)
    return _show(f'<div class="{kind}" role="note">{body}</div>')


def show_list(lines):
    """Show computed lines as a list."""
    return _show("<ul>" + "".join(f"<li>{_escape(line)}</li>" for line in lines if line) + "</ul>")


def show_text(text: str):
    """Show a computed paragraph."""
    return _show(f"<p>{_escape(text)}</p>")


def show_all(*parts):
    """Show several things beneath each other; None is left out."""
    return _show("".join(part.data for part in parts if part is not None))


def _mark_basis(basis: str, n_people, n_walks, unit: str) -> str:
    words = html.escape(describe_basis(basis, n_people, n_walks, unit))
    return f'<span class="basis {basis}">{words}.</span>'


def _show(markup: str):
    from IPython.display import HTML

    return HTML(markup)
