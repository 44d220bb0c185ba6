"""The estimator that is built around a network: conformal intervals, abstention, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.clip_sampler import Clip
from gaitlib.estimate.conformal import Calibration, apply_calibration, calibrate_intervals
from gaitlib.estimate.estimator_network import GaitNetwork, NetworkConfig, batch_features
from gaitlib.estimate.features import ClipFeatures, compute_features, get_height
from gaitlib.estimate.inertial_features import compute_inertial_features
from gaitlib.estimate.input_kind import mirror_features
from gaitlib.estimate.step_width import COLUMN, apply_width
from gaitlib.estimate.targets import (
    Estimate,
    build_abstention,
    build_activation,
    build_estimate,
    decode_outcomes,
    encode_outcomes,
)
from gaitlib.estimate.training_loop import compute_loss, fit_network, pretrain_network
from gaitlib.generate.network_training import build_network
from gaitlib.generate.weights_file import WeightsForm, read_weights, write_weights

FORM = WeightsForm("estimator", "about", "{name}{shape}", {"kind": "gaitlib-estimator", "version": "2"})
_NEXT_SEED = 1000003
SampleClips = Callable[[int, int], list[Clip]]
"""(seed, number) -> clips; the same seed gives the same clips."""


@dataclass
class GaitEstimator:
    """Outcomes and muscle activity from keypoints or worn sensors, each with an interval."""

    config: NetworkConfig = field(default_factory=NetworkConfig)  # its size, its training, what it reads
    network: GaitNetwork | None = None  # set by `fit` or `load`; first of the ensemble
    others: list[GaitNetwork] = field(default_factory=list)  # its other members
    calibration: Calibration | None = None  # set by `calibrate` or `load`
    # plain values kept in the file: what it was trained on, seed, sampler
    provenance: dict = field(default_factory=dict)
    # step width of keypoints, by direction of the path: of `gaitlib.estimate.step_width.fit_width`
    width: dict[str, list[float]] = field(default_factory=dict)

    def fit(
        self,
        sample_clips: SampleClips,
        seed: int = 0,
        folder=None,
        executor=None,
        log=None,
        compute_loss: Callable = compute_loss,
    ) -> pd.DataFrame:
        """Train on clips sampled on the fly, ahead in other processes if there is an `executor`.

        An interrupted training goes on from the checkpoints in `folder`. Returns one row per chunk: member,
        clips seen, loss, median absolute error per outcome on the network's scales.
        """
        networks, histories = [], []
        for member in range(self.config.members):
            own = seed + member * _NEXT_SEED
            place = Path(folder) / f"member_{member}" if folder and member else folder
            network = build_network(lambda: GaitNetwork(self.config), torch.Generator().manual_seed(own))
            if self.config.pretrain_clips:
                pretrain_network(network, sample_clips, own, self.config.pretrain_clips, executor, log)
            network, history = fit_network(
                network, self.config, sample_clips, own, place, executor, log, compute_loss
            )
            networks.append(network)
            histories.append(history.assign(member=member))
        self.network, *self.others = networks
        self.provenance["seed"] = seed
        return pd.concat(histories, ignore_index=True)

    def calibrate(
        self, clips: list[Clip], level: float = 0.9, predicted: tuple[np.ndarray, np.ndarray] | None = None
    ) -> GaitEstimator:
        """Set intervals and the limits of abstention on clips of people that `fit` has not seen.

        `predicted` is location and logarithm of the scale of these clips by networks like this one, if not
        its own.
        """
        features, error = [clip.features for clip in clips], None
        if predicted is None:
            *predicted, curves = self.predict_raw(features)
            gap = curves - np.stack([clip.activation for clip in clips])
            gap = gap[np.isfinite(gap).all(axis=(1, 2, 3)) & (self.config.activation_weight > 0)]
            error = gap if len(gap) else None
        location, log_scale = predicted
        truth = encode_outcomes([clip.truth for clip in clips], self.config.n_outcomes)
        kind = self._get_network().kind
        self.calibration = calibrate_intervals(kind, features, location, log_scale, truth, level, error)
        return self

    def predict(self, data: xr.Dataset, height_m: float | None = None, site: str | None = None) -> Estimate:
        """Estimate the outcomes of one clip of keypoints or inertial signals.

        Body height (m) and site are those of the data (`height_m`, `site` or `sensor`) if not given.
        """
        height = get_height(data, height_m)
        wanted = "pixel_position" if self.config.kind == "keypoints" else "acceleration"
        if wanted not in data:
            raise InputError(f"estimator for {self.config.kind}: the data hold no '{wanted}'.")
        if self.config.kind == "keypoints":
            return self.predict_features([compute_features(data, height)])[0]
        age = data.attrs.get("stated_age_years")
        return self.predict_features([compute_inertial_features(data, site, height, age)])[0]

    def predict_features(self, features: list[ClipFeatures]) -> list[Estimate]:
        """Estimate the outcomes of many clips, in the same order."""
        if self.calibration is None:
            raise InputError("GaitEstimator: not calibrated; call fit() and calibrate(), or load().")
        results: list[Estimate] = [build_abstention(item.problem) for item in features]
        usable = [n for n, item in enumerate(features) if not item.problem]
        if usable:
            location, log_scale, curves = self.predict_raw([features[n] for n in usable])
            for row, n in enumerate(usable):
                lower, upper, reason = apply_calibration(
                    self.calibration, features[n], location[row], log_scale[row]
                )
                if reason:
                    results[n] = build_abstention(reason)
                    continue
                own = curves[row, ::-1] if features[n].mirrored else curves[row]
                activation = None  # what was not learned is not answered
                if self.config.activation_weight:
                    activation = build_activation(own, self.calibration.activation_half_width)
                learned = np.isfinite(upper - lower)
                parts = (location[row], lower, upper)
                ends = (decode_outcomes(np.where(learned, part, np.nan)) for part in parts)
                results[n] = build_estimate(*ends, activation)
        return results

    def predict_raw(self, features: list[ClipFeatures]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predict clips without problems on the network's scales, averaged with the mirrored clip.

        Location and logarithm of the scale (n, n_outcome), see `gaitlib.estimate.targets.encode_outcomes`;
        muscle activity (n, 2, 9, 101) of the right and the left leg as they appear in the features. An
        ensemble answers its mean.
        """
        found = [_predict_one(network, features) for network in self.networks]
        location, log_scale, curves = (np.mean(part, axis=0) for part in zip(*found, strict=True))
        if self.width:
            own = apply_width(self.width, features, location[:, COLUMN])
            location[:, COLUMN], log_scale[:, COLUMN] = own
        return location, log_scale, curves

    @property
    def networks(self) -> list[GaitNetwork]:
        """All members of the ensemble."""
        return [self._get_network(), *self.others]

    def _get_network(self) -> GaitNetwork:
        if self.network is None:
            raise InputError("GaitEstimator: not fitted; call fit() or load().")
        return self.network

    def save(self, path) -> None:
        """Write weights, calibration and provenance to one safetensors file."""
        if self.network is None or self.calibration is None:
            raise InputError("GaitEstimator: nothing to save; call fit() and calibrate() first.")
        about = {"config": asdict(self.config), "provenance": self.provenance}
        about |= {"calibration": self.calibration.to_dict(), "width": self.width}
        weights = _join(self.networks).state_dict()
        tensors = {name: value.numpy() for name, value in weights.items()}
        write_weights(path, FORM, tensors, about)

    @classmethod
    def load(cls, path) -> GaitEstimator:
        """Read an estimator that `save` wrote; refuse a file of another kind or version, or changed."""
        tensors, about = read_weights(path, FORM)
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in about["config"].items()}
        estimator = cls(NetworkConfig(**values), provenance=about["provenance"], width=about.get("width", {}))
        networks = [GaitNetwork(estimator.config) for _ in range(estimator.config.members)]
        try:
            _join(networks).load_state_dict(
                {name: torch.from_numpy(value) for name, value in tensors.items()}
            )
        except RuntimeError as error:
            raise InputError(f"{path}: weights do not fit this version of the network ({error}).") from None
        estimator.network, *estimator.others = networks
        estimator.calibration = Calibration.from_dict(about["calibration"])
        return estimator


def _join(networks: list[GaitNetwork]) -> torch.nn.Module:
    """One module for the weights of all; a single network stays as it is."""
    return networks[0] if len(networks) == 1 else torch.nn.ModuleList(networks)


def _predict_one(
    network: GaitNetwork, features: list[ClipFeatures]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one network says of clips and of mirrored clips, as `GaitEstimator.predict_raw`."""
    order = np.argsort([item.sequence.shape[-1] for item in features])
    location, log_scale = (np.zeros((len(features), network.config.n_outcomes)) for _ in range(2))
    activity = torch.zeros(len(features), 2, network.config.n_components)
    network.eval()
    with torch.no_grad():
        for rows in np.array_split(order, max(1, len(features) // 64)):
            part = [features[n] for n in rows]
            seen = network(batch_features(part))
            turned = network(batch_features([mirror_features(network.kind, item) for item in part]))
            location[rows] = 0.5 * (seen.location + turned.location).numpy()
            log_scale[rows] = 0.5 * (seen.log_scale + turned.log_scale).numpy()
            activity[rows] = 0.5 * (seen.activity + turned.activity.flip(1))
        return location, log_scale, network.rebuild_activation(activity)
