"""The network family: one reads image keypoints, one inertial sensors.

A temporal convolutional network with dilated residual blocks (Bai et al. 2018, arXiv 1803.01271) reads each
sequence; clips of several sensors are averaged over sensors. It predicts speed and step length as shares of
body height and the step time, as corrections to classical measures of the clip; the phases of the stride,
asymmetry, variability, each with a scale; and the muscle activity of both legs as coefficients of principal
components. Where no body height is given it predicts that too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gaitlib.estimate.features import PINHOLE_FEATURES, ClipFeatures
from gaitlib.estimate.input_kind import DIRECTIONS, get_kind
from gaitlib.estimate.targets import N_WITHOUT_WIDTH, TARGETS
from gaitlib.gait import MUSCLE_GROUPS, N_PHASE

_START = ("height_known", "log_height", "log_best_speed", "log_step_time")
DESIGNS = ("learned", "features", "residual")
"""How the network of a camera uses perspective (`gaitlib.estimate.geometry`): not at all; as measures of the
clip; as measures and as what the speed is corrected from, weighed against the speed of the standing foot and
that of a usual person of this cadence."""
_USUAL_SPEED, _USUAL_SD, _LEAST_SD, _LEG_SD, _MOVING, _RHYTHM_SD = 1.3, 0.25, 0.02, 0.05, 0.5, 0.03
"""Speed of a usual person (legs per second at a step time of 0.55 s) and spread of its logarithm; least error
of perspective; spread of the leg length as seen, which no base tells and which bounds, with what perspective
leaves open, what may be learned; excess of the foot's speed (logarithm) that tells a moving camera; least
error of a step time. Measured on simulated clips. Step length over cadence hardly varies (Sekiya & Nagasaki
1998, doi 10.1016/S0966-6362(98)00016-4), so usual speed goes with the square of cadence."""
_REFERENCE_HEIGHT_M = 1.6
_CORRECTION = 0.2
_SLIGHT_CORRECTION = 0.02
_OCTAVES = (-1.0, 0.0, 1.0)
"""A rhythm may be taken for one twice or half as fast: the network weighs the three."""


@dataclass(frozen=True)
class NetworkConfig:
    """Size and training of the network."""

    kind: str = "keypoints"  # what is read: 'keypoints', 'inertial' or 'insole'
    width: int = 48  # channels of the network
    fine_dilations: tuple[int, ...] = (1, 2)  # one residual block each, at 25 Hz and at 12.5 Hz
    coarse_dilations: tuple[int, ...] = (1, 2, 4, 8)
    n_clips: int = 12000  # clips sampled in all
    chunk_clips: int = 500  # clips sampled at a time
    buffer_chunks: int = 10  # chunks kept to draw batches from
    reuse: float = 6.0  # how often a clip is used on average
    batch_size: int = 64  # clips per step
    learning_rate: float = 5.0e-3  # peak of the schedule (linear warm-up, cosine decay)
    weight_decay: float = 1.0e-2  # of AdamW
    averaging: float = 0.995  # decay of the running average of the weights
    n_components: int = 24  # principal components of the muscle activity of a leg
    activation_weight: float = 0.5  # weight of the muscle activity in the loss
    design: str = "residual"  # of a camera's network, see `DESIGNS`
    n_outcomes: int = N_WITHOUT_WIDTH  # how many of `OUTCOME_NAMES` are estimated
    pretrain_clips: int = 0  # clips of masked sequence modelling before the outcomes are learned; 0 for none
    members: int = 1  # networks trained alike, each from its own start and clips, whose answers are averaged


@dataclass(frozen=True)
class Batch:
    """Clips padded to one length; clips of several sensors have one row each."""

    sequence: torch.Tensor  # (n_row, n_channel, n_time): Channels, zero where padded
    mask: torch.Tensor  # (n_row, 1, n_time): 1 in the clip, 0 in the padding
    site: torch.Tensor  # (n_row,): Where each sequence comes from, and which clip it belongs to
    owner: torch.Tensor
    side: torch.Tensor  # (n, n_side): Measures of the clips


def batch_features(features: list[ClipFeatures]) -> Batch:
    """Pad clips to one length."""
    longest = max(item.sequence.shape[-1] for item in features)
    site = np.concatenate([item.sites for item in features])
    owner = np.repeat(np.arange(len(features)), [len(item.sites) for item in features])
    sequence = np.zeros((len(site), features[0].sequence.shape[-2], longest), dtype=np.float32)
    mask = np.zeros((len(site), 1, longest), dtype=np.float32)
    for number, item in enumerate(features):
        n_time = item.sequence.shape[-1]
        sequence[owner == number, :, :n_time] = item.sequence
        mask[owner == number, :, :n_time] = 1.0
    side = np.stack([item.side for item in features]).astype(np.float32)
    return Batch(*(torch.from_numpy(part) for part in (sequence, mask, site, owner, side)))


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
        self.start()

    def start(self, generator: torch.Generator | None = None) -> None:
        """Let the block begin as almost nothing."""
        nn.init.normal_(self.mix_channels.weight, std=0.02, generator=generator)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x + self.mix_channels(nn.functional.gelu(self.mix_time(self.norm(x) * mask)))


@dataclass(frozen=True)
class Prediction:
    """What the network answers."""

    location: torch.Tensor  # (n, n_outcome): Of `OUTCOME_NAMES` on the scales of `gaitlib.estimate.targets`
    log_scale: torch.Tensor
    # (n, 2, n_component): Coefficients of the muscle activity of the right and the left leg, in standard
    # deviations
    activity: torch.Tensor


class GaitNetwork(nn.Module):
    """Sequences of keypoints or inertial sensors -> outcomes, their scales, muscle activity."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config, self.kind = config, get_kind(config.kind)
        width, n_side, n_out = config.width, len(self.kind.side), config.n_outcomes
        self.residual = config.kind == "keypoints" and config.design == "residual"
        self.n_bases = 3 * self.residual
        self.stem = nn.Conv1d(self.kind.n_channels, width, 5, stride=2, padding=2)
        self.site = nn.Embedding(len(self.kind.sites), width)
        self.fine = nn.ModuleList(_Block(width, dilation) for dilation in config.fine_dilations)
        self.coarse = nn.ModuleList(_Block(width, dilation) for dilation in config.coarse_dilations)
        self.norm = _Norm(width)
        self.attention = nn.Conv1d(width, 2, 1)
        self.head = nn.Sequential(
            nn.Linear(4 * width + n_side, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            nn.GELU(),
            nn.Linear(width, 2 * n_out + 1 + 2 * config.n_components + len(_OCTAVES) + self.n_bases),
        )
        if self.residual:
            self.register_buffer("trust", torch.ones(len(DIRECTIONS)))
        self.register_buffer("side_mean", torch.zeros(n_side))
        self.register_buffer("side_std", torch.ones(n_side))
        n_curve = len(MUSCLE_GROUPS) * N_PHASE
        self.register_buffer("activation_mean", torch.zeros(n_curve))
        self.register_buffer("activation_basis", torch.zeros(config.n_components, n_curve))
        self.start()

    def start(self, generator: torch.Generator | None = None) -> None:
        """Start from the classical measures; the rest is learned as a correction."""
        nn.init.normal_(self.site.weight, std=0.5, generator=generator)
        last = self.head[-1]
        nn.init.normal_(last.weight, std=0.01, generator=generator)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            n_out = self.config.n_outcomes
            last.bias[n_out : 2 * n_out] = -2.0
            last.bias[-2 - self.n_bases] = 4.0  # the rhythm as found

    def set_activation_basis(self, curves: np.ndarray) -> None:
        """Set the principal components on which muscle activity is predicted."""
        flat = curves.reshape(-1, self.activation_mean.shape[0])
        flat = flat[np.isfinite(flat).all(axis=1)]
        if len(flat) == 0:
            return
        mean = flat.mean(axis=0)
        _, size, directions = np.linalg.svd(flat - mean, full_matrices=False)
        n = min(len(self.activation_basis), len(size))
        scaled = directions[:n] * size[:n, None] / np.sqrt(len(flat))
        self.activation_mean.copy_(torch.tensor(mean, dtype=torch.float32))
        self.activation_basis[:n] = torch.tensor(scaled, dtype=torch.float32)

    def project_activation(self, curves: np.ndarray) -> torch.Tensor:
        """Bring activation curves to coefficients; shape (n, 2, n_component)."""
        flat = torch.tensor(curves.reshape(len(curves), 2, -1), dtype=torch.float32) - self.activation_mean
        size = (self.activation_basis**2).sum(dim=1)
        return flat @ self.activation_basis.T / size.clamp(min=1e-12) * self._weigh_components()

    def rebuild_activation(self, activity: torch.Tensor) -> np.ndarray:
        """Bring coefficients back to curves; shape (n, 2, 9, 101)."""
        flat = self.activation_mean + (activity / self._weigh_components()) @ self.activation_basis
        return flat.clamp(0.0, 1.0).reshape(*activity.shape[:2], len(MUSCLE_GROUPS), N_PHASE).numpy()

    def _weigh_components(self) -> torch.Tensor:
        """Root share of the variance, so that errors of coefficients weigh as errors of curves."""
        size = (self.activation_basis**2).sum(dim=1)
        return (size / size.mean().clamp(min=1e-12)).sqrt().clamp(min=0.05)

    def encode(self, batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Read the sequences."""
        mask = batch.mask[..., ::2]
        x = (self.stem(batch.sequence) + self.site(batch.site)[..., None]) * mask
        for block in self.fine:
            x = block(x, mask)
        x, mask = _halve(x, mask)
        for block in self.coarse:
            x = block(x, mask)
        return x, mask

    def forward(self, batch) -> Prediction:
        """Predict."""
        x, mask = self.encode(batch)
        x = self.norm(x)
        count = mask.sum(dim=2).clamp(min=1)
        mean = (x * mask).sum(dim=2) / count
        spread = (((x - mean[..., None]) ** 2 * mask).sum(dim=2) / count + 1e-6).sqrt()
        weight = self.attention(x).masked_fill(mask == 0, -1e4).softmax(dim=2)
        focus = torch.einsum("bct,bkt->bkc", x, weight).flatten(1)
        rows = torch.cat([mean, spread, focus], dim=1)
        share = 1.0 / torch.bincount(batch.owner, minlength=len(batch.side))[batch.owner]
        pooled = rows.new_zeros(len(batch.side), rows.shape[1])
        pooled = pooled.index_add(0, batch.owner, rows * share[:, None])
        standard = (batch.side - self.side_mean) / self.side_std
        if self.config.design == "learned" and self.kind.name == "keypoints":
            standard = standard * batch.side.new_tensor(
                [name not in PINHOLE_FEATURES for name in self.kind.side]
            )
        out = self.head(torch.cat([pooled, standard], dim=1))
        n = self.config.n_outcomes
        activity = out[:, 2 * n + 1 : 2 * n + 1 + 2 * self.config.n_components].unflatten(1, (2, -1))
        return Prediction(self._locate(out, batch.side), out[:, n : 2 * n].clamp(-5.5, 1.5), activity)

    def _locate(self, out: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
        """Outcomes: classical measures of the clip plus what was learned."""
        at = {name: side[:, self.kind.side.index(name)] for name in _START}
        height = torch.where(
            at["height_known"] > 0.5, at["log_height"], _CORRECTION * out[:, 2 * self.config.n_outcomes]
        )
        height = height + float(np.log(_REFERENCE_HEIGHT_M))
        first = 2 * self.config.n_outcomes + 1 + 2 * self.config.n_components
        octave = out[:, first : first + len(_OCTAVES)].softmax(dim=1) @ out.new_tensor(_OCTAVES)
        rhythm = at["log_step_time"] + float(np.log(0.55))
        step_time = rhythm + float(np.log(2)) * octave + _CORRECTION * out[:, 2]
        speed = at["log_best_speed"] + _CORRECTION * out[:, 0]
        if self.residual:
            spread = (side[:, self.kind.side.index("log_rhythm_sd")] - 4.0).exp()
            step_time = rhythm + _bound(step_time - rhythm, (spread**2 + _RHYTHM_SD**2).sqrt())
            speed = self._correct_bases(out, side, step_time)
        found = {"speed_mps": speed + float(np.log(0.49)) + height, "step_time_s": step_time}
        found["step_length_m"] = found["speed_mps"] + found["step_time_s"] + _SLIGHT_CORRECTION * out[:, 1]
        targets = TARGETS[: self.config.n_outcomes]
        for n, target in enumerate(targets):
            if target.size:
                given = f"start_{target.name}"  # where a measure of the clip tells the outcome by itself
                known = given in self.kind.side
                start = side[:, self.kind.side.index(given)] if known else target.start
                found[target.name] = start / target.size + _CORRECTION * out[:, n]
        return torch.stack([found[target.name] for target in targets], dim=1)

    def _correct_bases(self, out: torch.Tensor, side: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        """Weigh perspective, standing foot and usual person by their variances, then as was learned.

        Where the foot is much faster than the image moves, the camera follows or the floor does: a treadmill.
        What is learned counts as far as it has earned its place in this direction of view (`choose_trust`).
        """
        names = ("log_pinhole_speed", "pinhole_sd", "log_best_speed", "along")
        seen, spread, foot, along = (side[:, self.kind.side.index(name)] for name in names)
        usual = float(np.log(_USUAL_SPEED)) - 2 * (rhythm - float(np.log(0.55)))
        moving = (foot - seen - _MOVING).clamp(min=0.0)
        variances = [
            (spread / 3) ** 2 + _LEAST_SD**2 + 4 * moving**2,
            (0.1 + 0.4 * along.abs() + 0.25 * (moving > 0)) ** 2,
            torch.full_like(seen, _USUAL_SD**2),
        ]
        known, bases = torch.stack(variances, dim=1).log(), torch.stack([seen, foot, usual], dim=1)
        given = (bases * (-known).softmax(dim=1)).sum(dim=1)
        learned = (bases * (out[:, -self.n_bases :] - known).softmax(dim=1)).sum(dim=1)
        bound = (spread**2 / 9 + _LEG_SD**2).sqrt()
        learned = learned + _bound(_CORRECTION * out[:, 0], bound)
        return given + self.trust[tell_direction(along)] * (learned - given)


def _bound(correction: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    return limit * torch.tanh(correction / limit)


def tell_direction(along: torch.Tensor) -> torch.Tensor:
    """Tell which of `DIRECTIONS` a path has, from its component along the view."""
    return (along.abs()[:, None] < along.new_tensor(list(DIRECTIONS.values()))).sum(dim=1)


def _halve(x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of pairs of frames, padding left out."""
    total = nn.functional.avg_pool1d(x * mask, 2, ceil_mode=True)
    share = nn.functional.avg_pool1d(mask, 2, ceil_mode=True)
    return total / share.clamp(min=0.25), (share > 0).to(x.dtype)
