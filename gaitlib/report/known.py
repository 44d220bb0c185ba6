"""What other recordings tell about a group, beside the evaluation itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gaitlib.errors import AbsentData
from gaitlib.evaluate.inputs import format_number
from gaitlib.report import gait_curves, page
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

_WITTWER = {
    "speed_mps": ("Walking speed (m/s)", 1.04, 0.95, 1.0, 2),
    "stride_length_m": ("Stride length (m)", 1.20, 1.13, 1.0, 2),
    "double_support_share": ("Double support (% of the stride)", 24.0, 30.0, 100.0, 0),
}
"""Outcome -> words, published mean at both visits, factor to its unit, decimals."""
_CURVES = "joint angles of healthy adults and of people with Parkinson's disease"
_JOINT_SOURCE = "doi 10.6084/m9.figshare.14896881"


def show_known(
    kept: Results,
    subgroup: str,
    stand_in: Mapping,
    library: str,
    walks: list,
    agreement: pd.DataFrame,
    view: str,
    seed: int,
):
    """Show what other recordings of real people tell about a subgroup and the simulated people of its
    page.
    """
    if subgroup == "parkinsons":
        return _show_parkinsons(kept, stand_in, library, walks, seed)
    if subgroup == "cerebral_palsy":
        return _show_cerebral_palsy(kept, stand_in, library, agreement, view)
    if subgroup == "dementia":
        return page.show_all(
            _show_dementia_targets(walks),
            page.show_list(list_addable("dementia") + list_addable("older_adult")),
        )
    found = list_addable(subgroup)
    if found:
        return page.show_list(found)
    return page.show_text("No other open recording of this group was found that adds to the ones above.")


def list_addable(subgroup: str) -> list[str]:
    """List the sets of a group that a reader can add."""
    from gaitlib.data.manifest import load_manifest

    items = load_manifest().items
    names = {"child": "healthy_child"}
    found = [
        f"{item.title} ({item.subgroup}): {item.holds}. Not fetched by itself; `gaitlib data list` tells "
        f"how to add it (item {name})."
        for name, item in items.items()
        if item.fetch == "manual" and names.get(subgroup, subgroup) in item.populations
    ]
    if subgroup == "dementia" and not found:
        return [
            "No open recording of walking with dementia and measured speed was found. The sets below "
            "hold older adults without the diagnosis, the nearest there is. Readers for them are part of "
            "the code (gaitlib.data.readers); this page does not evaluate them."
        ]
    return found


def _choose_gaits(kept: Results, subgroup: str, rules: Mapping, library: str):
    """Verified gaits of a page's cohort, or of those who stand in, and who walks in each."""
    from gaitlib.simulate.library import load_library

    table, gaits = load_library(kept.locate(library)).curves
    good = table[table["verified"].astype(bool)]
    own = good[good["cohort"] == subgroup]
    if own.empty:
        own = good[
            good["age_years"].between(rules["youngest_years"], rules["oldest_years"])
            & good["speed_mps"].between(rules["slowest_mps"], rules["fastest_mps"])
        ]
    people = own.groupby(["age_years", "sex", "height_m", "mass_kg"], sort=False).ngroup().astype(str)
    return gaits.sel(gait=own["gait_id"].tolist()), people.tolist()


def _show_parkinsons(kept: Results, rules: Mapping, library: str, walks: list, seed: int):
    parts = _show_parkinson_curves(kept, *_choose_gaits(kept, "parkinsons", rules, library), seed)
    strides = earlier.show_or_say(
        kept, lambda: _show_parkinson_strides(walks), "stride tables of real people"
    )
    words = "step time from a sensor on the back"
    sensors = earlier.show_or_say(kept, lambda: _show_parkinson_sensors(kept, seed), words)
    return page.show_all(*parts, strides, sensors)


def _show_parkinson_curves(kept: Results, gaits, people: list, seed: int) -> list:
    if len(set(people)) < 3:
        return []
    from gaitlib.report import subgroup_parkinsons as own

    made = gait_curves.collect_side_curves(gaits, people)
    n = len(made.people)
    try:
        normal = gait_curves.load_measured_curves("healthy_adult")
        off, on = (gait_curves.load_measured_curves("parkinsons", state) for state in ("off", "on"))
    except AbsentData as absent:
        return _show_earlier_curves(kept, absent.item_id, made)
    rng = np.random.default_rng([seed, 41])
    found = {
        "Simulated, Parkinson's off": own.compare_curves(made, off, rng),
        "Healthy adults, Parkinson's off": own.compare_curves(normal, off, rng),
    }
    groups = {"Parkinson's, on": on, "Parkinson's, off": off, "Simulated": made}
    curves = kept.save_table("parkinsons_curves", own.format_curves(found))
    profiles = kept.save_table("parkinsons_profiles", own.format_profiles(groups, normal))
    figure = gait_curves.plot_side_curves(
        {f"Real, off medication\n{len(off.people)} people": off, f"Simulated\n{n} people": made}, normal
    )
    return [
        page.show_figure(
            figure,
            "Joint angles over the own stride of each leg. Left: real people with Parkinson's "
            f"disease, off medication ({_JOINT_SOURCE}); their toe-off is not in the file. Right: "
            "simulated people who stand in.",
            "real", len(off.people), 2 * len(off.people), "strides",
        ),
        *_show_curve_tables(curves, profiles, n, len(off.people) + len(normal.people)),
    ]  # fmt: skip


def _show_curve_tables(curves: pd.DataFrame, profiles: pd.DataFrame, n_made: int, n_real: int) -> list:
    return [
        page.show_table(
            curves,
            "Are the simulated people like the real ones? Range of motion in degrees, first group "
            "against second; share of the first group's curves inside two standard deviations of the "
            "second; last column: where the curves differ (cluster permutation test over people). "
            "Real walking speeds are not known, so a difference may be one of speed.",
            "simulated", n_made,
        ),
        page.show_table(
            profiles,
            "Distance of each person's curves from the mean of healthy adults, mean (standard "
            "deviation). Built like the Gait Profile Score (Baker 2009) from three sagittal curves "
            "instead of nine, so it cannot be compared with published scores.",
            "real", n_real,
        ),
    ]  # fmt: skip


def _show_earlier_curves(kept: Results, item_id: str, made: gait_curves.SideCurves) -> list:
    """Means and tables of the earlier run in the place of curves of real people."""
    names = ("joint_angle_bands", "parkinsons_curves", "parkinsons_profiles")
    bands, curves, profiles = (earlier.borrow(kept, name, item_id, _CURVES) for name in names)
    parts = [earlier.show_label(kept)]
    if bands is not None:
        off, normal = (
            bands[(bands["group"] == group) & (bands["medication"] == state)]
            for group, state in (("parkinsons", "off"), ("healthy_adult", ""))
        )
        n = int(off["n_people"].iloc[0])
        parts.append(
            page.show_figure(
                gait_curves.plot_bands({f"Parkinson's, off ({n})": off, "healthy adults": normal}, made),
                "Joint angles over the own stride, both legs of a person averaged: mean and two standard "
                f"deviations of real people, on record from the earlier run ({_JOINT_SOURCE}). Line: mean of "
                "the simulated people who stand in.",
                "real", n,
            )
        )  # fmt: skip
    if curves is not None and profiles is not None:
        counts = profiles.set_index("Group")["People"].astype(int)
        real = int(counts["Healthy adults"] + counts["Parkinson's, off"])
        parts += _show_curve_tables(curves, profiles, int(counts["Simulated"]), real)
    return parts


def _show_parkinson_strides(walks: list):
    from gaitlib.outcomes import compute_walk_outcomes
    from gaitlib.report import subgroup_parkinsons as own

    people = own.load_stride_people()
    made = pd.DataFrame(
        [{"person_id": walk.attrs["person_id"]} | compute_walk_outcomes(walk) for walk in walks]
    )
    return page.show_table(
        own.format_strides(people, made),
        "Targets for a simulated cohort: stride tables of real people who walked for five minutes in a "
        "hallway (doi 10.13026/C27G6C), mean (standard deviation) over people, beside the simulated "
        "people of this page. Simulated walks last seconds, so their variability is a rough number.",
        "real", len(people), int(people["n_strides"].sum()), "strides",
    )  # fmt: skip


def _show_parkinson_sensors(kept: Results, seed: int):
    from gaitlib.evaluate.tables import build_agreement_table, format_agreement_table
    from gaitlib.report import subgroup_parkinsons as own

    tidy = kept.save_table("sensor_steps_parkinsons", own.measure_sensor_steps())
    table = build_agreement_table(tidy, by=("outcome", "method"), rng=np.random.default_rng([seed, 42]))
    shown = format_agreement_table(table, ("mae", "bias", "r", "loa")).rename(columns={"Walks": "Stretches"})
    shown = shown.drop(columns=["Origin", "Outcome", "Method", "Note"])
    return page.show_table(
        shown,
        "Step time from one sensor on the lower back (autocorrelation, Moe-Nilssen 2004; classical, "
        "nothing trained) against gyroscopes on both ankles (Salarian 2004; itself a method with "
        "errors), in stretches of 8 s without freezing (doi 10.1186/s12984-022-00992-x).",
        "real", tidy["person_id"].nunique(), len(tidy), "stretches",
    )  # fmt: skip


def _show_dementia_targets(walks: list):
    """Published means of people with Alzheimer's dementia beside the simulated people of the page."""
    from gaitlib.outcomes import compute_walk_outcomes

    made = pd.DataFrame(
        [{"person_id": walk.attrs["person_id"]} | compute_walk_outcomes(walk) for walk in walks]
    )
    rows = []
    for name, (words, first, later, factor, decimals) in _WITTWER.items():
        own = factor * made.groupby("person_id")[name].mean() if len(made) else pd.Series(dtype=float)
        simulated = "nobody fits"
        if len(own) > 1:
            simulated = f"{format_number(own.mean(), decimals)} ({format_number(own.std(), decimals)})"
        rows.append(
            {
                "Quantity": words,
                "Published, first visit": format_number(first, decimals),
                "Published, a year later": format_number(later, decimals),
                "Simulated people of this page": simulated,
            }
        )
    return page.show_table(
        pd.DataFrame(rows),
        "Means of people with Alzheimer's dementia in a clinic (Wittwer 2010, Gait Posture 32:113), "
        "beside mean (standard deviation) of the simulated people who stand in. Their speeds follow from "
        "what the cohort's file says, their double support from the balance margin there.",
        "published",
    )


def _show_cerebral_palsy(kept: Results, rules: Mapping, library: str, agreement: pd.DataFrame, view: str):
    from gaitlib.data.manifest import load_manifest
    from gaitlib.report import subgroup_cerebral_palsy as own

    gaits, people = _choose_gaits(kept, "cerebral_palsy", rules, library)
    ours = agreement[(agreement["method"] == "synthetic") & (agreement["view"] == view)]

    def show_benchmark():
        n_children = load_manifest().get_item("cp_video_benchmark").n_people
        return page.show_table(
            own.format_benchmark(own.load_benchmark(), ours),
            "A published model trained on patients (Kidzinski 2020, doi 10.1038/s41467-020-17807-z), "
            f"recomputed from its published predictions for {n_children} children. Video and gait "
            "laboratory were not recorded at the same time, so part of the error is the child walking "
            "differently and r has a ceiling below 1. The file does not say which rows belong to one "
            "child, so no intervals can be given. Its input is not part of the open data, so our "
            "estimator could not be run on it: the last column is about simulated people and no "
            "comparison.",
            "real", n_children,
        )  # fmt: skip

    words = "the published benchmark of children with cerebral palsy"
    return page.show_all(
        earlier.show_or_say(kept, show_benchmark, words),
        earlier.show_or_say(kept, lambda: _show_child(gaits, people), "one measured child"),
    )


def _show_child(gaits, people: list):
    from gaitlib.report import subgroup_cerebral_palsy as own

    strides = own.load_child()
    child = own.collect_child_curves(strides)
    n = len(child.people)
    columns = {f"One real child\n{n} strides a side": child}
    made = gait_curves.SideCurves({joint: np.empty((0, 2, 101)) for joint in gait_curves.JOINTS}, [])
    if people:
        made = gait_curves.collect_side_curves(gaits, people)
        columns[f"Simulated\n{len(made.people)} children"] = made
    n_strides = sum(data.sizes["stride"] for data in strides.values())
    return page.show_all(
        page.show_figure(
            gait_curves.plot_side_curves(columns),
            "Joint angles of one child with cerebral palsy in deep crouch (doi "
            "10.3389/fnhum.2020.00040): a case, not the population. Beside it simulated people who "
            "stand in, of all patterns and not of crouch alone.",
            "real", 1, n_strides, "strides",
        ),
        page.show_table(
            own.format_child(child, strides, made),
            "Mean (standard deviation) over the child's strides; simulated: over people.",
            "real", 1, n_strides, "strides",
        ),
        page.show_figure(
            own.plot_child_emg(strides, gaits),
            "When are the muscles on? Electromyogram of the same child and activation of simulated "
            "children, each in shares of its own peak.",
            "real", 1, n_strides, "strides",
        ),
    )  # fmt: skip
