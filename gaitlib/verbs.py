"""Verbs of `import gaitlib` that put a step together; the others are functions of their step's own module.

Each verb imports what it needs when it is called, so that the first `import gaitlib` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaitlib.environment import SHIPPED
from gaitlib.errors import WorkError
from gaitlib.person import Impairment, Person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr


def simulate_gait(
    person: Person,
    speed_mps: float,
    impairment: Impairment | None = None,
    stride_time_s: float | None = None,
) -> xr.Dataset:
    """Solve the gait of a person by optimal control and check it in OpenSim.

    The first call on a machine compiles the equations (about a minute); after that a gait takes seconds.
    Solver and OpenSim run in processes of their own: a script calls this under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    person : Person
        Who walks.
    speed_mps : float
        Walking speed (m/s).
    impairment : Impairment, optional
        What hinders the gait; nothing when left out.
    stride_time_s : float, optional
        Stride time (s); free when left out.

    Returns
    -------
    xarray.Dataset
        A Gait (`gaitlib.gait`): one stride with joint positions, muscle activations, joint moments and
        ground forces over `phase`.

    Raises
    ------
    WorkError
        If no gait was found, or OpenSim does not confirm it.

    Examples
    --------
    >>> import gaitlib
    >>> person = gaitlib.Person(age_years=30, sex="f", height_m=1.65, mass_kg=62)
    >>> weak = gaitlib.Impairment(weakness={"plantarflexors": 0.6})
    >>> gait = gaitlib.simulate_gait(person, speed_mps=1.1, impairment=weak)
    >>> gait["activation"].dims, round(float(gait["speed_mps"]), 2)
    (('phase', 'muscle'), 1.1)
    """
    from gaitlib.simulate.request import GaitRequest
    from gaitlib.simulate.solution import build_gait_dataset
    from gaitlib.simulate.workers import simulate_request

    request = GaitRequest(person, speed_mps, impairment or Impairment(), stride_time_s=stride_time_s)
    solved, row = simulate_request(request)
    if not row["verified"]:
        raise WorkError(f"the gait was not verified: {row['reason']}")
    return build_gait_dataset(request, solved)


def generate_gaits(
    conditions: pd.DataFrame, seed: int = 0, weights: str | Path | None = None
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Generate strides for wanted people, speeds and impairments; what fails a check is drawn again.

    Parameters
    ----------
    conditions : pandas.DataFrame
        One row per stride; columns among age_years, sex, height_m, mass_kg, speed_mps, stride_time_s and the
        impairments (`gaitlib.generate.conditions.CONDITIONS`). Missing columns and empty cells are open.
    seed : int
        Equal seeds give equal strides.
    weights : path, optional
        File of a trained generator; the shipped one when left out.

    Returns
    -------
    table : pandas.DataFrame
        One row per stride that passed: conditions and outcomes.
    gaits : xarray.Dataset
        Their curves, dimension `gait`.

    Raises
    ------
    InputError
        If a column or a value is wrong.

    Examples
    --------
    >>> import gaitlib
    >>> import pandas as pd
    >>> wanted = pd.DataFrame({"age_years": [8.0, 70.0], "speed_mps": [1.0, 1.1]})
    >>> table, gaits = gaitlib.generate_gaits(wanted, seed=1)
    >>> gaits["position"].dims, table["within_library"].all().item()
    (('gait', 'phase', 'coordinate'), True)
    """
    from gaitlib.generate.checks import RejectionSampler
    from gaitlib.generate.flow import GaitGenerator

    weights = weights or SHIPPED / "data" / "generator" / "generator.safetensors"
    return RejectionSampler(GaitGenerator.load(weights)).sample(conditions, seed)


def build_walk(
    gait: xr.Dataset,
    person: Person | None = None,
    duration_s: float = 6.0,
    fps: float = 60.0,
    variability: float = 1.0,
    seed: int = 0,
) -> xr.Dataset:
    """Let a gait walk through a room: strides strung together, with arms, head and what varies in people.

    Parameters
    ----------
    gait : xarray.Dataset
        A Gait.
    person : Person, optional
        Who walks; needed where the gait does not know it (a library's or a generated one).
    duration_s : float
        How long (s).
    fps : float
        Points in time per second.
    variability : float
        Multiple of the usual variation between and within people; 0 for none.
    seed : int
        Equal seeds give equal walks.

    Returns
    -------
    xarray.Dataset
        A Walk (`gaitlib.walk`): 3D keypoints over time, its outcomes in the attribute `outcomes`.

    Raises
    ------
    InputError
        If the person is not known, or the walk would be shorter than a stride.

    Examples
    --------
    >>> import gaitlib
    >>> library = gaitlib.load_library()
    >>> row = library.table.iloc[0]
    >>> who = gaitlib.Person(**{name: row[name] for name in gaitlib.Person.model_fields})
    >>> walk = gaitlib.build_walk(library.gaits.isel(gait=0), who, duration_s=5.0)
    >>> walk["keypoint_position"].dims
    ('time', 'keypoint', 'space')
    """
    import numpy as np

    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.walk_variation import WalkVariation

    rng = np.random.default_rng(seed)
    variation = WalkVariation().scale(variability)
    return build_synthetic_walk(gait, person, rng, duration_s=duration_s, fps=fps, variation=variation)


def observe_camera(
    walk: xr.Dataset,
    view: str = "side",
    layout: str = "coco17",
    noise: float = 1.0,
    fps: float = 30.0,
    seed: int = 0,
) -> xr.Dataset:
    """Film a walk with a virtual camera and a detector that errs as real ones do.

    Parameters
    ----------
    walk : xarray.Dataset
        A Walk.
    view : str
        Where the camera stands, a name of `gaitlib.sense.camera.VIEWS`.
    layout : str
        Which keypoints the detector gives (`gaitlib.sense.layouts`).
    noise : float
        Multiple of the usual errors of a detector; 0 for none.
    fps : float
        Frames per second.
    seed : int
        Equal seeds give equal errors.

    Returns
    -------
    xarray.Dataset
        Image keypoints: `pixel_position` (px) and `confidence` over time.

    Raises
    ------
    InputError
        If the view or the layout is unknown.

    Examples
    --------
    >>> import gaitlib
    >>> library = gaitlib.load_library()
    >>> who = gaitlib.Person(age_years=40, sex="m", height_m=1.75, mass_kg=72)
    >>> walk = gaitlib.build_walk(library.gaits.isel(gait=0), who)
    >>> gaitlib.observe_camera(walk, view="front")["pixel_position"].dims
    ('time', 'keypoint', 'image_axis')
    """
    import numpy as np

    from gaitlib.sense.camera import build_camera, project_walk
    from gaitlib.sense.noise import DetectorErrors, apply_detector_noise

    clip = project_walk(walk, build_camera(view, fps=fps), layout)
    if noise == 0:
        return clip
    return apply_detector_noise(clip, np.random.default_rng(seed), DetectorErrors().scale(noise))


def observe_inertial(
    walk: xr.Dataset,
    sites: Sequence[str] = ("lower_back",),
    noise: float = 1.0,
    fps: float = 100.0,
    seed: int = 0,
) -> xr.Dataset:
    """Measure a walk with virtual inertial sensors.

    Parameters
    ----------
    walk : xarray.Dataset
        A Walk.
    sites : sequence of str
        Where sensors are worn, names of `gaitlib.sense.inertial.SITES`.
    noise : float
        Multiple of the usual errors of sensors and of how they are worn; 0 for none.
    fps : float
        Samples per second.
    seed : int
        Equal seeds give equal errors.

    Returns
    -------
    xarray.Dataset
        `acceleration` (m/s^2, with gravity) and `angular_velocity` (rad/s) over time, per sensor.

    Raises
    ------
    InputError
        If a site is unknown.

    Examples
    --------
    >>> import gaitlib
    >>> library = gaitlib.load_library()
    >>> who = gaitlib.Person(age_years=40, sex="m", height_m=1.75, mass_kg=72)
    >>> walk = gaitlib.build_walk(library.gaits.isel(gait=0), who)
    >>> gaitlib.observe_inertial(walk)["acceleration"].dims
    ('time', 'sensor', 'space')
    """
    import numpy as np

    from gaitlib.sense.inertial import InertialErrors, sense_motion

    if noise == 0:
        return sense_motion(walk, list(sites), fps)
    errors = InertialErrors().scale(noise)
    return sense_motion(walk, list(sites), fps, np.random.default_rng(seed), errors)


def evaluate_agreement(
    table: pd.DataFrame,
    by: Sequence[str] = ("subgroup", "outcome", "method", "view"),
    margins: Mapping | None = None,
    seed: int = 0,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Compare estimates with what was measured: bias, limits of agreement, ICC and more, per group.

    The person is the unit: confidence limits come from resampling people, not walks.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per walk, outcome and method: subgroup, person_id, walk_id, outcome, method, reference,
        estimate, status ('ok' or a reason), and where known dataset, view, lower, upper.
    by : sequence of str
        Columns that make a group.
    margins : mapping, optional
        outcome -> margin with its source; adds the share of walks within it.
    seed : int
        Of the resampling.
    n_resamples : int
        Resamples of people.

    Returns
    -------
    pandas.DataFrame
        One row per group, each statistic with its 95 % confidence limits.

    Raises
    ------
    InputError
        If the table is malformed.

    Examples
    --------
    >>> import gaitlib
    >>> import pandas as pd
    >>> table = pd.DataFrame({"person_id": list("abcdef"), "reference": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]})
    >>> table = table.assign(walk_id="1", subgroup="toys", outcome="speed_mps", method="mine", status="ok")
    >>> found = gaitlib.evaluate_agreement(table.assign(estimate=table["reference"] + 0.1), by=["outcome"])
    >>> round(found["bias"].item(), 3), found["n_people"].item()
    (0.1, 6)
    """
    import numpy as np

    from gaitlib.evaluate.tables import build_agreement_table

    rng = np.random.default_rng(seed)
    return build_agreement_table(table, by=by, margins=margins, rng=rng, n_resamples=n_resamples)
