"""What the page on inertial sensors and muscle activity shows: tables, figures, sentences."""

from __future__ import annotations

import math

import pandas as pd

from gaitlib.report.inertial_people import DATASETS, SETTINGS
from gaitlib.report.muscle_activity import METHODS

_OUTCOMES = {
    "speed_mps": ("Speed (m/s)", 1.0, 3),
    "step_length_m": ("Step length (cm)", 100.0, 1),
    "step_time_s": ("Step time (ms)", 1000.0, 1),
    "cadence_spm": ("Cadence (steps/min)", 1.0, 1),
    "stance_share": ("Stance (% of the stride)", 100.0, 1),
    "double_support_share": ("Double support (% of the stride)", 100.0, 1),
    "step_time_asymmetry": ("Step time asymmetry (%)", 100.0, 1),
    "stride_time_cv": ("Stride time variability (%)", 100.0, 1),
}
_MUSCLES = {
    "glut_max": "Gluteus maximus",
    "hamstrings": "Hamstrings",
    "rect_fem": "Rectus femoris",
    "vasti": "Vasti",
    "gastroc": "Gastrocnemius",
    "soleus": "Soleus",
    "tib_ant": "Tibialis anterior",
}


def summarise_sensors(tidy: pd.DataFrame, seed: int, n_resamples: int) -> pd.DataFrame:
    """Summarise the agreement of inertial sensors, people resampled for the intervals."""
    import numpy as np

    from gaitlib.evaluate.tables import build_agreement_table

    rng = np.random.default_rng(seed)
    return build_agreement_table(tidy, by=("dataset", "outcome"), rng=rng, n_resamples=n_resamples)


def format_sensors(agreement: pd.DataFrame, tidy: pd.DataFrame) -> pd.DataFrame:
    """Format the agreement of inertial sensors for print."""
    from gaitlib.evaluate.inputs import format_number

    inside = (tidy["reference"] >= tidy["lower"]) & (tidy["reference"] <= tidy["upper"])
    answered = tidy.assign(inside=inside.astype(float))[tidy["status"] == "ok"]
    person = answered.groupby(["dataset", "outcome", "person_id"])["inside"].mean()
    coverage = person.groupby(["dataset", "outcome"]).mean()
    rows = []
    for dataset, words in DATASETS.items():
        for outcome, (title, factor, decimals) in _OUTCOMES.items():
            for row in agreement.query("dataset == @dataset and outcome == @outcome").to_dict("records"):
                mae, low, high, bias = (
                    format_number(factor * row[name], decimals)
                    for name in ("mae", "mae_lower", "mae_upper", "bias")
                )
                inside = coverage.get((dataset, outcome), float("nan"))
                rows.append(
                    {
                        "People": words,
                        "Outcome": title,
                        "People, answered of all": f"{row['n_people']} of {row['n_people_all']}",
                        "MAE (95 % interval)": f"{mae} ({low} to {high})",
                        "Bias": bias,
                        "Truth inside the 90 % interval": f"{inside:.0%}" if inside == inside else "–",
                    }
                )
    return pd.DataFrame(rows or [{"People": "–", "Note": "the recordings are not here"}])


def format_settings(tidy: pd.DataFrame) -> pd.DataFrame:
    """Format the errors of the set with known speed by how people walked."""
    from gaitlib.evaluate.inputs import format_number

    rows = tidy[tidy["dataset"] == "mobilised_lab"]
    if rows.empty:
        return pd.DataFrame([{"How they walked": "–", "Note": "the recordings are not here"}])
    lines = []
    for setting, words in SETTINGS.items():
        asked = rows[rows["setting"] == setting]
        part = asked[asked["status"] == "ok"]
        known = part.groupby("outcome")["reference"].mean()
        line = {"How they walked": words, "People": f"{part['person_id'].nunique()}"}
        line |= {
            "Walks, answered of all": f"{part['walk_id'].nunique()} of {asked['walk_id'].nunique()}",
            "Mean speed (m/s)": format_number(known["speed_mps"], 2),
        }
        for outcome in ("speed_mps", "step_length_m", "step_time_s"):
            title, factor, decimals = _OUTCOMES[outcome]
            error = (part["estimate"] - part["reference"])[part["outcome"] == outcome]
            mae, bias = (format_number(factor * v, decimals) for v in (error.abs().mean(), error.mean()))
            line[f"{title}: MAE (bias)"] = f"{mae} ({bias})"
        lines.append(line)
    return pd.DataFrame(lines)


def format_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """Format how the error of step time hangs on the first and last steps of the reference."""
    from gaitlib.evaluate.inputs import format_number

    if steps.empty:
        return pd.DataFrame([{"Reference": "–", "Note": "the recordings are not here"}])
    rows = steps.assign(absolute=steps["error_s"].abs())
    means = rows.groupby(["left_out", "person_id"])[["error_s", "absolute", "inside"]].mean()
    lines = []
    for n, mean in means.groupby("left_out").mean().iterrows():
        line = {"Reference": f"without {n} at each end" if n else "all steps of the walk"}
        line |= {"MAE (ms)": format_number(1e3 * mean["absolute"], 1)}
        line |= {"Bias (ms)": format_number(1e3 * mean["error_s"], 1)}
        lines.append(line | {"Truth inside the 90 % interval": f"{mean['inside']:.0%}"})
    return pd.DataFrame(lines)


def format_muscles(summary: pd.DataFrame) -> pd.DataFrame:
    """Format the scores of muscle activity for print."""
    from gaitlib.evaluate.inputs import format_number

    rows = []
    for muscle, title in _MUSCLES.items():
        for method, words in METHODS.items():
            chosen = (summary["muscle"] == muscle) & (summary["method"] == method)
            for row in summary[chosen].itertuples():
                rows.append(
                    {
                        "Muscle": title,
                        "Curve": words,
                        "People": f"{row.n_people}",
                        "Correlation with EMG": format_number(row.correlation, 2),
                        "Onset off by (% of the stride)": format_number(row.onset_error, 0),
                        "Offset off by (% of the stride)": format_number(row.offset_error, 0),
                    }
                )
    return pd.DataFrame(rows)


def count_better(scores: pd.DataFrame, baseline: str) -> list[str]:
    """List the muscles on which the estimator's correlation is higher than a baseline's."""
    person = scores.groupby(["muscle", "person_id", "method"])["correlation"].mean().unstack("method")
    both = person.dropna(subset=["synthetic", baseline]).groupby("muscle").mean()
    known = [muscle for muscle in _MUSCLES if muscle in both.index]
    return [_MUSCLES[muscle] for muscle in known if both["synthetic"][muscle] > both[baseline][muscle]]


def write_answer(agreement: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """Write the short answer of the page."""
    from gaitlib.evaluate.inputs import format_number

    def say(dataset: str, outcome: str) -> str:
        rows = agreement.query("dataset == @dataset and outcome == @outcome")
        if rows.empty:
            return "not evaluated (the recordings are not here)"
        row = rows.iloc[0]
        title, factor, decimals = _OUTCOMES[outcome]
        unit = title[title.index("(") + 1 : -1]
        counts = f"{row['n_people']} of {row['n_people_all']} people answered"
        if not math.isfinite(row["mae"]):
            return f"not estimated ({counts})"
        return f"off by {format_number(factor * row['mae'], decimals)} {unit} ({counts})"

    if scores.empty:
        muscles = "Muscle activity: not evaluated (the recordings are not here)."
        return [*_say_sensors(say), muscles]
    better = count_better(scores, "mean_simulated")
    real = count_better(scores, "others")
    n_shared = scores.loc[scores["method"] == "others", "muscle"].nunique()
    return [
        *_say_sensors(say),
        f"Muscle activity: closer to EMG than the mean simulated curve for {len(better)} of "
        f"{scores['muscle'].nunique()} measured muscles ({', '.join(better).lower() or 'none'}), and closer "
        f"than the mean EMG of the other people for {len(real)} of {n_shared} "
        f"({', '.join(real).lower() or 'none'}).",
    ]


def _say_sensors(say) -> list[str]:
    return [
        f"Lower-back sensor, step time: {say('lower_back_events', 'step_time_s')} in healthy adults "
        f"and {say('parkinson_fog_imu', 'step_time_s')} in Parkinson's disease (mean absolute error).",
        f"Speed: {say('mobilised_lab', 'speed_mps')} in older adults and multiple sclerosis.",
    ]


def plot_muscles(curves: pd.DataFrame):
    """Draw EMG, the estimator and the mean simulated curve over the stride, one panel per muscle.

    A panel tells how many people it shows.
    """
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    shown = {"emg": ("EMG", "0.25", "-"), "synthetic": ("estimator", COLOURS[1], "-"),
             "mean_simulated": ("mean simulated curve", COLOURS[0], (0, (4, 2)))}  # fmt: skip
    person = curves.groupby(["muscle", "method", "person_id", "phase"])["activity"].mean()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 4, figsize=(12.5, 5.8), sharex=True, sharey=True, layout="constrained")
        for ax, (muscle, title) in zip(axes.flat, _MUSCLES.items(), strict=False):
            emg = person.loc[muscle, "emg"].unstack("phase")
            ax.fill_between(emg.columns, emg.quantile(0.1), emg.quantile(0.9), color="0.85", linewidth=0)
            for method, (words, colour, line) in shown.items():
                if (muscle, method) in person.index:
                    mean = person.loc[muscle, method].groupby("phase").mean()
                    ax.plot(mean.index, mean, color=colour, linestyle=line, linewidth=2.4, label=words)
            ax.set_title(f"{title} ({len(emg)})")
            ax.set(xlim=(0, 100), ylim=(0, 1.05))
        axes.flat[-1].set_axis_off()
        axes[0, -1].tick_params(labelbottom=True)
        figure.supxlabel("Stride of the muscle's own leg from initial contact (%)")
        figure.supylabel("Activity (share of the peak)")
        figure.legend(
            *axes.flat[1].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False
        )
    return figure


def plot_sensors(tidy: pd.DataFrame):
    """Draw estimated against measured step time, one point per person."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import STYLE, add_legend, get_style

    rows = tidy[(tidy["outcome"] == "step_time_s") & (tidy["status"] == "ok")]
    person = rows.groupby(["dataset", "person_id"])[["reference", "estimate"]].mean().reset_index()
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.6, 5.4), layout="constrained")
        for position, (dataset, words) in enumerate(DATASETS.items()):
            part = person[person["dataset"] == dataset]
            if part.empty:
                continue
            style = get_style(position)
            ax.scatter(part["reference"], part["estimate"], s=46, alpha=0.8, label=words, **style)
        values = person[["reference", "estimate"]]
        ends = [values.min().min() - 0.02, values.max().max() + 0.02]
        ax.plot(ends, ends, color="0.6", linewidth=1.2, zorder=0)
        ax.set(xlabel="Measured step time (s)", ylabel="Estimated step time (s)")
        ax.set(xlim=ends, ylim=ends, aspect="equal")
        add_legend(ax, ax.get_legend_handles_labels()[0])
    return figure
