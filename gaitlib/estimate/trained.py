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
    known = [one.provenance for one in trained]
    own = " and ".join(sorted({about.get("library", "")[:7] for about in known}))
    made = " and ".join(
        sorted({about["generator_library"][:7] for about in known if about.get("generator_library")})
    )
    return f"library release {own}" + (f", its generated walks from release {made}" if made else "")
