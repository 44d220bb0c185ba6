"""What the page of one subgroup says: the answer, how truth was measured, limits, summary."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gaitlib.evaluate.inputs import format_number
from gaitlib.report import people
from gaitlib.report.page import join_words

NOT_EVALUATED = "Not evaluated on real people."
OUTCOME_WORDS = {"speed_mps": "walking speed", "step_length_m": "step length", "step_time_s": "step time"}
_TRUTH = {
    "td_children_c3d": "Children: markers on the skin at 100 Hz; joint centres from the plug-in-gait "
    "model. The truth is "
    "computed from heel and hip positions by the definitions of the glossary.",
    "neuro_bvh": "Adults: full-body motion at 60 Hz that the data set's authors transferred to one "
    "common skeleton. Speed "
    "and step length are therefore those of that skeleton walking as the person did, and body height is "
    "the skeleton's.",
}
_CAVEATS = {
    "td_children_c3d": "These clips are short, 1.7 to 3 s: a clip in which the estimator sees less than "
    "2 s of walking "
    "gets no answer.",
    "neuro_bvh": "All people of this set have one skeleton, so the estimator's handling of different "
    "body sizes is not "
    "tested here. Ages and sexes are not known.",
}


def choose_row(
    agreement: pd.DataFrame, outcome: str, method: str, view: str, origin: str
) -> pd.Series | None:
    """Choose the row of an agreement table."""
    fits = (agreement["outcome"] == outcome) & (agreement["method"] == method)
    fits &= (agreement["view"] == view) & (agreement["origin"] == origin)
    rows = agreement[fits & agreement["mae"].notna()]
    return rows.iloc[0] if len(rows) else None


def write_answer(
    agreement: pd.DataFrame, title: str, margins: Mapping, missing: str, group, view: str
) -> list[str]:
    """Write the short answer of a page."""
    lines = [] if group.basis == "real" else [f"{NOT_EVALUATED} Missing: {missing}."]
    found = [(o, choose_row(agreement, o, "synthetic", view, group.basis)) for o in margins]
    answered = [(outcome, row) for outcome, row in found if row is not None]
    if not answered:
        why = (
            "the recordings are not here"
            if group.absent
            else "too few of the walks could be estimated"
            if group.walks
            else "no held-out simulated person fits"
        )
        return [*lines, f"No error can be given: {why}."]
    first = answered[0][1]
    kind = "people" if group.basis == "real" else "simulated people"
    errors = join_words(f"{people.describe_error(row, o)} in {OUTCOME_WORDS[o]}" for o, row in answered)
    lines.append(
        f"{title}: on {first['n_people']} {kind} ({first['n_walks']} walks) seen from the {view}, the "
        f"estimator trained "
        f"on synthetic walks only is off by {errors} (mean absolute error)."
    )
    if group.basis == "real":
        lines.append(_compare_with_margins(answered, margins))
        lines.append(_name_rivals(agreement, view, group))
    else:
        lines.append(f"The simulated people stand in: {group.why}. These errors are no claim about patients.")
    return [line for line in lines if line]


def _compare_with_margins(answered: list, margins: Mapping) -> str:
    within = [outcome for outcome, row in answered if row["mae_upper"] <= margins[outcome]["value"]]
    beyond = [outcome for outcome, row in answered if row["mae_lower"] > margins[outcome]["value"]]
    unsure = [outcome for outcome, _ in answered if outcome not in within + beyond]
    parts = []
    for words, outcomes in (("below", within), ("above", beyond), ("not told apart from", unsure)):
        if outcomes:
            own = "its margin" if len(outcomes) == 1 else "their margins"
            parts.append(f"{join_words(OUTCOME_WORDS[o] for o in outcomes)} {words} {own}")
    sizes = join_words(
        f"{people.describe_size(margins[o]['value'], o)} for {OUTCOME_WORDS[o]}" for o, _ in answered
    )
    return (
        f"Against the margins declared beforehand ({sizes}), the mean absolute error is: {'; '.join(parts)}."
    )


def _name_rivals(agreement: pd.DataFrame, view: str, group) -> str:
    parts = []
    for method in ("classical", "ridge_real"):
        row = choose_row(agreement, "speed_mps", method, view, group.basis)
        if row is not None:
            parts.append(f"{people.describe_error(row, 'speed_mps')} for {people.METHODS[method]}")
    return f"Walking speed by the other methods: {join_words(parts)}." if parts else ""


def describe_truth(group, reference: pd.DataFrame, views, layout: str, fps: float, noise: float) -> list[str]:
    """Describe how the truth was measured, its own error, and what the methods were given to see."""
    lines = [_TRUTH[name] for name in group.datasets if name in _TRUTH]
    if group.basis == "simulated":
        lines = ["The truth is computed from the simulated walk itself and is exact."]
    if len(group.lab_events):
        gap = 1000 * group.lab_events["difference_s"]
        lines.append(
            f"Its own error: initial contacts found here against {len(gap)} contacts stored by the "
            f"laboratory differ by "
            f"{format_number(gap.mean(), 0)} ms on average, {gap.abs().mean():.0f} ms without sign."
        )
    elif group.basis == "real":
        lines.append("Its own error is not known: no force plate or second system was recorded with it.")
    if len(reference):
        length, steps = (_say_range(reference[name], digits) for name, digits in
                         (("duration_s", 1), ("n_steps", 0)))  # fmt: skip
        lines.append(f"Walks last {length} s and hold {steps} steps.")
    lines.append(
        f"No video was filmed. Virtual cameras ({join_words(views)} view, {fps:g} frames per second) "
        f"look at the {'measured' if group.basis == 'real' else 'simulated'} motion, and a virtual "
        f"pose detector (layout {layout}) adds errors of {noise:g} times the "
        f"typical size."
    )
    return lines


def _say_range(values: pd.Series, digits: int) -> str:
    low, high = (format_number(float(end), digits) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def list_limits(group, reference: pd.DataFrame) -> list[str]:
    """List what a page cannot tell."""
    n_people = reference["person_id"].nunique() if len(reference) else 0
    if group.basis == "simulated":
        return [
            f"{NOT_EVALUATED} Nothing on this page is a measurement.",
            "The simulated people were made by the same simulator as those that the estimator learned "
            "from, though not "
            "the same people, and half of them set its intervals: this is the most favourable case.",
            f"They stand in: {group.why}.",
        ]
    few = f"With {n_people} people the intervals are wide, and rare kinds of gait are not among them."
    lines = [few, *(_CAVEATS[name] for name in group.datasets if name in _CAVEATS)]
    return [
        *lines,
        "Keypoints were projected from measured motion and disturbed by a model of a detector. Real "
        "video adds clothing, "
        "light, occlusion by other people and the detector's own habits.",
        "Walks are short, straight and indoors.",
    ]


def write_summary(agreement: pd.DataFrame, margins: Mapping, group, view: str) -> list[str]:
    """Write one line per outcome: error, bias and correlation."""
    lines = [] if group.basis == "real" else [NOT_EVALUATED]
    for outcome in margins:
        row = choose_row(agreement, outcome, "synthetic", view, group.basis)
        if row is not None:
            lines.append(
                f"{OUTCOME_WORDS[outcome].capitalize()}: off by {people.describe_error(row, outcome)}, bias "
                f"{people.describe_size(row['bias'], outcome, signed=True)}, r "
                f"{format_number(row['r'], 2)}, "
                f"{row['n_people']} people, {row['n_walks']} walks, {view} view."
            )
    return lines
