"""The page on cohorts and the library: who is simulated, what is covered, what failed, what more costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.cohorts.schema import COHORTS, PARTS, ByAge, Cohort, Effect, Variable, load_cohort

_WORDS = {
    "age_years": "age",
    "height_z": "stature",
    "bmi_z": "body mass index",
    "speed_share": "comfortable speed",
    "stride_time_share": "stride time",
    "stride_time_cv": "stride-time variability",
    "stride_length_cv": "stride-length variability",
}
_SIZES = (("this computer", 2), ("a large server", 64), ("a cluster", 1000))
"""Cores among which a million gaits are divided."""


def list_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """List the cohorts: who belongs, how many gaits, how many of their numbers are published."""
    lines = []
    for name in COHORTS:
        cohort, rows = load_cohort(name), table[table["cohort"] == name]
        good = rows[rows["verified"].astype(bool)]
        published, total = count_sources(cohort)
        age = cohort.variables["age_years"]
        lines.append(
            {
                "Cohort": cohort.title,
                "Age (years)": f"{age.low:.0f} to {age.high:.0f}",
                "Patterns": "; ".join(pattern.title for pattern in cohort.patterns.values()),
                "Verified of tried": f"{len(good)} of {len(rows)}",
                "Full strides": str(int((good["kind"] == "stride").sum())),
                "Numbers with a source": f"{published} of {total}",
            }
        )
    return pd.DataFrame(lines)


def count_sources(cohort: Cohort) -> tuple[int, int]:
    """Count distributions with a published source; the others are assumptions with their reason."""
    sources = [item.source for item in (*cohort.variables.values(), *cohort.correlations)]
    for pattern in cohort.patterns.values():
        sources += [item.source for item in (*pattern.variables.values(), *pattern.impairment)]
    return sum(not source.startswith("assumption") for source in sources), len(sources)


def list_distributions(name: str) -> pd.DataFrame:
    """List every distribution of a cohort with unit, shape, range and source."""
    cohort = load_cohort(name)
    lines = [_describe_variable("all", key, item) for key, item in cohort.variables.items()]
    for pattern in cohort.patterns.values():
        lines += [_describe_variable(pattern.title, key, item) for key, item in pattern.variables.items()]
        lines += [_describe_effect(pattern.title, item) for item in pattern.impairment]
    for item in cohort.correlations:
        words = " and ".join(_WORDS.get(key, key) for key in item.between)
        lines.append(
            _make_line("all", words, "correlation", "rank correlation", f"{item.value:+.1f}", item.source)
        )
    return pd.DataFrame(lines)


def show_distributions(name: str):
    """Show every distribution of a cohort, folded away until it is asked for."""
    from IPython.display import HTML

    from gaitlib.report.page import show_table

    cohort = load_cohort(name)
    table = show_table(list_distributions(name), cohort.about, "simulated")
    return HTML(f"<details><summary>{cohort.title}: all distributions</summary>{table.data}</details>")


def _describe_variable(who: str, key: str, item: Variable) -> dict:
    text = f"{item.low:g} to {item.high:g}"
    if item.mean is not None:
        mean = item.mean
        if isinstance(mean, ByAge):
            mean = ", ".join(f"{v:g} at {a:g} y" for a, v in zip(mean.age_years, mean.value, strict=True))
        else:
            mean = f"{mean:g}"
        text = f"mean {mean}; SD {item.sd:g}; {text}"
    return _make_line(who, _WORDS.get(key, key), item.unit, item.shape, text, item.source)


def _describe_effect(who: str, item: Effect) -> dict:
    kind, _, group = item.part.partition(".")
    name = " ".join(part.replace("_", " ") for part in (kind.removesuffix("_deg"), group) if part)
    text = f"{item.mild:g} (mildest) to {item.severe:g} (severest); SD {item.spread:g}"
    return _make_line(who, name, PARTS[kind][0], "with severity", text, item.source)


def _make_line(who, what, unit, shape, values, source) -> dict:
    return {"Who": who, "What": what, "Unit": unit, "Shape": shape, "Values": values, "Source": source}


def plot_coverage(table: pd.DataFrame):
    """Draw speed against step length and cadence per cohort, verified and failed."""
    return _plot_cohorts(
        table,
        [("speed_mps", "step_length_m", "Speed (m/s)", "Step length (m)"),
         ("speed_mps", "cadence_spm", "Speed (m/s)", "Cadence (steps/min)")],
    )  # fmt: skip


def plot_impairments(table: pd.DataFrame):
    """Draw the impairment space: weakest strength group and strongest other part against severity."""
    table = table.assign(weakest=table.filter(like="weakness_").min(axis=1), burden=compute_burden(table))
    return _plot_cohorts(
        table,
        [("severity", "weakest", "Severity (0-1)", "Strength left"),
         ("severity", "burden", "Severity (0-1)", "Other part (0-1)")],
    )  # fmt: skip


def compute_burden(table: pd.DataFrame) -> pd.Series:
    """Compute the largest part of an impairment besides weakness, as a share of its range."""
    shares = [
        ((1 - table.filter(like="contracture_")) / (1 - PARTS["contracture"][1])).max(axis=1),
        (table.filter(like="spasticity_") / PARTS["spasticity"][2]).max(axis=1),
        *(table[name] / PARTS[name][2] for name in PARTS if name in table),
    ]
    return pd.concat(shares, axis=1).max(axis=1)


def _plot_cohorts(table: pd.DataFrame, axes: list[tuple[str, str, str, str]]):
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    with plt.rc_context(STYLE):
        size = (12.5, 2.5 * len(axes))
        figure, grid = plt.subplots(
            len(axes), len(COHORTS), figsize=size, layout="constrained", sharex="row", sharey="row"
        )
        for line, (x, y, xlabel, ylabel) in zip(grid, axes, strict=True):
            for ax, name in zip(line, COHORTS, strict=True):
                rows = table[table["cohort"] == name]
                good = rows[rows["verified"].astype(bool)]
                bad = rows[~rows["verified"].astype(bool)]
                ax.scatter(good[x], good[y], s=4, color=COLOURS[0], alpha=0.5, linewidths=0, label="verified")
                ax.scatter(bad[x], bad[y], s=14, marker="x", color=COLOURS[1], linewidths=0.8, label="failed")
                ax.set_xlabel(xlabel)
            line[0].set_ylabel(ylabel)
        for ax, name in zip(grid[0], COHORTS, strict=True):
            ax.set_title(load_cohort(name).title, fontsize=11)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", frameon=False, ncols=2, markerscale=2)
    return figure


def list_failures(analysis: pd.DataFrame) -> pd.DataFrame:
    """Format the analysis of failures for print."""

    def show(values: pd.Series) -> pd.Series:
        return (100 * values).map("{:.1f} %".format).replace("nan %", "–")

    return pd.DataFrame(
        {
            "Cohort": analysis["cohort"].str.replace("_", " "),
            "Pattern": analysis["pattern"].str.replace("_", " "),
            "Verified of tried": [
                f"{v} of {t}" for v, t in zip(analysis["verified"], analysis["tried"], strict=True)
            ],
            "Failed": show(analysis["failed_share"]),
            "Mildest third": show(analysis["failed_low_severity"]),
            "Severest third": show(analysis["failed_high_severity"]),
            "Slowest third": show(analysis["failed_low_speed"]),
            "Fastest third": show(analysis["failed_high_speed"]),
            "Most frequent reason": analysis["main_reason"].replace("", "–"),
        }
    )


def measure_cohort_variability(
    table: pd.DataFrame, gaits: xr.Dataset, n_walks: int, n_strides: int, seed: int
) -> pd.DataFrame:
    """Build walks of each cohort and measure their variability against what their people were given; %."""
    from gaitlib.person import Person
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.walk_variation import NO_VARIATION, choose_variation, measure_variability

    verified = table[table["verified"].astype(bool) & table["stride_time_cv"].notna()]
    lines = []
    for place, name in enumerate(COHORTS):
        rows = verified[verified["cohort"] == name]
        rows = rows.sample(min(n_walks, len(rows)), random_state=seed).to_dict("records")
        found = []
        for n, row in enumerate(rows):
            walk = build_synthetic_walk(
                gaits.sel(gait=row["gait_id"]),
                Person(**{field: row[field] for field in Person.model_fields}),
                np.random.default_rng([seed, place, n]),
                n_strides=n_strides,
                variation=choose_variation(row, NO_VARIATION),
                with_outcomes=False,
            )
            found.append(measure_variability(walk))
        line = {"cohort": load_cohort(name).title, "walks": len(rows)}
        for key in ("stride_time_cv", "stride_length_cv"):
            line[f"{key}_given"] = 100 * float(np.mean([row[key] for row in rows])) if rows else np.nan
            line[f"{key}_measured"] = (
                100 * float(np.nanmean([item[key] for item in found])) if rows else np.nan
            )
        lines.append(line)
    return pd.DataFrame(lines)


def format_variability(found: pd.DataFrame) -> pd.DataFrame:
    """Format measured variability for print."""
    titles = {
        "stride_time_cv_given": "Stride time, given (%)",
        "stride_time_cv_measured": "Stride time, in the walks (%)",
        "stride_length_cv_given": "Stride length, given (%)",
        "stride_length_cv_measured": "Stride length, in the walks (%)",
    }
    shown = found.rename(columns={"cohort": "Cohort", "walks": "Walks"} | titles)
    return shown.assign(**{title: shown[title].map("{:.1f}".format) for title in titles.values()})


def estimate_cost(table: pd.DataFrame, bytes_per_gait: float, price_per_core_hour: float) -> dict:
    """Estimate what a million verified gaits would cost, from what those of the library cost."""
    verified = int(table["verified"].sum())
    core_s = float(table["wall_s"].sum()) / verified
    core_hours = core_s * 1e6 / 3600
    cost = {
        "core_s_per_gait": core_s,
        "verified_share": verified / len(table),
        "core_hours": core_hours,
        "euro": core_hours * price_per_core_hour,
        "gigabytes": 1e6 * bytes_per_gait / 1e9,
    }
    return cost | {f"days_{cores}": core_hours / cores / 24 for _, cores in _SIZES}


def format_cost(cost: dict) -> pd.DataFrame:
    """Format the estimate for print."""
    lines = [
        (
            "Time of one core per verified gait, failures and checks included",
            f"{cost['core_s_per_gait']:.1f} s",
        ),
        ("Verified of tried", f"{100 * cost['verified_share']:.1f} %"),
        ("A million gaits, core hours", f"{cost['core_hours']:,.0f}"),
        ("at the assumed price", f"{cost['euro']:,.0f} euro"),
        ("Size as a release", f"{cost['gigabytes']:.1f} GB"),
    ]
    days = [(f"Duration on {words} ({cores} cores)", cost[f"days_{cores}"]) for words, cores in _SIZES]
    lines += [(name, _show_days(value)) for name, value in days]
    return pd.DataFrame(lines, columns=["", "Estimate"])


def _show_days(days: float) -> str:
    return f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} hours"
