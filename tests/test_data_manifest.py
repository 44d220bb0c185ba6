"""Manifest, fetch and data commands: schema, roles, hashes, one clear error each, exit codes."""

from __future__ import annotations

import argparse
import copy
import hashlib

import pytest

from gaitlib.data import fetch
from gaitlib.data.data_command import add_data_parser
from gaitlib.data.manifest import load_manifest, parse_manifest
from gaitlib.errors import AbsentData, InputError, WorkError

CONTENT = b"0.0 1.0\n"


def make_values(**changes) -> dict:
    item = {
        "title": "A set",
        "subgroup": "healthy adults",
        "populations": ["healthy_adult"],
        "n_people": 3,
        "roles": ["evaluate", "baseline"],
        "licence": "CC0-1.0",
        "ethics": "not stated by the mirror",
        "doi": None,
        "fetch": "auto",
        "holds": "numbers",
        "files": [
            {
                "name": "sub/a.txt",
                "bytes": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
                "url": "https://example.org/a.txt",
            }
        ],
    }
    return {"version": 1, "items": {"some_set": item | changes}}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A data folder with the file of `make_values`, and an empty cache."""
    data = tmp_path / "data"
    (data / "some_set" / "sub").mkdir(parents=True)
    (data / "some_set" / "sub" / "a.txt").write_bytes(CONTENT)
    monkeypatch.setenv("GAITLIB_DATA", str(data))
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    return data


@pytest.fixture
def no_network(monkeypatch):
    """Downloads fail as without network."""
    import pooch

    def fail(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", fail)


def test_project_manifest_is_valid_and_complete():
    manifest = load_manifest()
    assert manifest.items["td_children_c3d"].roles == ("evaluate", "baseline")
    assert manifest.items["neuro_bvh"].n_people == 45
    for item_id, item in manifest.items.items():
        assert item.ethics and item.licence, item_id
        if item.fetch == "manual":
            assert item.files == () and item.instructions
    calibrating = [key for key, item in manifest.items.items() if "calibrate" in item.roles]
    assert sorted(calibrating) == [
        "adult_3d",
        "adult_walk_3d_moco",
        "speed_steplength_age",
        "wbds_joint_angles",
    ]


def test_no_file_serves_both_calibration_and_evaluation():
    hashes: dict[str, set[str]] = {"calibrate": set(), "evaluate": set()}
    for item in load_manifest().items.values():
        for role in set(item.roles) & set(hashes):
            if item.lies_with is None:
                hashes[role] |= {file.sha256 for file in item.files}
    assert hashes["calibrate"] and hashes["evaluate"]
    assert not hashes["calibrate"] & hashes["evaluate"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence_": "CC0"}, "items.some_set.licence_: unknown key; did you mean 'licence'"),
        ({"roles": ["calibrate", "evaluate"]}, "'calibrate' excludes 'evaluate'"),
        ({"roles": ["calibrate"], "populations": ["parkinsons"]}, "healthy adults only, found parkinsons"),
        (
            {"roles": ["calibrate"], "populations": ["healthy_child"]},
            "healthy adults only, found healthy_child",
        ),
        ({"roles": ["baseline"]}, "'baseline' needs 'evaluate'"),
        ({"roles": ["train"]}, "roles"),
        ({"n_people": 0}, "n_people"),
        ({"files": []}, "needs files"),
        ({"fetch": "manual", "files": []}, "must say how to get it"),
    ],
)
def test_schema_names_what_is_wrong(changes, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        parse_manifest(make_values(**changes))


def test_unknown_key_of_a_file_and_of_the_top_level():
    values = make_values()
    values["items"]["some_set"]["files"][0]["sha265"] = "0" * 64
    with pytest.raises(InputError, match="did you mean 'sha256'"):
        parse_manifest(values)
    with pytest.raises(InputError, match="did you mean 'items'"):
        parse_manifest(make_values() | {"item": {}})


def test_missing_field_path_out_of_folder_and_double_file():
    values = make_values()
    del values["items"]["some_set"]["licence"]
    with pytest.raises(InputError, match="licence"):
        parse_manifest(values)
    values = make_values()
    values["items"]["some_set"]["files"][0]["name"] = "../a.txt"
    with pytest.raises(InputError, match="below the folder"):
        parse_manifest(values)
    values = make_values()
    values["items"]["some_set"]["files"] *= 2
    with pytest.raises(InputError, match="listed twice: sub/a.txt"):
        parse_manifest(values)


def test_manifest_file_missing_or_no_yaml(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_manifest(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("items: [")
    with pytest.raises(InputError, match=r"broken\.yaml: not valid YAML"):
        load_manifest(broken)


def test_unknown_item_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'neuro_bvh'"):
        load_manifest().get_item("neuro_bhv")


def test_purpose_outside_the_role_is_refused():
    for purpose in ("calibrate", "train"):
        with pytest.raises(InputError, match=purpose):
            fetch.get_path("td_children_c3d", "HC002D06.c3d", purpose)
    with pytest.raises(InputError, match="roles are calibrate"):
        fetch.get_path("adult_3d", "ExperimentalData.mat", "evaluate")
    with pytest.raises(InputError, match="roles are evaluate"):
        fetch.get_path("gaitndd", "park1.ts", "baseline")


def test_path_from_the_data_folder_is_verified_once(folders, no_network, monkeypatch):
    manifest = parse_manifest(make_values())
    expected = folders / "some_set" / "sub" / "a.txt"
    assert fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest) == expected
    monkeypatch.setattr(fetch.hashlib, "file_digest", lambda *a: pytest.fail("hashed again"))
    assert fetch.get_path("some_set", "sub/a.txt", "baseline", manifest) == expected


def test_changed_file_is_noticed_after_it_was_verified(folders, no_network):
    import os

    manifest = parse_manifest(make_values())
    path = fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest)
    path.write_bytes(b"9" * len(CONTENT))  # same size
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match=r"some_set/sub/a\.txt .* differs from the manifest"):
        fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest)
    assert fetch.inspect_item("some_set", manifest) == {"sub/a.txt": "wrong hash"}


def test_missing_file_without_network(folders, no_network):
    manifest = parse_manifest(make_values())
    (folders / "some_set" / "sub" / "a.txt").unlink()
    assert fetch.inspect_item("some_set", manifest) == {"sub/a.txt": "missing"}
    with pytest.raises(AbsentData, match="is not here: run make data") as caught:
        fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest)
    assert caught.value.item_id == "some_set"
    with pytest.raises(WorkError, match="could not be downloaded .*check the network"):
        fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest, download=True)


@pytest.fixture
def serve(monkeypatch):
    """Make the download deliver given bytes (pooch checks the hash); gives the addresses asked."""
    import pooch

    asked: list[str] = []

    def prepare(content: bytes) -> list[str]:
        def download(url, output_file, caller):
            asked.append(url)
            with open(output_file, "wb") as stream:
                stream.write(content)

        monkeypatch.setattr(pooch, "HTTPDownloader", lambda **settings: download)
        return asked

    return prepare


def test_download_lands_in_the_cache_and_is_used_again(folders, serve):
    manifest = parse_manifest(make_values())
    (folders / "some_set" / "sub" / "a.txt").unlink()
    asked = serve(CONTENT)
    first = fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest, download=True)
    assert first.read_bytes() == CONTENT
    assert fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest) == first
    assert asked == ["https://example.org/a.txt"]


def test_download_with_a_wrong_hash_leaves_nothing(folders, serve):
    manifest = parse_manifest(make_values())
    (folders / "some_set" / "sub" / "a.txt").unlink()
    serve(b"something else")
    with pytest.raises(WorkError, match="has not the SHA-256 of the manifest"):
        fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest, download=True)
    assert fetch.inspect_item("some_set", manifest) == {"sub/a.txt": "missing"}


def test_unknown_file_pattern_and_folder(folders, monkeypatch):
    manifest = parse_manifest(make_values())
    with pytest.raises(InputError, match=r"has no file 'b\.txt'; it has sub/a\.txt"):
        fetch.get_path("some_set", "b.txt", "evaluate", manifest)
    with pytest.raises(InputError, match=r"has no file '\*\.c3d'"):
        fetch.get_paths("some_set", "evaluate", "*.c3d", manifest)
    monkeypatch.setenv("GAITLIB_DATA", str(folders / "nowhere"))
    with pytest.raises(InputError, match="GAITLIB_DATA names does not exist"):
        fetch.get_path("some_set", "sub/a.txt", "evaluate", manifest)


def test_item_to_add_by_hand_says_how():
    with pytest.raises(InputError, match=r"added by hand\. Download from https://"):
        fetch.get_path("mobilised_tvs", "data.mat", "evaluate")


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Run `data ...` on a manifest; give the exit code and what was printed."""

    def run(*words: str, manifest=None) -> tuple[int, str]:
        if manifest is not None:
            monkeypatch.setattr("gaitlib.data.data_command.load_manifest", lambda: manifest)
        parser = argparse.ArgumentParser()
        add_data_parser(parser.add_subparsers())
        arguments = parser.parse_args(["data", *words])
        return arguments.run(arguments), capsys.readouterr().out

    return run


def test_list_shows_every_item(run_command, folders):
    code, text = run_command("list")
    assert code == 0
    lines = text.splitlines()
    assert len(lines) == 2 + len(load_manifest().items)
    assert lines[0].split() == "id subgroup people role licence files MB present shipped".split()
    assert "evaluate+baseline" in text and "by hand" in text
    assert "1/1" in run_command("list", manifest=parse_manifest(make_values()))[1]


def test_verify_and_fetch_exit_codes(run_command, folders, no_network):
    manifest = parse_manifest(make_values())
    assert run_command("verify", manifest=manifest) == (0, "some_set: 1 files ok\n")
    assert run_command("fetch", "some_set", manifest=manifest) == (0, "some_set: 1 files here and verified\n")
    (folders / "some_set" / "sub" / "a.txt").unlink()
    code, text = run_command("verify", manifest=manifest)
    assert code == 1 and "some_set/sub/a.txt: missing" in text
    code, text = run_command("fetch", manifest=manifest)
    assert code == 1 and "could not be downloaded" in text
    with pytest.raises(InputError, match="did you mean 'some_set'"):
        run_command("verify", "some_sett", manifest=manifest)


def test_manifest_values_are_not_changed():
    values = make_values()
    before = copy.deepcopy(values)
    parse_manifest(values)
    assert values == before
