"""What chapter 3 does: train an estimator on the training people of a library, or load a trained one."""

from __future__ import annotations

from pathlib import Path

from gaitlib.simulate.library import Curves


def make_training_sampler(generator, settings: dict):
    """Make the sampler of the strides that join the simulated ones in a training.

    Parameters
    ----------
    generator : GaitGenerator or None
        Trained on the training people only.
    settings : dict
        Section `estimate` of the study.

    Returns
    -------
    gaitlib.generate.redraw.SoundSampler or None
        None where the study asks for no generated gaits.
    """
    from gaitlib.generate.redraw import SoundSampler

    if generator is None or settings["generated_gaits"] == 0:
        return None
    return SoundSampler(generator, outcomes=False)  # the truth of a clip is measured in its walk


def train_estimator_on(
    library: Curves,
    generator,
    settings: dict,
    seed: int,
    checkpoints: Path,
    kind: str = "keypoints",
    log=None,
):
    """Train one estimator on simulated and generated walks.

    Parameters
    ----------
    library : tuple of (DataFrame, Dataset)
        The library; its held-out people calibrate and test.
    generator : GaitGenerator or None
        Adds gaits of people in between; trained on the training people only.
    settings : dict
        Section `estimate` of the study.
    seed : int
        Fixes everything.
    checkpoints : Path
        An interrupted training goes on from here.
    kind : {'keypoints', 'inertial'}
        What the estimator reads.
    log : callable, optional
        Called with a line of text now and then.

    Returns
    -------
    estimator : GaitEstimator
        Calibrated.
    history, errors : DataFrame
        Of the training; of clips of held-out people.
    """
    from gaitlib.estimate.settings import build_training_config
    from gaitlib.estimate.train import train_estimator

    sampler = make_training_sampler(generator, settings)
    config = build_training_config(settings, kind)
    return train_estimator(*library, config, seed, checkpoints / kind, sampler, log)


def load_estimator_of(folder: Path, library: Curves, settings: dict, seed: int, kind: str = "keypoints"):
    """Load an estimator that was trained earlier, and test it on the people that its training held out.

    Parameters
    ----------
    folder : Path
        With `<kind>.safetensors`, written by `gaitlib train`.
    library, settings, seed
        As `train_estimator_on`.
    kind : {'keypoints', 'inertial'}
        What the estimator reads.

    Returns
    -------
    estimator : GaitEstimator
        Calibrated.
    errors : DataFrame
        Of clips of held-out people.

    Raises
    ------
    InputError
        If the file is missing or changed, or was trained with another split.
    """
    from gaitlib.estimate.estimator import GaitEstimator
    from gaitlib.estimate.settings import build_training_config
    from gaitlib.estimate.train import check_estimator

    estimator = GaitEstimator.load(folder / f"{kind}.safetensors")
    return estimator, check_estimator(estimator, *library, build_training_config(settings, kind), seed)
