"""The study file: one YAML file that tells a whole study, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gaitlib.cohorts.cohort import COHORTS
from gaitlib.data.manifest import load_manifest
from gaitlib.errors import InputError, suggest_name
from gaitlib.schema import Section, check_values, read_yaml

OUTCOMES = ("speed_mps", "step_length_m", "step_time_s")
"""Outcomes that every estimator of a study answers."""

_LARGEST_MARGIN = {"speed_mps": 0.5, "step_length_m": 0.2, "step_time_s": 0.2}
"""A larger margin is a slip of the unit (cm for m, ms for s)."""

Outcome = Literal["speed_mps", "step_length_m", "step_time_s"]
View = Literal["side", "front", "oblique", "back", "side_left", "oblique_back"]
Method = Literal["synthetic", "classical", "ridge_real"]


_RELEASE = r"^([0-9a-f]{16})?$"
"""Hash of a library: `gaitlib.simulate.library.Library.hash`."""


class SimulateSection(Section):
    """Chapter 1: the library of simulated gaits and how much of it is solved again."""

    library: str = Field(min_length=1)
    resolve_gaits: int = Field(ge=0, le=10_000)
    tolerance_deg: float = Field(gt=0, le=20)
    workers: int = Field(ge=1, le=256)


class LibrarySection(Section):
    """What `gaitlib simulate --study` builds: gaits per cohort of one body, and where the solves run."""

    folder: str = Field(min_length=1)
    body: Literal["plane", "space"] = "plane"
    cohorts: dict[str, int] = Field(min_length=1)
    stride_share: float = Field(ge=0, le=1)
    free_time_share: float = Field(ge=0, le=1)
    start_library: str = ""
    time_limit_s: float = Field(gt=0, le=3600)
    executor: Literal["local", "dask"] = "local"
    workers: int = Field(default=1, ge=1, le=1024)
    scheduler: str = ""

    @model_validator(mode="after")
    def _check_cohorts(self) -> LibrarySection:
        for name, count in self.cohorts.items():
            if name not in COHORTS:
                raise ValueError(f"cohorts: '{name}' is unknown{suggest_name(name, COHORTS)}")
            if not 0 <= count <= 10_000_000:
                raise ValueError(f"cohorts.{name}: {count} gaits, expected 0 or more")
        return self


class GenerateSection(Section):
    """Chapter 2: size and training of the generative model, strides sampled for its checks.

    `weights_release` is the hash of the library that a generator trained earlier (`--generator`) may have
    learned from, where that is not the study's own.
    """

    hidden: int = Field(ge=8, le=2048)
    blocks: int = Field(ge=1, le=12)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    samples: int = Field(ge=10)
    rival_steps: int = Field(default=1500, ge=1)
    unseen_steps: int = Field(default=1500, ge=1)
    inverse_steps: int = Field(default=1500, ge=1)
    physics_gaits: int = Field(default=24, ge=5)
    weights_release: str = Field(default="", pattern=_RELEASE)

    def get_training(self) -> dict:
        """Get the settings of the training."""
        shared = self.model_dump(include={"hidden", "steps", "batch_size", "learning_rate"})
        return shared | {"n_blocks": self.blocks}


class SenseSection(Section):
    """The virtual sensors through which real and simulated people are seen in chapter 4."""

    views: tuple[View, ...] = Field(min_length=1)
    layout: Literal["coco17", "body25", "mediapipe33", "h36m17", "pig", "walk19"]
    fps: float = Field(ge=10, le=240)
    noise: float = Field(ge=0, le=5)
    clip_seconds: float = Field(ge=2, le=30)

    @model_validator(mode="after")
    def _check_views(self) -> SenseSection:
        if len(set(self.views)) < len(self.views):
            raise ValueError(f"views: {', '.join(self.views)} names a view twice")
        return self


class EstimateSection(Section):
    """Chapter 3: size and training of the estimators, on synthetic walks only.

    `weights` is a folder with estimators trained earlier by `gaitlib train` that the chapters after it use in
    place of those of this run; empty: those of this run. `weights_release` is the hash of the library that
    they learned from, where that is not the study's own. `unseen_cohorts` are those that designs of a network
    do not learn from when `gaitlib train --designs` compares them.
    """

    width: int = Field(ge=8, le=1024)
    clips: int = Field(ge=10)
    inertial_clips: int = Field(ge=10)
    insole_clips: int = Field(ge=10)
    pretrain_clips: int = Field(ge=0)
    inertial_members: int = Field(ge=1, le=20)
    reuse: float = Field(gt=0, le=1000)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    generated_gaits: int = Field(ge=0)
    held_out_share: float = Field(gt=0, le=0.5)
    calibration_clips: int = Field(ge=50)
    test_clips: int = Field(ge=50)
    workers: int = Field(ge=0, le=256)
    unseen_cohorts: tuple[Literal[COHORTS], ...] = ()
    weights: str = ""
    weights_release: str = Field(default="", pattern=_RELEASE)

    @model_validator(mode="after")
    def _check_weights(self) -> EstimateSection:
        if self.weights_release and not self.weights:
            raise ValueError("weights_release: there are no `weights` that could be of another release")
        return self


class Margin(Section):
    """A difference that counts, fixed before the data are seen, with its published source."""

    value: float = Field(gt=0)
    kind: Literal["clinical", "technical"]
    source: str = Field(min_length=8)


class StandIn(Section):
    """Which simulated people are shown where no real people exist."""

    cohort: Literal[COHORTS]
    youngest_years: float = Field(ge=3, le=95)
    oldest_years: float = Field(ge=3, le=95)
    slowest_mps: float = Field(ge=0.2, le=2.5)
    fastest_mps: float = Field(ge=0.2, le=2.5)
    why: str = Field(min_length=8)

    @model_validator(mode="after")
    def _check_order(self) -> StandIn:
        if self.youngest_years > self.oldest_years or self.slowest_mps > self.fastest_mps:
            raise ValueError("the lower end of age or speed lies above the upper end")
        return self


_NEEDS = {
    "joint_angles": ("dataset", "group", "words", "conditions"),
    "strides": ("dataset", "group", "words", "controls"),
    "sensor_steps": ("dataset",),
    "sensors": ("dataset",),
    "insoles": ("dataset", "group", "controls", "words"),
    "predictions": ("dataset",),
    "case": ("dataset",),
    "published": ("group",),
    "addable": ("group",),
}
"""Kind of data -> what a study must say of it."""


class Beside(Section):
    """What else is known of a subgroup and shown beside its evaluation, by kind of data.

    `dataset` is an item of the data manifest. `group` is what people are called in that set, or before the
    comma in data/published.csv (published), or among the populations of the manifest (addable: sets that a
    reader can add). `conditions` are states of the same people, such as medication, the first one compared.
    `words` names the people in tables; of published and addable it is a sentence for the page.
    """

    kind: Literal[tuple(_NEEDS)]
    dataset: str = ""
    group: str = ""
    controls: str = ""
    conditions: list[str] = []
    words: str = ""

    @model_validator(mode="after")
    def _check_fields(self) -> Beside:
        absent = [name for name in _NEEDS[self.kind] if not getattr(self, name)]
        if absent:
            raise ValueError(f"kind '{self.kind}' needs {' and '.join(absent)}")
        if self.dataset:
            try:
                load_manifest().get_item(self.dataset)
            except InputError as error:
                raise ValueError(f"dataset: {error}") from None
        return self


class Subgroup(Section):
    """One evaluation page: its title, its real people, who stands in where there are none, what is beside."""

    title: str = Field(min_length=3)
    datasets: tuple[str, ...] = ()
    missing: str = ""
    stand_in: StandIn | None = None
    margins: dict[Outcome, Margin] = Field(default_factory=dict)
    beside: list[Beside] = []

    @model_validator(mode="after")
    def _check_people(self) -> Subgroup:
        worn = any(item.kind == "sensors" for item in self.beside)
        if not self.datasets and not (self.missing and (self.stand_in or worn)):
            raise ValueError(
                "without datasets, `missing` must say what is missing, and `stand_in` who is shown, unless "
                "`beside` names recordings of sensors (kind sensors)"
            )
        if self.datasets and self.stand_in is not None:
            raise ValueError("has datasets of real people, so a simulated `stand_in` contradicts it")
        alone = [item.kind for item in self.beside if item.kind not in ("sensor_steps", "sensors", "addable")]
        if alone and self.stand_in is None:
            raise ValueError(f"beside: {alone[0]} is shown beside simulated people; declare a `stand_in`")
        return self


class EvaluateSection(Section):
    """Chapters 4 and 5: who is evaluated, by which methods, against which margins.

    `experiments` is the file of `studies/ablate.py` that chapter 5 shows; empty: none. `told_apart` names two
    subgroups, patients and healthy people, whom chapter 5 tells apart by their estimates.
    """

    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    methods: tuple[Method, ...] = Field(min_length=1)
    bootstrap: int = Field(ge=100, le=100_000)
    stand_in_walks: int = Field(ge=5, le=5000)
    experiments: str = ""
    margins: dict[Outcome, Margin]
    subgroups: dict[str, Subgroup] = Field(min_length=1)
    told_apart: tuple[str, str]

    @model_validator(mode="after")
    def _check_told_apart(self) -> EvaluateSection:
        for name in self.told_apart:
            if name not in self.subgroups:
                raise ValueError(f"told_apart: '{name}' is no subgroup{suggest_name(name, self.subgroups)}")
        return self

    @model_validator(mode="after")
    def _check_margins(self) -> EvaluateSection:
        for outcome in self.outcomes:
            if outcome not in self.margins:
                raise ValueError(
                    f"margins: '{outcome}' is evaluated but has no margin; declare one with its source"
                )
        for where, margins in [("margins", self.margins)] + [
            (f"subgroups.{name}.margins", group.margins) for name, group in self.subgroups.items()
        ]:
            for outcome, margin in margins.items():
                if outcome not in self.outcomes:
                    raise ValueError(f"{where}: '{outcome}' has a margin but is not among the outcomes")
                if margin.value > _LARGEST_MARGIN[outcome]:
                    raise ValueError(
                        f"{where}.{outcome}: {margin.value:g} is larger than {_LARGEST_MARGIN[outcome]:g}; "
                        "values are in the unit of the outcome's name (m/s, m, s)"
                    )
        return self


class BookSection(Section):
    """The rendered book."""

    title: str = Field(min_length=3)


class Study(Section):
    """A whole study."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    seed: int = Field(ge=0, le=2**31 - 1)
    simulate: SimulateSection
    library: LibrarySection | None = None
    spatial_library: LibrarySection | None = None
    generate: GenerateSection
    sense: SenseSection
    estimate: EstimateSection
    evaluate: EvaluateSection
    book: BookSection

    @property
    def builds_library(self) -> bool:
        """Whether the library that the pages read is the one that section `library` builds."""
        return self.library is not None and Path(self.library.folder) == Path(self.simulate.library)

    def get_margins(self, subgroup: str) -> dict[str, Margin]:
        """Get the margins of a subgroup: its own where declared, else the study's."""
        if subgroup not in self.evaluate.subgroups:
            raise InputError(
                f"study '{self.name}': evaluate.subgroups has no '{subgroup}'"
                f"{suggest_name(subgroup, self.evaluate.subgroups)}"
            )
        own = self.evaluate.subgroups[subgroup].margins
        return {outcome: own.get(outcome, margin) for outcome, margin in self.evaluate.margins.items()}


def load_study(path: str | Path) -> Study:
    """Read and check a study file."""
    path = Path(path)
    return parse_study(read_yaml(path, "study file", "Name a file in studies/."), path.name)


def parse_study(values: object, where: str = "study") -> Study:
    """Check the plain values of a study."""
    if not isinstance(values, dict):
        raise InputError(
            f"{where}: found {type(values).__name__}, expected sections {', '.join(Study.model_fields)}."
        )
    return check_values(Study, values, where)
