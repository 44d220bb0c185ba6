"""The page of the body in space: directions of the shipped doses, and its words."""

import numpy as np
import pytest
from notebook_cells import run_page

from gaitlib.simulate.doses import SPATIAL_DOSES, SPATIAL_SIGNS

NOT_FOUND = {"Weak hip abductors: the pelvis drops on the swinging side"}
"""Signs that do not come out; the page says so."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield run_page("1_space", patch, "1_space", results=str(tmp_path_factory.mktemp("space")))


def test_directions_of_the_shipped_doses_are_those_of_the_clinic(page):
    signs = page[0]["signs"]
    assert len(signs) == len(SPATIAL_SIGNS)
    assert set(signs.loc[~signs["met"], "words"]) == NOT_FOUND
    for sign in signs.itertuples():
        values = sign[4]
        assert len(values) == len(SPATIAL_DOSES[sign.dose].levels) and np.isfinite(values).all(), sign.words


def test_every_level_is_there_and_confirmed(page):
    names = page[0]
    wanted = {d.make_request(level).gait_id for d in SPATIAL_DOSES.values() for level in d.levels}
    assert set(names["tried"]["gait_id"]) == wanted == set(names["dosed"]["gait"].values.tolist())
    assert names["tried"]["residual_peak_bw"].max() < 0.05


def test_feet_on_the_ground_stay_where_they_are(page):
    """Points and coordinates of the shipped gaits belong together: a loaded foot neither slides nor sinks."""
    names = page[0]
    for gait_id in names["dosed"]["gait"].values:
        gait = names["dosed"].sel(gait=gait_id)
        points = names["look"](gait, names["TYPICAL_ADULT"])[1]
        force = gait["ground_force"].sel(foot="r", axis="y").values
        flat = (force > 300) & (np.arange(101) > 10) & (np.arange(101) < 30)
        assert flat.sum() > 10
        assert np.ptp(points["mtp_r"][flat], axis=0)[[0, 2]].max() < 0.05, gait_id
        lowest = np.minimum(points["heel_r"], points["toe_r"])[flat, 1]
        assert np.abs(lowest).max() < 0.03, gait_id


def test_the_page_says_what_came_out(page):
    names, shown, answer = page
    n_asked = len(names["ASKED"])
    assert {(dose, sign) for dose, sign, *_ in SPATIAL_SIGNS} > names["ASKED"]
    n_own = len(SPATIAL_SIGNS) - n_asked
    assert f"{n_own - len(NOT_FOUND)} of {n_own} known signs" in answer
    assert f"{n_asked} of {n_asked} others emerge" in answer
    assert "s in: hip, internal rotation" in answer and "runs opposite" in answer
    assert all(words in answer for words in NOT_FOUND)
    assert any('class="lab" id="turning"' in cell for cell in shown)
