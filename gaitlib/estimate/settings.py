"""From the settings of a study to those of a training."""

from __future__ import annotations

from gaitlib.estimate.inertial_sampler import InertialSamplerConfig
from gaitlib.estimate.network import NetworkConfig
from gaitlib.estimate.sampler import SamplerConfig
from gaitlib.estimate.train import TrainingConfig


def build_training_config(settings: dict, kind: str = "keypoints"):
    """Build the training settings of an estimator."""
    inertial = kind == "inertial"
    network = NetworkConfig(
        kind=kind, width=settings["width"], n_clips=settings["inertial_clips" if inertial else "clips"],
        reuse=settings["reuse"], batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
        pretrain_clips=settings["pretrain_clips"],
    )  # fmt: skip
    return TrainingConfig(
        network=network, sampler=InertialSamplerConfig() if inertial else SamplerConfig(),
        held_out_share=settings["held_out_share"], n_calibration=settings["calibration_clips"],
        n_test=settings["test_clips"], n_generated=settings["generated_gaits"], n_workers=settings["workers"],
    )  # fmt: skip
