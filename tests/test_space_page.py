"""The page of the body in space: directions of the shipped doses, and its words."""

import numpy as np
import pytest
from notebook_cells import run_page

from gaitlib.simulate.doses import SPATIAL_DOSES, SPATIAL_SIGNS

NOT_FOUND = set()
"""Words of the signs that do not come out; the page says so."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        results = f"{tmp_path_factory.mktemp('space')}"
        yield run_page("1_space", patch, "1_space", results=results)


def test_directions_of_the_shipped_doses_are_those_of_the_clinic(page):
    names = page[0]
    signs = names["signs"]
    assert len(signs) == len(SPATIAL_SIGNS)
    assert set(signs.loc[~signs["met"], "words"]) == NOT_FOUND
    for sign in signs.itertuples():
        assert len(sign[4]) == len(SPATIAL_DOSES[sign.dose].levels) and np.isfinite(sign[4]).all()


def test_every_gait_tried_is_counted_and_those_shown_are_confirmed(page):
    names = page[0]
    tried, dosed = names["tried"], names["dosed"]
    assert len(tried) == sum(len(d.levels) - (d.kind == "half") for d in SPATIAL_DOSES.values()) + 1
    assert (tried["reason"] == "").sum() == dosed.sizes["gait"]
    assert float(dosed["residual_peak_bw"].max()) < 0.05


def test_feet_on_the_ground_stay_where_they_are(page):
    """Points and coordinates of the shipped gaits belong together: a loaded ankle stays."""
    names = page[0]
    dosed, look = names["dosed"], names["look"]
    for n in range(dosed.sizes["gait"]):
        gait = dosed.isel(gait=n)
        points = look(gait, names["TYPICAL_ADULT"])[1]
        on = gait["ground_force"].sel(foot="r", axis="y").values > 0.5
        flat = on & (np.arange(101) > 10) & (np.arange(101) < 30)
        assert np.ptp(points["ankle_r"][flat], axis=0)[[0, 2]].max() < 0.05, n
        assert np.abs(points["heel_r"][flat, 1]).max() < 0.04, n


def test_the_page_says_what_came_out(page):
    names, shown, answer = page
    assert f"{len(names['signs']) - len(NOT_FOUND)} of {len(names['signs'])} known signs" in answer
    assert any('class="lab" id="turning"' in cell for cell in shown)
