"""Formulas as MathML, which browsers draw themselves: no script, no network."""

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_ACCENTS = "ˆˉ˙˜→"


def draw_formula(text: str, as_block: bool) -> str:
    """Draw a formula; an index stands beside a letter with an accent, where docutils puts it beneath."""
    ElementTree.register_namespace("", _NAMESPACE)
    # XML knows five names of signs only; docutils writes some of HTML's too.
    drawn = re.sub(
        r"&(?!lt;|gt;|amp;)\w+;", lambda found: html.unescape(found[0]), tex2mathml(text, as_block=as_block)
    )
    formula = ElementTree.fromstring(drawn)
    name = f"{{{_NAMESPACE}}}"
    for part in list(formula.iter(f"{name}munderover")):
        base, below, above = part
        if (sign := (above.text or "").strip()) and sign in _ACCENTS:  # the limit of a sum may be a formula
            part.tag, part[:] = f"{name}msub", []
            letter = ElementTree.SubElement(part, f"{name}mover", accent="true")
            letter.extend([base, above])
            part.append(below)
    return ElementTree.tostring(formula, encoding="unicode")


def draw_inline(translator, node):
    translator.body.append(f'<span class="math">{draw_formula(node.astext(), False)}</span>')
    raise nodes.SkipNode


def split_formula(text: str) -> list[str]:
    """Split a line of formulas at its wide gaps, so that on a phone they stand beneath each other."""
    parts = re.split(r"\s*\\qquad\s*", text)
    pairs = (("{", "}"), (r"\left", r"\right"))
    whole = all(part.strip() and all(part.count(a) == part.count(b) for a, b in pairs) for part in parts)
    return parts if whole and r"\begin" not in text and r"\\" not in text else [text]


def draw_block(translator, node):
    drawn = "".join(draw_formula(part, True) for part in split_formula(node.astext()))
    translator.body.append(f'<div class="math">{drawn}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
