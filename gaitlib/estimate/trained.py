"""Trained models of a run or shipped ones, refused where they learned from a library not named."""

from __future__ import annotations

from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.generate.flow import GaitGenerator
from gaitlib.simulate.library import check_release, read_hash

_FILES = {"keypoints": "estimator.safetensors", "inertial": "estimator_inertial.safetensors"}


def get_generator(kept, library: str) -> GaitGenerator:
    """Get the generator of this run from its results `kept`."""
    flow = GaitGenerator.load(kept.get_path("generator.safetensors"))
    expected = read_hash(kept.locate(library))
    check_release("generator of this run", flow.release, expected, "generate.weights_release")
    return flow


def get_estimator(kept, weights: str, release: str, library: str, kind: str = "keypoints") -> GaitEstimator:
    """Get an estimator: the one trained earlier in folder `weights`, or where this is '' that of this run."""
    path = kept.locate(weights) / f"{kind}.safetensors" if weights else kept.get_path(_FILES[kind])
    estimator = GaitEstimator.load(path)
    about, key = estimator.provenance, "estimate.weights_release"
    own = read_hash(kept.locate(library))
    expected = own if about.get("library") == own else release or own
    check_release(f"estimator {path.name}", about.get("library", ""), expected, key)
    if about.get("n_generated_gaits"):
        check_release(
            f"generator of estimator {path.name}", about.get("generator_library", ""), expected, key
        )
    return estimator


def describe_release(*trained: GaitEstimator) -> str:
    """Name the library releases that estimators, and the generators of their walks, learned from."""
    said: dict[str, list[str]] = {}
    for one in trained:
        own, made = (one.provenance.get(key, "")[:7] for key in ("library", "generator_library"))
        words = f"library release {own}" + (f", its generated walks from release {made}" if made else "")
        said.setdefault(words, []).append(one.config.kind)
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{' and '.join(kinds)}: {words}" for words, kinds in said.items())
