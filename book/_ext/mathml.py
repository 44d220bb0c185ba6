"""Formulas as MathML, which browsers draw themselves: no script, no network."""

from docutils.utils.math.latex2mathml import tex2mathml


def draw_inline(translator, node):
    translator.body.append(f'<span class="math">{tex2mathml(node.astext(), as_block=False)}</span>')
    from docutils import nodes

    raise nodes.SkipNode


def draw_block(translator, node):
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    from docutils import nodes

    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
