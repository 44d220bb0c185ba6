"""Formulas as MathML, which browsers draw themselves: no script, no network."""

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_ACCENTS = "ˆˉ˙˜→"
_APPLIED = "\u2061"
_RELATIONS = ("=", "<", ">", r"\le", r"\ge", r"\approx", r"\sim", r"\to")
_SIGNS = ("+", "-", r"\pm", r"\text", r"\quad")
_OPENING = ("{", "(", "[", r"\{", r"\left", r"\lVert", r"\lvert", r"\begin")
_CLOSING = ("}", ")", "]", r"\}", r"\right", r"\rVert", r"\rvert", r"\end")


def draw_formula(text: str, as_block: bool, goes_on: bool = False) -> str:
    """Draw a formula, or how it goes on; an index stands beside an accented letter."""
    ElementTree.register_namespace("", _NAMESPACE)
    # XML knows five names of signs only; docutils writes some of HTML's too.
    drawn = re.sub(
        r"&(?!lt;|gt;|amp;)\w+;", lambda found: html.unescape(found[0]), tex2mathml(text, as_block=as_block)
    )
    formula = ElementTree.fromstring(drawn)
    name = f"{{{_NAMESPACE}}}"
    first = next(part for part in formula.iter() if part.tag not in (f"{name}math", f"{name}mrow"))
    if goes_on and first.tag == f"{name}mo":
        first.set("form", "infix")
    for parent in formula.iter():
        for part, after in zip(parent, list(parent)[1:], strict=False):
            if part.text == _APPLIED and after.tag != f"{name}mrow":  # "ln h", but "exp(x)"
                part.set("rspace", "0.17em")
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


def break_formula(text: str) -> list[str]:
    """Break a formula before its signs outside all brackets, where a narrow line may end."""
    places, depth, before = [0], 0, ""
    for token in re.finditer(r"\\(?:[A-Za-z]+|.)|\S", text):
        sign = token.group()
        binary = sign in _SIGNS and before not in _RELATIONS
        if (sign in _RELATIONS or binary) and depth == 0 and before not in ("", "_", "^"):
            places.append(token.start())
        depth += (sign in _OPENING) - (sign in _CLOSING)
        before = sign
    return [text[a:b] for a, b in zip(places, [*places[1:], len(text)], strict=True)]


def draw_block(translator, node):
    lines = [break_formula(one) for one in split_formula(node.astext())]
    drawn = ["<wbr>".join(draw_formula(part, True, n > 0) for n, part in enumerate(parts)) for parts in lines]
    translator.body.append(f'<div class="math">{" ".join(f"<span>{line}</span>" for line in drawn)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
