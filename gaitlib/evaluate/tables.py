"""Tables a paper could print: agreement per group with people and walks counted, and who was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.agreement import STATISTICS, compute_agreement
from gaitlib.evaluate.calibration import compute_clustered_share
from gaitlib.evaluate.inputs import (
    check_agreement_table,
    check_columns,
    count_walks,
    format_error,
    format_interval,
    format_number,
    format_outcome,
    get_label,
    read_margins,
)
from gaitlib.evaluate.person_means import FEW_PEOPLE, MIN_PEOPLE

NOT_EVALUATED = "not evaluated on real people"
SIMULATED = "simulated people, not measured"
DEFAULT_BY = ("subgroup", "outcome", "method", "view")
SHOWN = ("bias", "mae", "r", "icc_2_1", "loa")
_COUNTS = ("n_people", "n_walks", "n_people_all", "n_walks_all", "n_abstained")


def build_agreement_table(
    tidy: pd.DataFrame,
    *,
    by: Sequence[str] = DEFAULT_BY,
    margins: Mapping | None = None,
    expected: Mapping[str, Iterable] | Iterable[Mapping] | None = None,
    rng: np.random.Generator | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the agreement of every group, as raw numbers; `format_agreement_table` prints it.

    "origin" is always added to `by`: simulated people are never pooled with real ones. `expected`: what
    should have been evaluated, column -> values (all combinations) or one mapping per row; a combination
    without real people gets a row that says so. Without `rng` equal tables give equal numbers. Per group:
    datasets; n_people and n_walks behind the numbers, n_people_all, n_walks_all, n_abstained; every one of
    `STATISTICS` with ``_lower`` and ``_upper``; coverage of the estimator's own intervals; margin and the
    share of walks within it.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    table = check_agreement_table(tidy)
    by = check_columns(table, by, ("origin",))
    margins = read_margins(margins)
    rows = [
        _describe_group(dict(zip(by, key, strict=True)), group, margins, rng, n_resamples, level)
        for key, group in table.groupby(by, sort=True, dropna=False)
    ]
    rows += _list_missing(rows, expected, by)
    names = [name for stat in STATISTICS for name in (stat, f"{stat}_lower", f"{stat}_upper")]
    names += ["interval_coverage", "interval_coverage_lower", "interval_coverage_upper"]
    names += ["margin", "margin_kind", "margin_source", "within_margin", "note"]
    result = pd.DataFrame(rows, columns=[*by, "datasets", *_COUNTS, *names])
    for name in _COUNTS:
        result[name] = result[name].fillna(0).astype(int)
    for name in ("datasets", "margin_kind", "margin_source", "note"):
        result[name] = result[name].astype(object).fillna("")
    result.attrs.update(level=level, n_resamples=n_resamples)
    keys = [name for name in by if name != "origin"]
    return result.sort_values([*keys, "origin"], kind="stable").reset_index(drop=True)


def _describe_group(row: dict, group: pd.DataFrame, margins, rng, n_resamples: int, level: float) -> dict:
    ok = group[group["status"] == "ok"]
    n_people = ok["person"].nunique()
    row = row | {
        "datasets": ", ".join(sorted(set(group["dataset"]) - {""})),
        "n_people": n_people,
        "n_walks": count_walks(ok),
        "n_people_all": group["person"].nunique(),
        "n_walks_all": count_walks(group),
        "n_abstained": int((group["status"] != "ok").sum()),
    }
    notes = [SIMULATED] if (group["origin"] == "simulated").all() else []
    if n_people < MIN_PEOPLE:
        reasons = group.loc[group["status"] != "ok", "status"].value_counts()
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        who = "1 person" if n_people == 1 else f"{n_people} people"
        notes.append(f"not evaluated: {who} with an estimate, {MIN_PEOPLE} needed")
        return row | {"note": "; ".join(filter(None, [*notes, why]))}
    if n_people < FEW_PEOPLE:
        notes.append(f"few people ({n_people}): intervals indicative only")
    if ok["outcome"].nunique() > 1:
        raise InputError("by: rows of different outcomes fall into one group; add 'outcome'.")
    found = compute_agreement(ok["reference"], ok["estimate"], ok["person"], rng, n_resamples, level)
    for name, line in found.iterrows():
        row |= {name: line["value"], f"{name}_lower": line["lower"], f"{name}_upper": line["upper"]}
    notes += _collect_reasons(found)
    given = ok[ok["lower"].notna()]
    if len(given):
        hits = (given["reference"] >= given["lower"]) & (given["reference"] <= given["upper"])
        share, low, high, _ = compute_clustered_share(hits, given["person"], level)
        row |= {"interval_coverage": share, "interval_coverage_lower": low, "interval_coverage_upper": high}
    margin = margins.get(ok["outcome"].iloc[0])
    if margin:
        within = (ok["estimate"] - ok["reference"]).abs() <= margin.value
        row |= {"margin": margin.value, "margin_kind": margin.kind, "margin_source": margin.source}
        row["within_margin"] = compute_clustered_share(within, ok["person"], level)[0]
    return row | {"note": "; ".join(notes)}


def _collect_reasons(found: pd.DataFrame) -> list[str]:
    """Name undefined statistics once per reason; a design with single walks is no defect."""
    reasons: dict[str, list[str]] = {}
    for name, line in found.iterrows():
        if line["note"].startswith("undefined:") and not name.endswith("_within"):
            reasons.setdefault(line["note"].removeprefix("undefined: "), []).append(STATISTICS[name].label)
    return [f"{', '.join(labels)} undefined: {reason}" for reason, labels in reasons.items()]


def _list_missing(rows: list[dict], expected, by: Sequence[str]) -> list[dict]:
    if expected is None:
        return []
    if isinstance(expected, Mapping):
        lists = {key: [value] if isinstance(value, str) else list(value) for key, value in expected.items()}
        wanted = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    else:
        wanted = [dict(row) for row in expected]
    missing = []
    for combination in wanted:
        unknown = set(combination) - set(by)
        if unknown:
            raise InputError(
                f"expected: {', '.join(sorted(unknown))} is not one of the grouping columns {by}."
            )
        wanted_row = (combination | {"origin": "real"}).items()
        if not any(all(row[key] == value for key, value in wanted_row) for row in rows):
            blank = dict.fromkeys(by, "") | combination
            missing.append(blank | {"origin": "real", "n_people": 0, "n_walks": 0, "note": NOT_EVALUATED})
    return missing


def format_agreement_table(
    table: pd.DataFrame, statistics: Sequence[str] = SHOWN, labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Format a raw agreement table for print ("–": undefined); "loa" is both limits in one column."""
    unknown = [name for name in statistics if name not in STATISTICS and name != "loa"]
    if unknown:
        raise InputError(f"statistics: {', '.join(unknown)} unknown; there are {', '.join(STATISTICS)}, loa.")
    labels = dict(labels or {})
    keys = list(table.columns[: table.columns.get_loc("datasets")])
    shown = pd.DataFrame(index=table.index)
    for key in keys:
        if key == "view" and (table[key] == "").all():
            continue
        read = get_label if key == "outcome" else str
        shown[key.capitalize()] = [labels.get(value, read(value)) for value in table[key]]
    shown["People"] = [_format_count(row.n_people, row.n_people_all) for row in table.itertuples()]
    shown["Walks"] = [_format_count(row.n_walks, row.n_walks_all) for row in table.itertuples()]
    level = table.attrs.get("level", 0.95)
    for name in statistics:
        column = "95 % limits of agreement" if name == "loa" else f"{STATISTICS[name].label} ({level:.0%} CI)"
        shown[column] = [format_statistic(row, name) for _, row in table.iterrows()]
    if table["interval_coverage"].notna().any():
        ends = table[["interval_coverage", "interval_coverage_lower", "interval_coverage_upper"]]
        shown["Intervals holding the truth"] = [
            f"{share:.0%} ({low:.0%} to {high:.0%})" if np.isfinite(share) else "–"
            for share, low, high in ends.itertuples(index=False)
        ]
    if table["margin"].notna().any():
        shown["Within margin"] = [_format_within(row) for _, row in table.iterrows()]
    shown["Note"] = table["note"]
    return shown


def _format_count(used: int, all_of_them: int) -> str:
    return str(used) if used == all_of_them or all_of_them == 0 else f"{used} of {all_of_them}"


def format_statistic(row: Mapping, name: str) -> str:
    """Format one statistic of a row with its interval, in the unit that readers see; "loa": both limits.

    A slope or correlation over fewer than `FEW_PEOPLE` people is not shown: one of them would turn it.
    """
    if name != "loa" and not STATISTICS[name].has_unit and row["n_people"] < FEW_PEOPLE:
        return "–"
    if name == "loa":
        if not np.isfinite(row["loa_lower"]):
            return "–"
        return " to ".join(format_outcome(row["outcome"], row[end]) for end in ("loa_lower", "loa_upper"))
    if name == "mae":
        return format_error(row["outcome"], row)
    ends = row[name], row[f"{name}_lower"], row[f"{name}_upper"]
    return format_outcome(row["outcome"], *ends) if STATISTICS[name].has_unit else format_interval(*ends, 2)


def _format_within(row: pd.Series) -> str:
    if not np.isfinite(row["within_margin"]):
        return "–"
    return f"{row['within_margin']:.0%} (±{format_outcome(row['outcome'], row['margin'])})"


def build_people_table(people: pd.DataFrame, by: str = "subgroup") -> pd.DataFrame:
    """Describe who was measured ("table 1")."""
    missing = [name for name in (by, "person_id") if name not in people]
    if missing:
        raise InputError(
            f"people: column(s) {', '.join(missing)} missing; found {', '.join(map(str, people))}."
        )
    if people.duplicated([by, "person_id"]).any():
        raise InputError("people: a person occurs twice in a group; expected one row per person.")
    covariates = {"age_years": ("Age (years)", 1), "height_m": ("Height (m)", 2), "mass_kg": ("Mass (kg)", 1),
                  "speed_mps": ("Speed (m/s)", 2)}  # fmt: skip
    rows = []
    for name, group in people.groupby(by, sort=True):
        row = {by.capitalize(): str(name), "People": str(len(group))}
        if "n_walks" in people:
            row["Walks"] = str(int(group["n_walks"].sum()))
        sex = group["sex"].dropna() if "sex" in people else pd.Series(dtype=object)
        sex = sex[sex.isin(["f", "m"])]
        row["Women or girls"] = _add_known(str(int((sex == "f").sum())), len(sex), len(group))
        for column, (title, decimals) in covariates.items():
            values = pd.to_numeric(group[column], errors="coerce").dropna() if column in people else []
            row[title] = _add_known(_describe_values(values, decimals), len(values), len(group))
        rows.append(row)
    return pd.DataFrame(rows)


def _describe_values(values, decimals: int) -> str:
    if len(values) == 0:
        return ""
    numbers = [format_number(value, decimals) for value in (values.mean(), values.min(), values.max())]
    spread = f" ({format_number(values.std(ddof=1), decimals)})" if len(values) > 1 else ""
    return f"{numbers[0]}{spread} [{numbers[1]} to {numbers[2]}]"


def _add_known(text: str, known: int, total: int) -> str:
    if known == 0:
        return "not known"
    return text if known == total else f"{text}, known for {known}"
