"""The network that reads keypoint sequences, and the estimator built around it.

`GaitNetwork` is a temporal convolutional network with dilated residual blocks (Bai et al. 2018, arXiv
1803.01271). It predicts the logarithms of speed and step length as shares of body height and of step time,
each with a scale, as a correction to classical measures of the clip. Where no body height is given it
predicts that too. `GaitEstimator` adds conformal intervals, abstention, files.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from gaitlib.errors import InputError
from gaitlib.estimate.conformal import Calibration, apply_calibration, calibrate_intervals
from gaitlib.estimate.features import N_CHANNELS, SIDE_FEATURES, ClipFeatures, compute_features, get_height
from gaitlib.estimate.result import Estimate, build_abstention, build_estimate
from gaitlib.estimate.sampler import OUTCOME_NAMES, Clip

_HEIGHT_COLUMNS = [SIDE_FEATURES.index("height_known"), SIDE_FEATURES.index("log_height")]
_REFERENCE_HEIGHT_M = 1.6
_START = (("log_best_speed", 0.49), ("log_step_time", 0.55))
_CORRECTION = 0.2
_SLIGHT_CORRECTION = 0.02


@dataclass(frozen=True)
class NetworkConfig:
    """Size and training of the network.

    Parameters
    ----------
    width : int
        Channels of the network.
    fine_dilations, coarse_dilations : tuple of int
        One residual block each, at 25 Hz and at 12.5 Hz.
    n_clips : int
        Clips sampled in all.
    chunk_clips : int
        Clips sampled at a time.
    buffer_chunks : int
        Chunks kept to draw batches from.
    reuse : float
        How often a clip is used on average.
    batch_size : int
        Clips per step.
    learning_rate : float
        Peak of the schedule (linear warm-up, cosine decay).
    weight_decay : float
        Of AdamW.
    averaging : float
        Decay of the running average of the weights.
    """

    width: int = 48
    fine_dilations: tuple[int, ...] = (1, 2)
    coarse_dilations: tuple[int, ...] = (1, 2, 4, 8)
    n_clips: int = 12000
    chunk_clips: int = 500
    buffer_chunks: int = 10
    reuse: float = 6.0
    batch_size: int = 64
    learning_rate: float = 5.0e-3
    weight_decay: float = 1.0e-2
    averaging: float = 0.995


class _Norm(nn.Module):
    """Root-mean-square norm over channels, frame by frame: padding and length do not matter."""

    def __init__(self, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt((x * x).mean(dim=1, keepdim=True) + 1e-5) * self.gain


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.norm = _Norm(width)
        self.mix_time = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix_channels = nn.Conv1d(width, width, 1)
        nn.init.normal_(self.mix_channels.weight, std=0.02)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x + self.mix_channels(nn.functional.gelu(self.mix_time(self.norm(x) * mask)))


class GaitNetwork(nn.Module):
    """Keypoint sequence -> log outcomes and their scales.

    Parameters
    ----------
    config : NetworkConfig
        Size.
    """

    def __init__(self, config: NetworkConfig):
        super().__init__()
        width, n_side, n_out = config.width, len(SIDE_FEATURES), len(OUTCOME_NAMES)
        self.stem = nn.Conv1d(N_CHANNELS, width, 5, stride=2, padding=2)
        self.fine = nn.ModuleList(_Block(width, dilation) for dilation in config.fine_dilations)
        self.coarse = nn.ModuleList(_Block(width, dilation) for dilation in config.coarse_dilations)
        self.norm = _Norm(width)
        self.attention = nn.Conv1d(width, 2, 1)
        self.head = nn.Sequential(
            nn.Linear(4 * width + n_side, 96),
            nn.GELU(),
            nn.Linear(96, 48),
            nn.GELU(),
            nn.Linear(48, 2 * n_out + 1),
        )
        self.skip = nn.Linear(n_side, len(_START)).requires_grad_(False)
        self.register_buffer("side_mean", torch.zeros(n_side))
        self.register_buffer("side_std", torch.ones(n_side))
        self._start()

    def _start(self) -> None:
        """Start from the classical measures; the rest is learned as a correction."""
        nn.init.zeros_(self.skip.weight)
        nn.init.zeros_(self.skip.bias)
        nn.init.normal_(self.head[-1].weight, std=0.01)
        nn.init.zeros_(self.head[-1].bias)
        with torch.no_grad():
            self.head[-1].bias[len(OUTCOME_NAMES) : 2 * len(OUTCOME_NAMES)] = -2.0
            for row, (name, factor) in enumerate(_START):
                self.skip.weight[row, SIDE_FEATURES.index(name)] = 1.0
                self.skip.bias[row] = float(np.log(factor))

    def forward(
        self, sequence: torch.Tensor, mask: torch.Tensor, side: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict.

        Parameters
        ----------
        sequence : tensor, shape (batch, N_CHANNELS, n_time)
            Channels, zero where padded.
        mask : tensor, shape (batch, 1, n_time)
            1 in the clip, 0 in the padding.
        side : tensor, shape (batch, n_side)
            Measures of the clips.

        Returns
        -------
        location, log_scale : tensor, shape (batch, 3)
            Of the logarithms of `OUTCOME_NAMES` (m/s, m, s).
        """
        mask = mask[:, :, ::2]
        x = self.stem(sequence)
        for block in self.fine:
            x = block(x, mask)
        x, mask = _halve(x, mask)
        for block in self.coarse:
            x = block(x, mask)
        x = self.norm(x)
        count = mask.sum(dim=2)
        mean = (x * mask).sum(dim=2) / count
        spread = (((x - mean[..., None]) ** 2 * mask).sum(dim=2) / count + 1e-6).sqrt()
        weight = self.attention(x).masked_fill(mask == 0, -1e4).softmax(dim=2)
        focus = torch.einsum("bct,bkt->bkc", x, weight).flatten(1)
        standard = (side - self.side_mean) / self.side_std
        out = self.head(torch.cat([mean, spread, focus, standard], dim=1))
        n = len(OUTCOME_NAMES)
        known, log_height = side[:, _HEIGHT_COLUMNS[0]], side[:, _HEIGHT_COLUMNS[1]]
        height = torch.where(known > 0.5, log_height, _CORRECTION * out[:, -1]) + float(
            np.log(_REFERENCE_HEIGHT_M)
        )
        base = self.skip(side)
        speed = base[:, 0] + _CORRECTION * out[:, 0] + height
        time = base[:, 1] + _CORRECTION * out[:, 2]
        length = speed + time + _SLIGHT_CORRECTION * out[:, 1]
        location = torch.stack([speed, length, time], dim=1)
        return location, out[:, n : 2 * n].clamp(-5.5, 1.0)


def _halve(x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of pairs of frames, padding left out."""
    total = nn.functional.avg_pool1d(x * mask, 2, ceil_mode=True)
    share = nn.functional.avg_pool1d(mask, 2, ceil_mode=True)
    return total / share.clamp(min=0.25), (share > 0).to(x.dtype)


SampleClips = Callable[[int, int], list[Clip]]
"""(seed, number) -> clips; the same seed gives the same clips."""


@dataclass
class GaitEstimator:
    """Speed, step length and step time from image keypoints, each with an interval.

    Parameters
    ----------
    config : NetworkConfig
        Size and training of the network.
    network : GaitNetwork, optional
        Set by `fit` or `load`.
    calibration : Calibration, optional
        Set by `calibrate` or `load`.
    provenance : dict
        Plain values kept in the file: what it was trained on, seed, sampler.
    """

    config: NetworkConfig = field(default_factory=NetworkConfig)
    network: GaitNetwork | None = None
    calibration: Calibration | None = None
    provenance: dict = field(default_factory=dict)

    def fit(
        self, sample_clips: SampleClips, seed: int = 0, folder=None, executor=None, log=None
    ) -> pd.DataFrame:
        """Train on clips sampled on the fly.

        Parameters
        ----------
        sample_clips : callable
            (seed, number) -> list of Clip.
        seed : int
            Everything random follows from it.
        folder : path, optional
            Where checkpoints are kept; an interrupted training goes on from there.
        executor : concurrent.futures.Executor, optional
            Samples ahead in other processes.
        log : callable, optional
            Called with a line of text now and then.

        Returns
        -------
        pandas.DataFrame
            One row per chunk: clips seen, loss, median absolute relative error per outcome.
        """
        from gaitlib.estimate.fitting import fit_network

        torch.manual_seed(seed)
        network = GaitNetwork(self.config)
        self.network, history = fit_network(network, self.config, sample_clips, seed, folder, executor, log)
        self.provenance["seed"] = seed
        return history

    def calibrate(self, clips: list[Clip], level: float = 0.9) -> GaitEstimator:
        """Set intervals and the limits of abstention on held-out synthetic people.

        Parameters
        ----------
        clips : list of Clip
            Clips of people that `fit` has not seen.
        level : float
            Coverage wanted (0-1).

        Returns
        -------
        GaitEstimator
            Itself.
        """
        location, log_scale = self.predict_log([clip.features for clip in clips])
        truth = np.log([clip.truth for clip in clips])
        side = np.array([clip.features.side for clip in clips])
        self.calibration = calibrate_intervals(location, log_scale, truth, side, level)
        return self

    def predict(self, keypoints: xr.Dataset, height_m: float | None = None) -> Estimate:
        """Estimate the outcomes of one clip.

        Parameters
        ----------
        keypoints : xarray.Dataset
            Image keypoints; see `gaitlib.sense.layouts.build_image_keypoints`.
        height_m : float, optional
            Body height (m); attribute `height_m` of the keypoints if not given.

        Returns
        -------
        Estimate
            Values with intervals, or an abstention with its reason.
        """
        return self.predict_features([compute_features(keypoints, get_height(keypoints, height_m))])[0]

    def predict_features(self, features: list[ClipFeatures]) -> list[Estimate]:
        """Estimate the outcomes of many clips.

        Parameters
        ----------
        features : list of ClipFeatures
            From `gaitlib.estimate.features.compute_features`.

        Returns
        -------
        list of Estimate
            In the same order.

        Raises
        ------
        InputError
            If the estimator was not fitted and calibrated.
        """
        if self.calibration is None:
            raise InputError("GaitEstimator: not calibrated; call fit() and calibrate(), or load().")
        results: list[Estimate] = [build_abstention(item.problem) for item in features]
        usable = [n for n, item in enumerate(features) if not item.problem]
        if usable:
            location, log_scale = self.predict_log([features[n] for n in usable])
            for row, n in enumerate(usable):
                lower, upper, reason = apply_calibration(
                    self.calibration, location[row], log_scale[row], features[n].side
                )
                if reason:
                    results[n] = build_abstention(reason)
                else:
                    results[n] = build_estimate(np.exp(location[row]), np.exp(lower), np.exp(upper))
        return results

    def predict_log(self, features: list[ClipFeatures]) -> tuple[np.ndarray, np.ndarray]:
        """Predict logarithms and their log scale, averaged with the mirrored clip.

        Parameters
        ----------
        features : list of ClipFeatures
            Without problems.

        Returns
        -------
        location, log_scale : array, shape (n, 3)
            Of log m/s, log m, log s.
        """
        from gaitlib.estimate.fitting import batch_features, mirror_features

        if self.network is None:
            raise InputError("GaitEstimator: not fitted; call fit() or load().")
        order = np.argsort([item.sequence.shape[1] for item in features])
        location, log_scale = np.zeros((len(features), 3)), np.zeros((len(features), 3))
        self.network.eval()
        with torch.no_grad():
            for rows in np.array_split(order, max(1, len(features) // 64)):
                both = [self.network(*batch_features([turn(features[n]) for n in rows]))
                        for turn in (lambda item: item, mirror_features)]  # fmt: skip
                location[rows] = 0.5 * (both[0][0] + both[1][0]).numpy()
                log_scale[rows] = 0.5 * (both[0][1] + both[1][1]).numpy()
        return location, log_scale

    def save(self, path) -> None:
        """Write weights, calibration and provenance to one safetensors file.

        Parameters
        ----------
        path : path
            File to write.
        """
        from gaitlib.estimate.files import save_estimator

        if self.network is None or self.calibration is None:
            raise InputError("GaitEstimator: nothing to save; call fit() and calibrate() first.")
        about = {"config": asdict(self.config), "provenance": self.provenance}
        about["calibration"] = self.calibration.to_dict()
        save_estimator(path, copy.deepcopy(self.network.state_dict()), about)

    @classmethod
    def load(cls, path) -> GaitEstimator:
        """Read an estimator.

        Parameters
        ----------
        path : path
            File written by `save`.

        Returns
        -------
        GaitEstimator
            Ready to predict.

        Raises
        ------
        InputError
            If the file is missing, of another kind or version, or was changed.
        """
        from gaitlib.estimate.files import load_estimator

        tensors, about = load_estimator(path)
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in about["config"].items()}
        estimator = cls(NetworkConfig(**values), provenance=about["provenance"])
        estimator.network = GaitNetwork(estimator.config)
        try:
            estimator.network.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"{path}: weights do not fit this version of the network ({error}).") from None
        estimator.calibration = Calibration.from_dict(about["calibration"])
        return estimator
