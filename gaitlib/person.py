"""Who walks: Person, Impairment and Cohort, typed, with ranges and sources."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gaitlib.errors import InputError

STRENGTH_GROUPS: dict[str, tuple[str, ...]] = {
    "hip_flexors": ("iliopsoas",),
    "hip_extensors": ("glut_max",),
    "knee_flexors": ("hamstrings", "bifemsh"),
    "knee_extensors": ("rect_fem", "vasti"),
    "plantarflexors": ("gastroc", "soleus"),
    "dorsiflexors": ("tib_ant",),
}
"""Clinical strength group -> muscle groups of the model (manual muscle testing groups)."""


class Person(BaseModel):
    """A walking person.

    Ranges span the study's cohorts: children from 3 years to adults of 90 years.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class Impairment(BaseModel):
    """What hinders the gait, each part with unit and range.

    `weakness` maps a strength group to the share of strength that is left (1 = healthy), on both sides:
    a factor on the maximal isometric force, as in Steele et al. 2012 (doi 10.1016/j.gaitpost.2012.01.006).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weakness: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_weakness(self) -> Impairment:
        for group, left in self.weakness.items():
            if group not in STRENGTH_GROUPS:
                raise ValueError(f"weakness group '{group}' is unknown; known: {', '.join(STRENGTH_GROUPS)}")
            if not 0.1 <= left <= 1.0:
                raise ValueError(f"weakness['{group}'] is {left}; expected the share left, 0.1 to 1.0")
        return self

    def get_strength(self, muscle_group: str) -> float:
        """Look up the share of strength that a muscle group has left.

        Parameters
        ----------
        muscle_group : str
            A name of `gaitlib.gait.MUSCLE_GROUPS`.

        Returns
        -------
        float
            1 where the group is not weakened.
        """
        for group, left in self.weakness.items():
            if muscle_group in STRENGTH_GROUPS[group]:
                return left
        return 1.0


def parse_person(values: dict, where: str = "person") -> Person:
    """Build a Person from plain values with one clear error.

    Parameters
    ----------
    values : dict
        age_years (3-95), sex ('f' or 'm'), height_m (0.85-2.10), mass_kg (10-160).
    where : str
        File or field that the message names.

    Returns
    -------
    Person
        The validated person.

    Raises
    ------
    InputError
        If a value is missing, unknown or outside its range.
    """
    return _parse(Person, values, where)


def parse_impairment(values: dict, where: str = "impairment") -> Impairment:
    """Build an Impairment from plain values with one clear error.

    Parameters
    ----------
    values : dict
        weakness: mapping of strength group to the share left (0.1-1.0).
    where : str
        File or field that the message names.

    Returns
    -------
    Impairment
        The validated impairment.

    Raises
    ------
    InputError
        If a value is unknown or outside its range.
    """
    return _parse(Impairment, values, where)


def _parse(model: type[BaseModel], values: dict, where: str):
    try:
        return model.model_validate(values)
    except ValidationError as error:
        parts = [
            f"{'.'.join(str(p) for p in item['loc']) or 'values'}: {item['msg']} (found {item['input']!r})"
            for item in error.errors()
        ]
        raise InputError(f"{where}: " + "; ".join(parts)) from None
