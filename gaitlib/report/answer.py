"""The first chapter: the question and the answer in five sentences, and the chain in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gaitlib.report import people
from gaitlib.report.page import join_words
from gaitlib.report.subgroup_words import OUTCOME_WORDS
from gaitlib.workflow.results import Results


def write_five_sentences(
    facts: Mapping, pages: Iterable[Mapping], margins: Mapping, views: Iterable[str]
) -> list[str]:
    """Answer the question of the book in five sentences, every number from the results."""
    main, *others = views
    rows = facts["5_compare"]["pooled"]
    by_view = {view: {(row["outcome"], row["method"]): row for row in rows if row["view"] == view}
               for view in (main, *others)}  # fmt: skip
    return [
        _say_how(facts),
        _say_error(by_view, facts["5_compare"]),
        _say_margins(by_view[main], margins, main),
        _say_rivals(by_view[main]),
        _say_limits(list(pages)),
    ]


def _say_how(facts: Mapping) -> str:
    made, trained = facts["1_simulate"], facts["3_train"]["provenance"]
    return (
        f"We let {made['people']:,} simulated people of different size, age and strength walk by muscle "
        f"force "
        f"alone, had {made['verified']:,} of their gaits confirmed by an independent physics engine, and "
        f"trained "
        f"an estimator on {facts['3_train']['clips']:,} virtual camera clips of "
        f"{trained['n_library_gaits']:,} simulated and {trained['n_generated_gaits']:,} generated gaits, "
        f"and on "
        "no real person."
    )


def _say_error(by_view: Mapping, compared: Mapping) -> str:
    parts = []
    for view, pooled in by_view.items():
        rows = [(o, pooled[o, "synthetic"]) for o in OUTCOME_WORDS if (o, "synthetic") in pooled]
        errors = join_words(
            f"{people.describe_size(row['mae'], outcome)} in {OUTCOME_WORDS[outcome]}"
            for outcome, row in rows
        )
        n_people = max((row["n_people"] for _, row in rows), default=0)
        if rows:
            parts.append(f"from the {view} {errors} ({n_people} people answered for)")
    return (
        f"On the keypoints of {compared['n_people']} real people ({compared['n_walks']} walks in "
        f"{compared['n_groups_real']} groups) its mean absolute error is, by view: "
        f"{'; '.join(parts) or 'not known, as it gave no answer'}."
    )


def _say_margins(pooled: Mapping, margins: Mapping, view: str) -> str:
    parts = []
    for outcome, words in OUTCOME_WORDS.items():
        row, margin = pooled.get((outcome, "synthetic")), margins.get(outcome)
        if row and margin:
            size = people.describe_size(margin["value"], outcome)
            state = "below" if row["mae_upper"] <= margin["value"] else "above"
            if row["mae_lower"] <= margin["value"] < row["mae_upper"]:
                state = "not told apart from"
            parts.append(f"{words} is {state} the margin of {size}")
    return (
        f"Against margins declared before the data were seen, and from the {view}, the error of "
        f"{join_words(parts)}."
    )


def _say_rivals(pooled: Mapping) -> str:
    own = pooled.get(("speed_mps", "synthetic"))
    rivals = [pooled.get(("speed_mps", name)) for name in ("ridge_real", "classical")]
    if own is None or None in rivals:
        return "A comparison with other methods was not possible in this run."
    real, classical = rivals
    return (
        f"For walking speed that compares with {people.describe_size(real['mae'], 'speed_mps')} for a "
        f"simple model "
        "trained on the same real people (each estimated by a model that has not seen them) and "
        f"{people.describe_size(classical['mae'], 'speed_mps')} for geometry without any training."
    )


def _say_limits(pages: list[Mapping]) -> str:
    titles = [page["title"] for page in pages if page["basis"] != "real"]
    absent = [title if title.startswith("Park") else title.lower() for title in titles]
    start = (
        "The real people were seen by virtual cameras that look at their measured motion, not by filmed video"
    )
    if not absent:
        return f"{start}."
    return (
        f"{start}; for {join_words(absent)} no open recordings with what is needed were found, so nothing is "
        "claimed there."
    )


def plot_overview(kept: Results, view: str, library: str = "data/library"):
    """Draw the chain in one picture: a simulated walker, what a camera sees, estimates against the truth."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import STYLE

    with plt.rc_context({**STYLE, "axes.titlesize": 14}):
        figure, axes = plt.subplots(
            1, 3, figsize=(11.5, 3.9), width_ratios=[1.15, 1.15, 1], layout="constrained"
        )
        _draw_walker(axes[0], axes[1], kept, library)
        _draw_estimates(axes[2], kept, view)
    return figure


def _draw_walker(left, middle, kept: Results, library: str) -> None:
    """A simulated person walking, in space and in a virtual camera."""
    from gaitlib.body.dimensions import compute_dimensions
    from gaitlib.body.kinematics import compute_sagittal_points
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.report.figures import draw_pixels, draw_pose, frame_people
    from gaitlib.report.resolve import choose_example
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.observe import observe_walks
    from gaitlib.simulate.library import load_library

    table, gaits = load_library(kept.locate(library)).curves
    row = choose_example(table)
    person = list_persons(row.to_frame().T)[0]
    gait = gaits.sel(gait=row["gait_id"])
    points = compute_sagittal_points(gait["position"].values, compute_dimensions(person))
    for number, frame in enumerate(np.linspace(0, 100, 5).astype(int)):
        draw_pose(left, {name: value[frame] + [0.3 * number, 0] for name, value in points.items()})
    left.set(aspect="equal", xticks=[], yticks=[], title="1  Muscles make gaits")
    walk = build_synthetic_walk(gait, person, np.random.default_rng(0), duration_s=4.0, with_outcomes=False)
    clip = observe_walks([walk], ["side"], "walk19", 30, 1.0, 0)[0]
    for moment in (0.15, 0.4, 0.65, 0.9):
        draw_pixels(middle, clip.isel(time=int(moment * (clip.sizes["time"] - 1))))
    frame_people(middle)
    middle.set(xticks=[], yticks=[], title="2  A virtual camera looks")
    for ax, words in ((left, "SIMULATED person"), (middle, "SIMULATED detector errors")):
        ax.set_xlabel(words, color="#B00020")
    left.spines[["left", "bottom"]].set_visible(False)


def _draw_estimates(ax, kept: Results, view: str) -> None:
    from gaitlib.evaluate.style import get_style

    rows = kept.load_table("estimates").query("origin == 'real' and method == 'synthetic' and status == 'ok'")
    rows = rows[(rows["outcome"] == "speed_mps") & (rows["view"] == view)]
    for number, (name, part) in enumerate(rows.groupby("subgroup")):
        label = str(name).replace("_", " ")
        ax.scatter(part["reference"], part["estimate"], s=30, alpha=0.8, label=label, **get_style(number))
    if len(rows):
        ends = np.array(
            [
                rows[["reference", "estimate"]].min().min() - 0.1,
                rows[["reference", "estimate"]].max().max() + 0.1,
            ]
        )
        ax.plot(ends, ends, color="0.3", linewidth=1.2)
        ax.set(xlim=ends, ylim=ends, aspect="equal")
        ax.legend(fontsize=10, frameon=False, loc="upper left", handletextpad=0.1, borderaxespad=0.1)
    ax.set(title="3  Tested on real people", xlabel="Measured speed (m/s)", ylabel="Estimated speed (m/s)")


def save_overview(folder: str, target: str, view: str = "side") -> None:
    """Save the picture of the chain, as `make picture` does for the README."""
    figure = plot_overview(Results(folder), view)
    figure.savefig(target, dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None})


if __name__ == "__main__":
    save_overview("build/quick/results", ".github/picture.png")
