"""Recordings that are shipped: as the originals within the stated rounding; only what may be shipped."""

from __future__ import annotations

import dataclasses
import hashlib
import lzma
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import require_originals
from repository import load_script

from gaitlib.data import fetch, packed
from gaitlib.data.data_command import format_list
from gaitlib.data.inertial_walks import load_inertial_walks
from gaitlib.data.manifest import find_obstacle, load_manifest, parse_manifest
from gaitlib.data.readers.insole_recordings import read_insole_people, read_insole_walk
from gaitlib.data.walks import load_walks
from gaitlib.errors import AbsentData, InputError

packing = load_script("pack_recordings")
SHIPPED = sorted(packed.READERS)
LARGEST_BYTES = 20e6


@pytest.fixture
def no_originals(tmp_path, monkeypatch):
    monkeypatch.delenv("GAITLIB_DATA", raising=False)
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))


def assert_alike(original, small, step=None, place=""):
    """Equal but for half a step of each signal; what was not kept may be absent."""
    if isinstance(original, xr.Dataset):
        assert set(small.data_vars) == set(original.data_vars), place
        for name in small.data_vars:
            labels = {key: small[key].values for key in small[name].dims if key in small.coords}
            labels = {key: values for key, values in labels.items() if values.dtype.kind != "f"}
            wanted = original[name].sel(labels)
            assert wanted.dims == small[name].dims and wanted.shape == small[name].shape, (place, name)
            half = 0.5 * packing.STEPS.get(name, (0.0,))[0] * (1 + 1e-6)
            np.testing.assert_allclose(small[name], wanted, rtol=1e-12, atol=half, err_msg=f"{place}/{name}")
        for name in small.coords:
            if small[name].dtype.kind == "f":
                np.testing.assert_allclose(small[name], original[name], rtol=0, atol=1e-9)
        assert {**small.attrs, packed.PACKED: ""} == {**original.attrs, packed.PACKED: ""}, place
    elif isinstance(original, pd.DataFrame):
        kept = list(small.columns)
        assert len(kept) and set(kept) <= set(original.columns), place
        numbers = [name for name in kept if original[name].dtype.kind in "fi"]
        half = 0.5 * (step or 0.0) * (1 + 1e-6)
        np.testing.assert_allclose(small[numbers], original[numbers], rtol=1e-12, atol=half, err_msg=place)
        for name in set(kept) - set(numbers):
            assert list(small[name]) == list(original[name]), (place, name)
    elif isinstance(original, list):
        assert len(original) == len(small), place
        for number, pair in enumerate(zip(original, small, strict=True)):
            assert_alike(*pair, step, f"{place}/{number}")
    elif dataclasses.is_dataclass(original):
        for field in dataclasses.fields(original):
            pair = getattr(original, field.name), getattr(small, field.name)
            assert_alike(*pair, step, f"{place}/{field.name}")
    elif isinstance(original, dict):
        assert original == pytest.approx(small), place
    else:
        assert original == small, place


@pytest.mark.parametrize("item_id", SHIPPED)
def test_packed_is_as_the_original_within_the_stated_rounding(item_id):
    require_originals(item_id)
    manifest = load_manifest()
    names = packed.list_recordings(item_id)
    if item_id in ("gaitpdb", "parkinson_fog_imu"):  # seconds each: the slow test below takes them all
        names = names[:2]
    compare_all(item_id, names, manifest)


@pytest.mark.slow
@pytest.mark.parametrize("item_id", ["gaitpdb", "parkinson_fog_imu"])
def test_packed_is_as_the_original_in_every_file(item_id):
    require_originals(item_id)
    compare_all(item_id, packed.list_recordings(item_id), load_manifest())


def compare_all(item_id, names, manifest):
    assert names
    for name in names:
        original = packed.read_recording(item_id, name, manifest.items[item_id].roles[0], manifest)
        small = packed.read_packed(item_id, name, manifest)
        recipe = packing.RECIPES.get((item_id, packed.find_pattern(item_id, name)), packing.Recipe())
        assert_alike(original, small, recipe.step, f"{item_id}/{name}")


@pytest.mark.parametrize("item_id", ["cp_child", "speed_steplength_age", "adult_walk_3d_moco"])
def test_packing_again_gives_the_same_bytes(item_id, tmp_path):
    require_originals(item_id)
    manifest = load_manifest()
    content = packing.pack_item(item_id, tmp_path, manifest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == manifest.artefacts[f"{packed.FOLDER}/{item_id}.nc"].sha256


def test_all_shipped_sets_are_listed_small_and_carded(no_originals):
    manifest = load_manifest()
    shipped = [key for key in manifest.items if packed.is_shipped(key, manifest)]
    assert sorted(shipped) == SHIPPED == sorted(key for key, item in manifest.items.items() if item.ship)
    files = {name: row for name, row in manifest.artefacts.items() if name.startswith(packed.FOLDER)}
    assert len(files) == len(SHIPPED) and sum(row.bytes for row in files.values()) < LARGEST_BYTES
    card = (packed.ROOT / packed.FOLDER / "README.md").read_text(encoding="utf-8")
    for item_id in SHIPPED:
        item = manifest.items[item_id]
        assert f"## {item_id}.nc" in card and item.notice in card and item.licence in card
    lines = {line.split()[0]: line for line in format_list(manifest).splitlines()}
    assert lines["cp_child"].endswith("packed") and not lines["neuro_bvh"].endswith("packed")


def test_card_is_that_of_the_manifest(tmp_path):
    made = packing.write_card(tmp_path / "card.md", load_manifest())
    assert made.read_bytes() == (packed.ROOT / packed.FOLDER / "README.md").read_bytes()


@pytest.mark.parametrize(
    "item_id", ["lower_back_events", "neuro_bvh", "parkinson_joint_angles", "opal_gaitrite", "mobilised_tvs"]
)
def test_sets_that_may_not_be_shipped_are_refused(item_id, tmp_path):
    with pytest.raises(InputError, match=f"'{item_id}' may not be shipped"):
        packing.pack_item(item_id, tmp_path)
    assert not list(tmp_path.iterdir())
    # Nor can the manifest be told to ship them.
    item = load_manifest().items[item_id].model_dump(mode="json") | {"ship": True, "notice": "someone"}
    with pytest.raises(InputError, match="ship: may not be true"):
        parse_manifest({"version": 1, "items": {item_id: item}})


def test_a_set_that_may_be_shipped_needs_its_notice():
    item = load_manifest().items["cp_child"].model_dump(mode="json") | {"notice": ""}
    with pytest.raises(InputError, match="notice: a set that is shipped needs"):
        parse_manifest({"version": 1, "items": {"cp_child": item}})


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("MIT", True),
        ("ODC-By-1.0 (PhysioNet)", True),
        ("CC-BY-4.0", True),
        ("CC-BY-NC-4.0 (non-commercial)", False),
        ("CC-BY-SA-4.0", False),
        ("AGPL-3.0", False),
        ("LGPL-3.0", False),
        ("MIT at the mirror; do not re-host", False),
        ("none", False),
    ],
)
def test_licences(licence, free):
    assert (find_obstacle(licence) is None) == free


def test_no_model_is_packed():
    for item_id in SHIPPED:
        assert not [name for name in packed.list_recordings(item_id) if name.endswith((".osim", ".xml"))]


def test_loaders_give_what_is_shipped_and_say_so(no_originals):
    for walks, count in (
        (load_walks("td_children_c3d", "evaluate"), 12),
        (load_walks("adult_walk_3d_moco", "calibrate"), 1),
        (load_inertial_walks("mobilised_lab"), 20),
        (load_inertial_walks("parkinson_fog_imu"), 22),
    ):
        assert len(walks) == count
        assert all(walk.attrs["packed"].startswith(packed.FOLDER) for walk in walks)
    with pytest.raises(AbsentData, match="neuro_bvh/Annotations.xlsx is not here"):
        load_walks("neuro_bvh", "evaluate")


def test_roles_hold_for_the_packed_form(no_originals):
    with pytest.raises(InputError, match="may not be used for 'evaluate'"):
        packed.read_recording("adult_3d", "ExperimentalData.mat", "evaluate")
    with pytest.raises(InputError, match="may not be used for 'calibrate'"):
        packed.read_recording("cp_child", "ExperimentalData_r.mat", "calibrate")
    with pytest.raises(InputError, match=r"has no recording 'subject1_MRI\.osim'; it has Experimental"):
        packed.read_recording("cp_child", "subject1_MRI.osim", "evaluate")


def test_originals_win_a_part_is_not_mixed_and_damage_is_an_error(tmp_path, monkeypatch):
    require_originals("cp_child")
    names = packed.list_recordings("cp_child")
    found = {name: fetch.get_path("cp_child", name, "evaluate") for name in names}
    monkeypatch.setenv("GAITLIB_DATA", str(tmp_path))
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cp_child"
    folder.mkdir()

    def read():
        return packed.read_recording("cp_child", "ExperimentalData_r.mat", "evaluate")

    shutil.copyfile(found["ExperimentalData_r.mat"], folder / "ExperimentalData_r.mat")
    assert "packed" in read().attrs
    for name, path in found.items():
        shutil.copyfile(path, folder / name)
    assert "packed" not in read().attrs
    (folder / "ExperimentalData_r.mat").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"ExperimentalData_r\.mat in the GAITLIB_DATA folder differs"):
        read()


def test_a_damaged_packed_file_is_one_clear_error(no_originals, monkeypatch, tmp_path):
    name = f"{packed.FOLDER}/cp_child.nc"
    content = (packed.ROOT / name).read_bytes()
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(content[:-100])
    manifest = load_manifest()
    monkeypatch.setattr(packed, "ROOT", tmp_path)
    with pytest.raises(InputError, match=r"cp_child\.nc differs from the manifest"):
        packed.read_recording("cp_child", "ExperimentalData_r.mat", "evaluate", manifest)


# -- compressed originals, and the insole set ------------------------------------------------------------

CONTENT = b"0.0 1.0\n"


@pytest.fixture
def compressed(tmp_path, monkeypatch):
    """A data folder with a.txt.xz, and the manifest that lists a.txt."""
    monkeypatch.setenv("GAITLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "data" / "some_set" / "a.txt.xz"
    path.parent.mkdir(parents=True)
    path.write_bytes(lzma.compress(CONTENT))
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = {"name": "a.txt", "bytes": len(CONTENT), "sha256": digest, "url": "https://example.org/a.txt"}
    item = load_manifest().items["gaitndd"].model_dump(mode="json") | {"files": [file], "ship": False}
    return path, parse_manifest({"version": 1, "items": {"some_set": item}})


def test_a_compressed_original_is_unpacked_and_verified(compressed):
    _, manifest = compressed
    assert fetch.count_present("some_set", manifest.items["some_set"]) == 1
    assert fetch.inspect_item("some_set", manifest) == {"a.txt": "ok"}
    assert fetch.get_path("some_set", "a.txt", "evaluate", manifest).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [lzma.compress(b"other\n"), lzma.compress(CONTENT)[:-9], b"no xz"])
def test_a_damaged_compressed_original_is_an_error(compressed, content):
    path, manifest = compressed
    path.write_bytes(content)
    assert fetch.inspect_item("some_set", manifest) == {"a.txt": "wrong hash"}
    with pytest.raises(InputError, match=r"some_set/a\.txt\.xz in the GAITLIB_DATA folder differs"):
        fetch.get_path("some_set", "a.txt", "evaluate", manifest)
    assert not list(path.parents[2].glob("cache/data/some_set/*"))


def write_walk(path, time_s):
    rows = np.zeros((len(time_s), 19))
    rows[:, 0], rows[:, 17], rows[:, 18] = time_s, 100.0, 200.0
    np.savetxt(path, rows, fmt="%.4f", delimiter="\t")


def test_insole_walk_by_hand(tmp_path):
    write_walk(tmp_path / "GaPt99_01.txt", np.arange(50) / 100)
    walk = read_insole_walk(tmp_path / "GaPt99_01.txt")
    assert (walk["force"].sel(foot="l") == 100).all() and (walk["force"].sel(foot="r") == 200).all()
    assert float(walk["time"][-1]) == pytest.approx(0.49)
    write_walk(tmp_path / "GaPt99_01.txt", np.delete(np.arange(50), 20) / 100)
    with pytest.raises(InputError, match=r"GaPt99_01\.txt line 21: time goes from 0.19 to 0.21 s"):
        read_insole_walk(tmp_path / "GaPt99_01.txt")


def test_insole_people_have_heights_in_metres(tmp_path):
    path = tmp_path / "demographics.txt"
    head = "ID Study Group Subjnum Gender Age Height Weight HoehnYahr UPDRS UPDRSM TUAG Speed_01 Speed_10"
    rows = ["GaPt1 Ga 1 1 2 70 1.60 60 2 20 10 11 1.1 0.9", "SiCo2 Si 2 2 1 65 172 80 NaN NaN NaN 9 1.3 NaN"]
    path.write_text("\n".join(row.replace(" ", "\t") for row in [head, *rows, " "]))
    people = read_insole_people(path)
    assert people["height_m"].tolist() == [1.60, 1.72]
    assert people["group"].tolist() == ["parkinsons", "control"] and people["sex"].tolist() == ["f", "m"]
    assert people["speed_10_mps"].iloc[0] == 0.9 and np.isnan(people["speed_10_mps"].iloc[1])
    path.write_text("\n".join(row.replace(" ", "\t") for row in [head, rows[0].replace("1.60", "tall")]))
    with pytest.raises(InputError, match=r"demographics\.txt, person 'GaPt1': Height is 'tall'"):
        read_insole_people(path)


def read_gaitpdb():
    """Read every walk with its force, speed and person."""
    item, manifest, purpose = "gaitpdb", load_manifest(), "evaluate"
    people = packed.read_recording(item, "demographics.txt", purpose, manifest).set_index("person_id")
    speeds = [name for name in people.columns if name.startswith("speed_")]
    walks = []
    for name in packed.list_recordings(item, "*_*.txt", manifest):
        walk_id = Path(name).stem
        person_id, _, number = walk_id.partition("_")
        person = people.loc[person_id]
        about = {"dataset": item, "subgroup": person["group"], "person_id": person_id, "walk_id": walk_id}
        about |= {"origin": "real", "second_task": int(number == "10")}
        about |= {"reference_speed_mps": float(person.get(f"speed_{number}_mps", float("nan")))}
        about |= person.drop([*speeds, "group"]).to_dict()
        walks.append(packed.read_recording(item, name, purpose, manifest).assign_attrs(about))
    return walks


def test_insole_walks_are_of_111_people_and_carry_their_weight():
    walks = read_gaitpdb()
    people = {walk.attrs["person_id"]: walk.attrs for walk in walks}
    groups = [about["subgroup"] for about in people.values()]
    assert (len(walks), groups.count("parkinsons"), groups.count("control")) == (177, 64, 47)
    heights = np.array([about["height_m"] for about in people.values()])
    assert np.nanmin(heights) > 1.4 and np.nanmax(heights) < 2.0
    speeds = [walk.attrs["reference_speed_mps"] for walk in walks]
    assert np.isfinite(speeds).sum() > 100 and 0.2 < np.nanmin(speeds) and np.nanmax(speeds) < 1.8
    # Over whole strides the ground carries the body, half by each foot. (Insoles read 1.3 times it.)
    weighed = [walk for walk in walks if np.isfinite(walk.attrs["mass_kg"])]
    mean = np.array([walk["force"].mean("time").values for walk in weighed])
    weight = np.array([9.81 * walk.attrs["mass_kg"] for walk in weighed])
    assert np.median(mean[:, 0] / mean[:, 1]) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(mean.sum(axis=1), weight)[0, 1] > 0.7
    assert 1.0 < np.median(mean.sum(axis=1) / weight) < 1.5
    usual = {walk.attrs["person_id"]: walk.attrs["reference_speed_mps"] for walk in walks
             if walk.attrs["walk_id"].endswith("_01")}  # fmt: skip
    means = {group: np.nanmean([usual[key] for key, about in people.items() if about["subgroup"] == group])
             for group in ("parkinsons", "control")}  # fmt: skip
    assert means["control"] > means["parkinsons"] + 0.1
