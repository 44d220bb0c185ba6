"""Every trained model names the library it learned from; one of another release is refused unless named."""

from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from gaitlib.environment import ROOT
from gaitlib.errors import InputError
from gaitlib.estimate import trained
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.predict import load_shipped_estimator
from gaitlib.estimate.synthetic_training import split_library
from gaitlib.generate.flow import GaitGenerator
from gaitlib.simulate.library import hash_gaits, load_library
from gaitlib.study import load_study, parse_study
from gaitlib.workflow.results import Results
from gaitlib.workflow.train import SHIPPED_GENERATOR, obtain_generator

QUICK = ROOT / "studies/quick.yaml"
OTHER = "0123456789abcdef"


@pytest.fixture(scope="module")
def library():
    return load_library()


@pytest.fixture
def kept(tmp_path):
    """Results of a run in a folder of the test."""
    return SimpleNamespace(locate=Results.locate, get_path=lambda name: tmp_path / name)


def test_shipped_weights_learned_from_the_shipped_library_or_from_the_release_that_the_study_names(
    kept, library
):
    named = load_study(QUICK).estimate
    for kind in ("keypoints", "inertial"):
        about = trained.get_estimator(
            kept, named.weights, named.weights_release, "data/library", kind
        ).provenance
        assert about["library"] == about["generator_library"]
        assert about["library"] in (named.weights_release, library.hash)
    assert GaitGenerator.load(ROOT / SHIPPED_GENERATOR).release in (named.weights_release, library.hash)


def test_shipped_weights_of_insoles_say_which_library_they_learned_from_and_no_generator(library):
    about = load_shipped_estimator("insole").provenance
    assert about["library"] in (library.hash, load_study(QUICK).estimate.weights_release)
    assert about["generator_library"] == "" and about["n_generated_gaits"] == 0 and about["left_out"]


@pytest.mark.parametrize("kind", ["keypoints", "inertial", "insole"])
def test_weights_of_another_release_are_refused_unless_the_study_names_it(kept, library, tmp_path, kind):
    estimator = load_shipped_estimator(kind)
    estimator.provenance |= {"library": OTHER}
    estimator.provenance |= {"generator_library": OTHER} if estimator.provenance["n_generated_gaits"] else {}
    estimator.save(tmp_path / f"{kind}.safetensors")
    with pytest.raises(InputError) as error:
        trained.get_estimator(kept, str(tmp_path), "", "data/library", kind)
    said = str(error.value)
    assert OTHER in said and library.hash in said and f'estimate.weights_release: "{OTHER}"' in said
    found = trained.get_estimator(kept, str(tmp_path), OTHER, "data/library", kind)
    assert OTHER[:7] in trained.describe_release(found)
    both = trained.describe_release(found, load_shipped_estimator("inertial"))
    assert f"{kind}: library release {OTHER[:7]}" in both or kind == "inertial"


def test_weights_whose_generator_is_unknown_are_refused(kept, tmp_path):
    estimator = GaitEstimator.load(ROOT / "data/estimator/keypoints.safetensors")
    del estimator.provenance["generator_library"]
    estimator.save(tmp_path / "estimator.safetensors")
    release = estimator.provenance["library"]
    with pytest.raises(InputError, match="generator of estimator.*release unknown"):
        trained.get_estimator(kept, "", release, "data/library")
    estimator.provenance["n_generated_gaits"] = 0
    estimator.save(tmp_path / "estimator.safetensors")
    assert trained.get_estimator(kept, "", release, "data/library").provenance["library"] == release


def test_the_generator_of_a_run_must_have_learned_from_its_library(kept, library, tmp_path):
    generator = GaitGenerator.load(ROOT / SHIPPED_GENERATOR)
    generator.release = OTHER
    generator.save(tmp_path / "generator.safetensors")
    with pytest.raises(InputError, match=f"{generator.release}, expected {library.hash}"):
        trained.get_generator(kept, "data/library")
    generator.release = library.hash
    generator.save(tmp_path / "generator.safetensors")
    assert trained.get_generator(kept, "data/library").release == library.hash


def test_a_generator_given_by_hand_is_accepted_only_where_the_study_names_its_release(library, tmp_path):
    values = yaml.safe_load(QUICK.read_text(encoding="utf-8"))
    generator = GaitGenerator.load(ROOT / SHIPPED_GENERATOR)
    generator.release = OTHER
    path = str(generator.save(tmp_path / "generator.safetensors"))
    with pytest.raises(InputError, match="generate.weights_release"):
        obtain_generator(path, parse_study(values), library.curves, tmp_path)
    values["generate"]["weights_release"] = OTHER
    assert obtain_generator(path, parse_study(values), library.curves, tmp_path).gait_ids


def test_a_split_names_the_whole_library_whatever_the_order(library):
    table, gaits = library.curves
    turned = split_library(table.iloc[::-1].reset_index(drop=True), gaits, 0.2, 1)
    assert turned.release == library.hash == hash_gaits(table["gait_id"].to_list())
    fewer = table.iloc[1:].reset_index(drop=True)
    assert split_library(fewer, gaits, 0.2, 1).release != library.hash
    assert len(pd.unique(table["gait_id"])) == len(table)


@pytest.mark.parametrize("change", [{"weights": "", "weights_release": OTHER}, {"weights_release": "18A7"}])
def test_a_release_of_no_weights_and_a_malformed_one_are_refused(change):
    values = yaml.safe_load(QUICK.read_text(encoding="utf-8"))
    values["estimate"] |= change
    with pytest.raises(InputError, match="weights_release"):
        parse_study(values)
