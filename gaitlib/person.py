"""Who walks: Person, Impairment and Cohort, typed, with ranges and sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gaitlib.schema import Section, check_values

STRENGTH_GROUPS: dict[str, tuple[str, ...]] = {
    "hip_flexors": ("iliopsoas",),
    "hip_extensors": ("glut_max",),
    "knee_flexors": ("hamstrings", "bifemsh"),
    "knee_extensors": ("rect_fem", "vasti"),
    "plantarflexors": ("gastroc", "soleus"),
    "dorsiflexors": ("tib_ant",),
}
"""Clinical strength group -> muscle groups of the model (manual muscle testing groups)."""


class Person(Section):
    """A walking person.

    Ranges span the study's cohorts: children from 3 years to adults of 90 years.

    Examples
    --------
    >>> import gaitlib
    >>> gaitlib.Person(age_years=8, sex="m", height_m=1.28, mass_kg=26)
    Person(age_years=8.0, sex='m', height_m=1.28, mass_kg=26.0)
    """

    age_years: float = Field(ge=3, le=95)
    sex: Literal["f", "m"]
    height_m: float = Field(ge=0.85, le=2.10)
    mass_kg: float = Field(ge=10, le=160)

    @model_validator(mode="after")
    def _check_body_mass_index(self) -> Person:
        index = self.mass_kg / self.height_m**2
        if not 11 <= index <= 45:
            raise ValueError(
                f"body mass index {index:.1f} kg/m^2 is outside 11-45; check height_m and mass_kg"
            )
        return self


CONTRACTURE_GROUPS = ("iliopsoas", "hamstrings", "rect_fem", "gastroc", "soleus")
"""Muscle groups whose fibres can be shortened."""
SPASTIC_GROUPS = ("hamstrings", "rect_fem", "gastroc", "soleus")
"""Muscle groups that can have a stretch reflex."""
SPATIAL_GROUPS = {
    "hip_abductors": ("glut_med", "glut_min", "tfl"),
    "adductors": ("add_long", "add_mag", "gracilis"),
}
"""Groups that only a body in space has -> how the names of their muscles begin."""
LIMITED_JOINTS = ("hip", "knee", "ankle")
"""Joints whose passive stop can be moved: extension of hip and knee, dorsiflexion of the ankle."""
SIDES = ("r", "l")

PER_SIDE = {
    "weakness": ((*STRENGTH_GROUPS, "hip_abductors"), 0.1, 1.0, 1.0),
    "contracture": ((*CONTRACTURE_GROUPS, "adductors"), 0.6, 1.0, 1.0),
    "spasticity": (SPASTIC_GROUPS, 0.0, 3.0, 0.0),
    "limit": (LIMITED_JOINTS, -25.0, 80.0, 0.0),
    "tone": ((*SPASTIC_GROUPS, "adductors"), 0.0, 0.5, 0.0),
}
"""Names, lowest, highest and healthy value of the parts that are given per group and side."""


class Impairment(Section):
    """What hinders the gait, each part with unit and range; everything left out is healthy.

    The first five map a group or joint to a value; a suffix `_r` or `_l` names a side, no suffix both.

    - `weakness`: strength group -> share of maximal isometric force left, 0.1-1 (Steele et al. 2012,
      J Biomech 45:2564);
    - `contracture`: muscle group -> share of optimal fibre length left, 0.6-1: fibres are stretched and pull
      passively at shorter lengths (Attias et al. 2016, doi 10.1016/j.clinbiomech.2016.02.017);
    - `spasticity`: muscle group -> gain of a lagging stretch reflex, 0-3 (activation per optimal length per
      second of fibre lengthening; Falisse et al. 2018, doi 10.1371/journal.pone.0208811);
    - `limit`: joint -> degrees of extension (hip, knee) or dorsiflexion (ankle) that a contracture takes,
      -25 to 80; below 0 a lax joint gives more, as a knee that hyperextends (passive range as clinics measure
      it, McDowell et al. 2012, doi 10.3109/01942638.2011.644032);
    - `tone`: muscle group -> least activation at any time, 0-0.5 (overactivity without a stretch, as of the
      calf in swing);
    - `rigidity`: 0-1 of the added joint stiffness and damping of `gaitlib.body.specification`;
    - `coactivation`: 0-0.5, share of a muscle's activation that its antagonist has at least (reduced
      selective control);
    - `bradykinesia`: 0-0.7, slower and smaller excitation and movement: time constants times 1 + 2 x,
      largest excitation 1 - 0.6 x, and a cost of wide strides (angle between the thighs; in space also turns
      of the pelvis) that grows with x;
    - `stoop_deg`: 0-45, forward lean of the trunk that the person seeks (degrees);
    - `tilt_deg`: -15 to 30, anterior tilt of the pelvis, beyond the healthy, that the person seeks (degrees);
    - `balance_margin`: 0-1, how much a long double support is sought, in space a wide base;
    - `anteversion_deg`: -20 to 40, how much further forward the necks of the femurs point than the usual.

    What lies out of the plane (`SPATIAL_GROUPS`, `anteversion_deg`) hinders a body in space only.

    Examples
    --------
    >>> import gaitlib
    >>> hemiparesis = gaitlib.Impairment(weakness={"plantarflexors_r": 0.4}, spasticity={"gastroc_r": 1.0})
    >>> hemiparesis.is_symmetric, hemiparesis.get("weakness", "plantarflexors", "l")
    (False, 1.0)
    """

    weakness: dict[str, float] = Field(default_factory=dict)
    contracture: dict[str, float] = Field(default_factory=dict)
    spasticity: dict[str, float] = Field(default_factory=dict)
    limit: dict[str, float] = Field(default_factory=dict)
    tone: dict[str, float] = Field(default_factory=dict)
    rigidity: float = Field(default=0.0, ge=0, le=1)
    coactivation: float = Field(default=0.0, ge=0, le=0.5)
    bradykinesia: float = Field(default=0.0, ge=0, le=0.7)
    stoop_deg: float = Field(default=0.0, ge=0, le=45)
    balance_margin: float = Field(default=0.0, ge=0, le=1)
    tilt_deg: float = Field(default=0.0, ge=-15, le=30)
    anteversion_deg: float = Field(default=0.0, ge=-20, le=40)

    @field_validator(*PER_SIDE, mode="after")
    @classmethod
    def _check_groups(cls, values: dict[str, float], info) -> dict[str, float]:
        groups, low, high, healthy = PER_SIDE[info.field_name]
        known = {key: None for g in groups for key in (g, f"{g}_r", f"{g}_l")}
        for name, value in values.items():
            if name not in known:
                raise ValueError(
                    f"group '{name}' is unknown; known: {', '.join(groups)}, each with _r or _l for a side"
                )
            if not low <= value <= high:
                raise ValueError(f"'{name}' is {value}; expected {low:g} to {high:g}")
            if name[-2:] in ("_r", "_l") and name[:-2] in values:
                raise ValueError(f"'{name}' contradicts '{name[:-2]}'; give both sides or each side once")
        canonical = {}
        for group in groups:
            right, left = (values.get(f"{group}_{side}", values.get(group, healthy)) for side in SIDES)
            sides = {group: right} if right == left else {f"{group}_r": right, f"{group}_l": left}
            canonical |= {name: value for name, value in sides.items() if value != healthy}
        return canonical

    @property
    def is_symmetric(self) -> bool:
        """Whether both sides are impaired alike."""
        names = [name for part in PER_SIDE for name in getattr(self, part)]
        return not any(name.endswith(("_r", "_l")) for name in names)

    @property
    def needs_reflexes(self) -> bool:
        """Whether the walking problem needs reflexes or ties between antagonists."""
        return bool(self.spasticity) or self.coactivation > 0

    def get(self, part: str, group: str, side: str) -> float:
        """Look up a part for a group (weakness), joint (limit) or muscle group and a side; else healthy."""
        values = getattr(self, part)
        return values.get(f"{group}_{side}", values.get(group, PER_SIDE[part][3]))

    def get_strength(self, muscle_group: str, side: str) -> float:
        """Look up the share of strength that a muscle group, or a group of `SPATIAL_GROUPS`, has left."""
        holders = (group for group, members in STRENGTH_GROUPS.items() if muscle_group in members)
        return self.get("weakness", next(holders, muscle_group), side)

    def flatten(self) -> dict[str, float]:
        """Lay the impairment out as one number per column; `unflatten_impairment` undoes it."""
        row = {
            f"{part}_{group}_{side}": self.get(part, group, side)
            for part, (groups, *_) in PER_SIDE.items()
            for group in groups
            for side in SIDES
        }
        return row | {name: getattr(self, name) for name in SCALAR_PARTS}

    def describe(self) -> str:
        """Put the impairment into words, such as 'weakness: plantarflexors right 0.30; rigidity 0.5'."""
        words = []
        for part in PER_SIDE:
            values = getattr(self, part)
            if values:
                named = (f"{_name_side(name)} {value:.2f}" for name, value in values.items())
                words.append(f"{part}: {', '.join(named)}")
        words += [f"{_name_side(n)} {getattr(self, n):g}" for n in SCALAR_PARTS if getattr(self, n)]
        return "; ".join(words) or "no impairment"


def _name_side(name: str) -> str:
    sides = {"_r": " right", "_l": " left"}
    return (name[:-2] + sides[name[-2:]] if name[-2:] in sides else name).replace("_", " ")


SCALAR_PARTS = {
    name: (float(field.metadata[0].ge), float(field.metadata[1].le))
    for name, field in Impairment.model_fields.items()
    if name not in PER_SIDE
}
"""Parts of an impairment that are one number -> lowest and highest; 0 is healthy."""
IMPAIRMENT_COLUMNS = tuple(Impairment().flatten())
"""Columns of a table that hold an impairment."""


def unflatten_impairment(row: Mapping) -> Impairment:
    """Build an impairment from the columns of a table's row; a part that is not there is healthy."""
    parts = {
        part: {f"{g}_{side}": float(row.get(f"{part}_{g}_{side}", healthy)) for g in groups for side in SIDES}
        for part, (groups, _, _, healthy) in PER_SIDE.items()
    }
    return Impairment(**parts, **{name: float(row.get(name, 0.0)) for name in SCALAR_PARTS})


def parse_person(values: dict, where: str = "person") -> Person:
    """Build a Person from plain values with one clear error; `where` names the file or field."""
    return check_values(Person, values, where)
