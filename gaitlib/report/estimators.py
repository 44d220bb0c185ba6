"""What chapter 3 does: train an estimator on the training people of a library, or load a trained one."""

from __future__ import annotations

from pathlib import Path

from gaitlib.report import page
from gaitlib.simulate.library import Curves


def make_training_sampler(generator, settings: dict):
    """Make the sampler of the strides that join the simulated ones in a training."""
    from gaitlib.generate.checks import RejectionSampler

    if generator is None or settings["generated_gaits"] == 0:
        return None
    return RejectionSampler(generator, outcomes=False)  # the truth of a clip is measured in its walk


def train_estimator_on(
    library: Curves,
    generator,
    settings: dict,
    seed: int,
    checkpoints: Path,
    kind: str = "keypoints",
    log=None,
):
    """Train one estimator on simulated and generated walks."""
    from gaitlib.estimate.synthetic_training import build_training_config, train_estimator

    sampler = make_training_sampler(generator, settings)
    config = build_training_config(settings, kind)
    return train_estimator(*library, config, seed, checkpoints / kind, sampler, log)


def get_estimator(kept, weights: str, release: str, library: str, kind: str = "keypoints"):
    """Get the estimator that pages on people use: one trained earlier, or that of this run."""
    from gaitlib.estimate.estimator import GaitEstimator
    from gaitlib.simulate.library import check_release, load_library

    own = {"keypoints": "estimator.safetensors", "inertial": "estimator_inertial.safetensors"}
    path = kept.locate(weights) / f"{kind}.safetensors" if weights else kept.get_path(own[kind])
    estimator = GaitEstimator.load(path)
    expected = release or load_library(kept.locate(library)).hash
    about, key = estimator.provenance, "estimate.weights_release"
    check_release(f"estimator {path.name}", about.get("library", ""), expected, key)
    if about.get("n_generated_gaits"):
        check_release(
            f"generator of estimator {path.name}", about.get("generator_library", ""), expected, key
        )
    return estimator


def describe_release(*trained) -> str:
    """Name the library releases that estimators, and the generators of their walks, learned from."""
    known = [one.provenance for one in trained]
    own = page.join_words(sorted({about.get("library", "")[:7] for about in known}))
    made = page.join_words(sorted({about["generator_library"][:7] for about in known
                                   if about.get("generator_library")}))  # fmt: skip
    return f"library release {own}" + (f", its generated walks from release {made}" if made else "")


def get_generator(kept, library: str):
    """Get the generator of this run."""
    from gaitlib.generate.flow import GaitGenerator
    from gaitlib.simulate.library import check_release, load_library

    flow = GaitGenerator.load(kept.get_path("generator.safetensors"))
    expected = load_library(kept.locate(library)).hash
    check_release("generator of this run", flow.release, expected, "generate.weights_release")
    return flow


def measure_again(estimator, library: Curves, settings: dict, seed: int, kind: str = "keypoints"):
    """Test an estimator that was trained earlier on the people that its training held out."""
    from gaitlib.estimate.synthetic_training import build_training_config, check_estimator

    return check_estimator(estimator, *library, build_training_config(settings, kind), seed)
