"""A gait as files of OpenSim's own tools, read back through them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from gaitlib.cli import main
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLES, TRANSLATIONS
from gaitlib.simulate.export import export_gait, prepare_export
from gaitlib.simulate.library import load_library
from gaitlib.simulate.request import parse_request
from gaitlib.simulate.workers import make_pool


def _read_back(folder: str, name: str) -> dict[str, tuple[list[str], np.ndarray]]:
    """Every table as OpenSim reads it, inverse dynamics as OpenSim's tool computes it."""
    import os

    import opensim

    opensim.Logger.setLevelString("Off")
    os.chdir(folder)
    opensim.InverseDynamicsTool(f"{name}_inverse_dynamics.xml").run()
    tables = {}
    for ending in ("motion.mot", "states.sto", "controls.sto", "ground_forces.mot", "inverse_dynamics.sto"):
        table = opensim.TimeSeriesTable(f"{name}_{ending}")
        columns = np.array([table.getDependentColumn(c).to_numpy() for c in table.getColumnLabels()]).T
        tables[ending] = (list(table.getColumnLabels()), columns)
    return tables


def _compute_rates(folder: str, name: str, rows: tuple[int, ...]) -> np.ndarray:
    """Activation rates of OpenSim's muscles at states and controls of the files."""
    import opensim

    opensim.Logger.setLevelString("Off")
    model = opensim.Model(f"{folder}/{name}.osim")
    model.initSystem()
    states = opensim.StatesTrajectory.createFromStatesTable(
        model, opensim.TimeSeriesTable(f"{folder}/{name}_states.sto")
    )
    controls = opensim.TimeSeriesTable(f"{folder}/{name}_controls.sto")
    rates = []
    for row in rows:
        state = opensim.State(states.get(row))
        model.realizeVelocity(state)
        values = controls.getRowAtIndex(row)
        model.setControls(state, opensim.Vector([values[i] for i in range(values.size())]))
        model.realizeAcceleration(state)
        muscles = [opensim.Muscle.safeDownCast(model.getForceSet().get(m)) for m in MUSCLES]
        rates.append([m.getStateVariableDerivativeValue(state, "activation") for m in muscles])
    return np.array(rates)


@pytest.fixture(scope="module")
def shipped():
    table, gaits = load_library().curves
    row = table[table["verified"].astype(bool)].iloc[0]
    return row, gaits.sel(gait=row["gait_id"])


@pytest.fixture(scope="module")
def folder(shipped, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    export_gait(shipped[0]["gait_id"], folder)
    return folder


@pytest.fixture(scope="module")
def tables(folder, shipped):
    with make_pool(1) as pool:
        assert isinstance(pool, ProcessPoolExecutor)
        return pool.submit(_read_back, str(folder), shipped[0]["gait_id"]).result()


def test_motion_and_states_are_those_of_the_gait(tables, shipped):
    gait = shipped[1]
    labels, motion = tables["motion.mot"]
    assert labels == list(COORDINATES)
    np.testing.assert_allclose(motion, gait["position"].values, atol=1e-9)
    labels, states = tables["states.sto"]
    values = [i for i, label in enumerate(labels) if label.endswith("/value")]
    np.testing.assert_allclose(states[:, values], gait["position"].values, atol=1e-9)
    activation = states[:, [i for i, label in enumerate(labels) if label.endswith("/activation")]]
    np.testing.assert_allclose(activation, gait["activation"].values, atol=1e-9)


def test_controls_drive_the_activations(folder, shipped, tables):
    """Within their bounds, and OpenSim's activation dynamics then follows the gait."""
    row, gait = shipped
    labels, controls = tables["controls.sto"]
    assert len(labels) == len(MUSCLES) + 1
    assert controls[:, :-1].min() >= 0 and controls[:, :-1].max() <= 1
    exported = prepare_export(gait, parse_request(row.to_dict()).specification)
    rows = (10, 35, 60, 85)
    with make_pool(1) as pool:
        rates = pool.submit(_compute_rates, str(folder), row["gait_id"], rows).result()
    inside = (controls[list(rows), :-1] > 1e-6) & (controls[list(rows), :-1] < 1 - 1e-6)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(rates[inside], exported.activation_rate[list(rows)][inside], atol=1e-4)


def test_ground_forces_are_those_of_the_gait(tables, shipped):
    gait = shipped[1]
    labels, values = tables["ground_forces.mot"]
    for foot in "rl":
        for n, axis in enumerate("xy"):
            own = [labels.index(f"{part}_{foot}_force_v{axis}") for part in ("foot", "toes")]
            total = gait["ground_force"].sel(foot=foot).values[:, n]
            loaded = gait["ground_force"].sel(foot=foot, axis="y").values > 20
            np.testing.assert_allclose(values[loaded][:, own].sum(axis=1), total[loaded], atol=1e-4)


def test_inverse_dynamics_tool_finds_the_joint_moments_of_the_gait(tables, shipped):
    """Up to what differencing 101 points of rounded curves costs, most at the shock of contact."""
    gait = shipped[1]
    labels, moments = tables["inverse_dynamics.sto"]
    for n, name in enumerate(COORDINATES):
        ending = "force" if name in TRANSLATIONS else "moment"
        found = moments[:, labels.index(f"{name}_{ending}")]
        error = np.sqrt(np.mean((found - gait["joint_moment"].values[:, n]) ** 2))
        assert error < 10.0, name  # the trunk: 0.2 rad/s2 and 0.06 m/s2 in a release
        if name.startswith(("ankle", "mtp", "lumbar")):
            assert error < (2.5 if name.startswith("lumbar") else 0.5), name


def test_command_writes_the_files(shipped, tmp_path, capsys):
    assert main(["simulate", "export", shipped[0]["gait_id"], "--out", str(tmp_path / "new" / "folder")]) == 0
    names = capsys.readouterr().out.split()
    assert len(names) == 7
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(names)


def test_unknown_gait_is_named(tmp_path, capsys, shipped):
    near = shipped[0]["gait_id"][:-1] + "x"
    with pytest.raises(InputError, match=f"found '{near}'; did you mean"):
        export_gait(near, tmp_path)
    assert main(["simulate", "export", near, "--out", str(tmp_path)]) == 2
    assert near in capsys.readouterr().err
