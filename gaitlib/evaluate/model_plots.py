"""Are the assumptions of the mixed model met? Residuals, their distribution, and that of the people."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from gaitlib.evaluate.bias_model import BiasModel
from gaitlib.evaluate.style import COLOURS, STYLE


def plot_residuals(model: BiasModel, unit: str = "") -> Figure:
    """Draw residuals against fitted values, and normal quantile plots of residuals and of people.

    What to look for: no funnel and no bend on the left (equal spread, straight terms), points near the line
    in the others (normal residuals, normal people).
    """
    has_people = len(model.person_effects) > 2
    unit = f" ({unit})" if unit else ""
    with plt.rc_context(STYLE):
        n = 3 if has_people else 2
        figure, axes = plt.subplots(1, n, figsize=(3.1 * n, 3.3), layout="constrained")
        axes[0].scatter(
            model.residuals["fitted"], model.residuals["residual"], s=16, color=COLOURS[0], alpha=0.7
        )
        axes[0].axhline(0, color="0.6", linewidth=1)
        axes[0].set(xlabel=f"Fitted error{unit}", ylabel=f"Residual{unit}")
        axes[0].set_title("Equal spread?", loc="left")
        _draw_quantiles(axes[1], model.residuals["residual"].to_numpy(), f"Residual{unit}")
        axes[1].set_title("Normal residuals?", loc="left")
        if has_people:
            _draw_quantiles(axes[2], model.person_effects.to_numpy(), f"Person{unit}")
            axes[2].set_title("Normal people?", loc="left")
    return figure


def _draw_quantiles(ax, values: np.ndarray, label: str) -> None:
    (theory, ordered), (slope, intercept, _) = stats.probplot(values)
    ax.scatter(theory, ordered, s=16, color=COLOURS[0], alpha=0.7)
    ends = np.array([theory.min(), theory.max()])
    ax.plot(ends, intercept + slope * ends, color=COLOURS[1], linestyle="--", linewidth=1.5)
    ax.set(xlabel="Normal quantile", ylabel=label)
