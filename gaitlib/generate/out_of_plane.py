"""What a planar gait does not hold, drawn given its sagittal motion: learned from gaits of the body in space.

The generator of gaits tells p(sagittal motion | person, impairment), from the many planar gaits; this model
tells p(out-of-plane motion | sagittal motion, person), from the fewer gaits in space. What an impairment
does in the plane is in the sagittal motion already; what it does outside it alone (weak hip abductors,
femoral anteversion) is in the spread.

1. `gaitlib.body.spatial_points.OUT_OF_PLANE` over the stride as Fourier series, weighted as displacements,
   and the coordinates of the plane likewise; both are split into the part that the mirror leaves as it is and
   the part that it turns round (`gaitlib.generate.representation`), so that a model of each keeps the mirror.
2. Each part: principal components, told by ridge regression from those of the plane; the penalty is the one
   with the least error of gaits left out. Symmetric motion is told from speed, stride time and body as well.
3. Drawn: regression plus a Gaussian with the covariance of the errors of gaits left out. In the part that
   the mirror turns round it is in proportion to how uneven the motion in the plane is, so that even gaits
   stay even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.body.dimensions import Dimensions
from gaitlib.body.spatial_points import OUT_OF_PLANE
from gaitlib.environment import hash_file
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, N_PHASE, TRANSLATIONS
from gaitlib.generate.representation import analyse_curves, build_basis, build_group
from gaitlib.generate.weights_file import WeightsForm, read_weights, write_weights
from gaitlib.person import Person

FORM = WeightsForm("out-of-plane", "about", "{name}{shape}", {"kind": "gaitlib-out-of-plane", "version": "1"})
_GROUP, _PLANE = build_group("aside", list(OUT_OF_PLANE), 8), build_group("position", list(COORDINATES), 6)
_REACH = np.array([0.05, 0.05, 1.0, 0.35, 0.1, *[1.0] * 8])[:, None]
"""Displacement (share of height) that one unit of each channel is."""
_SYNTHESIS = build_basis(_GROUP.n_harmonics, N_PHASE)
_TX, _TY = COORDINATES.index("pelvis_tx"), COORDINATES.index("pelvis_ty")
_LENGTHS = np.isin(COORDINATES, TRANSLATIONS)
_N_EVEN, _N_ODD, _EXPLAINED, _FARTHEST = 16, 6, 0.995, 4.0
_PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_UNEVEN = 1e-3
_LEAST_GAITS = 30


@dataclass(frozen=True)
class SagittalGaits:
    """Gaits in the plane: coordinates (n, 101, 12), forward as travel per stride (m), and who walks."""

    curves: np.ndarray
    stride_time_s: np.ndarray
    bodies: Sequence[Dimensions]
    persons: Sequence[Person]


@dataclass(frozen=True)
class OutOfPlaneModel:
    """Draws out-of-plane motion; `parts`: what was fitted; `about`: where it is from."""

    parts: dict[str, np.ndarray]
    about: dict

    @classmethod
    def fit(cls, gaits: SagittalGaits, aside: np.ndarray, about: dict | None = None) -> OutOfPlaneModel:
        """Learn from gaits in space and their `OUT_OF_PLANE` curves (n, 101, 13)."""
        if len(aside) < _LEAST_GAITS:
            raise InputError(f"out-of-plane: found {len(aside)} gaits, expected at least {_LEAST_GAITS}.")
        stated, even, odd, size = _describe(gaits)
        wanted = _GROUP.split(analyse_curves(aside, _GROUP.n_harmonics) * _REACH)
        uneven = size > _UNEVEN
        parts = _fit_part("even", wanted[0], even, _N_EVEN, stated)
        scaled = (values[uneven] / size[uneven, None] for values in (wanted[1], odd))
        parts |= _fit_part("odd", *scaled, _N_ODD)
        return cls(parts, (about or {}) | {"n_gaits": len(aside), "n_uneven": int(uneven.sum())})

    def draw(self, gaits: SagittalGaits, rng: np.random.Generator | None = None) -> np.ndarray:
        """Draw curves (n, 101, 13), the same person in all gaits; what is expected if no `rng` is given."""
        stated, even, odd, size = _describe(gaits)
        scale = np.maximum(size, _UNEVEN)[:, None]
        own = []
        for name, plane, known in (("even", even, stated), ("odd", odd / scale, None)):
            part = {key.removeprefix(f"{name}_"): value for key, value in self.parts.items()}
            found = _standardise(part, plane, known) @ part["weights"] + part["mean"]
            if rng is not None:
                found = found + part["spread"] @ rng.standard_normal(len(part["spread"]))
            own.append(found @ part["components"] + part["centre"])
        own[1] = own[1] * np.where(size > _UNEVEN, size, 0.0)[:, None]
        return (_GROUP.merge(*own) / _REACH @ _SYNTHESIS).transpose(0, 2, 1)

    def save(self, path: str | Path) -> Path:
        """Write what was fitted to a safetensors file."""
        return write_weights(path, FORM, {k: v.astype(np.float32) for k, v in self.parts.items()}, self.about)

    @classmethod
    def load(cls, path: str | Path) -> OutOfPlaneModel:
        """Read what `save` wrote."""
        tensors, about = read_weights(path, FORM)
        return cls({name: value.astype(float) for name, value in tensors.items()}, about)


def _describe(gaits: SagittalGaits) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is stated (n, 6), even and odd part of the plane's coefficients, size of the odd part (n,)."""
    height = np.array([body.height_m for body in gaits.bodies])
    leg = np.array([body.leg_length_m for body in gaits.bodies])
    age = np.array([person.age_years for person in gaits.persons])
    shares = gaits.curves / np.where(_LENGTHS, height[:, None, None], 1.0)
    speed = gaits.curves[:, :-1, _TX].mean(axis=1) / gaits.stride_time_s / np.sqrt(GRAVITY_MPS2 * leg)
    pace = gaits.stride_time_s * np.sqrt(GRAVITY_MPS2 / leg)
    stated = [speed, speed**2, pace, np.log(height), leg / height, np.clip(age - 60.0, 0.0, None)]
    coefficients = analyse_curves(shares, _PLANE.n_harmonics)
    coefficients[:, [_TX, _TY], 0] = 0.0
    even, odd = _PLANE.split(coefficients)
    return np.stack(stated, axis=1), even, odd, np.linalg.norm(odd, axis=1)


def _standardise(part: dict, plane: np.ndarray, stated: np.ndarray | None) -> np.ndarray:
    known = (plane - part["plane_mean"]) @ part["plane_axes"]
    known = known if stated is None else np.concatenate([stated, known], axis=1)
    return np.clip((known - part["known_mean"]) / part["known_scale"], -_FARTHEST, _FARTHEST)


def _fit_part(name: str, wanted, plane, n_known: int, stated=None) -> dict[str, np.ndarray]:
    """Components of what is wanted, told from components of the plane; about zero where nothing is stated."""
    about_zero = stated is None
    centre, plane_mean = ((0.0 if about_zero else 1.0) * values.mean(axis=0) for values in (wanted, plane))
    axes = np.linalg.svd(plane - plane_mean, full_matrices=False)[2][:n_known].T
    part = {"plane_mean": plane_mean, "plane_axes": axes, "centre": centre}
    known = (plane - plane_mean) @ axes if about_zero else np.c_[stated, (plane - plane_mean) @ axes]
    part["known_mean"] = (not about_zero) * known.mean(axis=0)
    part["known_scale"] = np.sqrt(((known - part["known_mean"]) ** 2).mean(axis=0)) + 1e-9
    _, power, directions = np.linalg.svd(wanted - centre, full_matrices=False)
    n = int(np.searchsorted(np.cumsum(power**2) / (power**2).sum(), _EXPLAINED)) + 1
    target = (wanted - centre) @ directions[:n].T
    part["mean"] = (not about_zero) * target.mean(axis=0)
    part["weights"], left = _regress(_standardise(part, plane, stated), target - part["mean"])
    values, vectors = np.linalg.eigh(left.T @ left / len(left))
    part["spread"] = vectors * np.sqrt(np.maximum(values, 0.0))
    return {f"{name}_{key}": value for key, value in (part | {"components": directions[:n]}).items()}


def _regress(known: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression with the penalty that errs least, and the errors of rows left out."""
    left, size, right = np.linalg.svd(known, full_matrices=False)
    found = []
    for penalty in _PENALTIES:
        kept = size**2 / (size**2 + penalty)
        leverage = np.minimum((left**2 * kept).sum(axis=1) + 1.0 / len(known), 0.95)
        error = (target - left @ (kept[:, None] * (left.T @ target))) / (1.0 - leverage)[:, None]
        weights = right.T @ ((kept / size)[:, None] * (left.T @ target))
        found.append(((error**2).sum(), weights, error))
    return min(found, key=lambda one: one[0])[1:]


UNITS = {"pelvis_turn": "deg", "pelvis_list": "deg", "thorax_list": "deg", "trunk_lean": "deg"}
"""Unit of a channel; all others are mm at a height of 1.7 m."""
_SCALE = np.array([np.degrees(1.0) if name in UNITS else 1700.0 for name in OUT_OF_PLANE])


def draw_by_rules(n: int, bodies: Sequence[Dimensions], rng: np.random.Generator) -> np.ndarray:
    """Draw curves (n, 101, 13) by the rules that stood here before: sines of assumed size, for comparison."""
    turn = 2 * np.pi * np.linspace(0.0, 1.0, N_PHASE)[None]
    cos, sin = np.cos(turn), np.sin(turn)
    forward, up = (np.sin(np.deg2rad(rng.uniform(0.0, most, (n, 1)))) for most in (8.0, 6.0))
    sway = rng.uniform(0.005, 0.025, (n, 1)) / 1.7 * sin
    lean = (rng.uniform(0.3, 1.0, (n, 1)) - 1.0) * sway / _REACH[3, 0]
    half = 0.5 * np.clip(rng.normal(0.055, 0.02, (n, 1)), 0.01, 0.12) + 0.0 * sin
    outward = np.sin(np.deg2rad(rng.normal(7.0, 5.0, (n, 1)))) + 0.0 * sin
    heel, toe = (
        np.array([getter(body) / body.height_m for body in bodies])[:, None]
        for getter in (
            lambda b: -b.heel_behind_ankle_m,
            lambda b: b.mtp_ahead_of_ankle_m + b.toe_ahead_of_mtp_m,
        )
    )
    hip = 0.5 * np.array([body.hip_width_m / body.height_m for body in bodies])[:, None]
    middle = [forward * cos, up * sin, sway, lean, 0.0 * sway]
    leg = [half, 0.0 * hip * sin, heel * outward, toe * outward]
    return np.stack([*middle, *leg, *leg], axis=2)


def measure_model(
    model: OutOfPlaneModel, gaits: SagittalGaits, aside: np.ndarray, usual: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Measure errors on gaits of other people: one row per channel, right leg alone.

    Root mean square errors of what is expected, of the `usual` curves (101, 13) of those learned from, of
    curves drawn by the model and by the former rules; and the share of mean values inside 90 % of 200 draws.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([model.draw(gaits, rng) for _ in range(200)])
    ruled = np.stack([draw_by_rules(len(aside), gaits.bodies, rng) for _ in range(20)])

    def find_error(found: np.ndarray) -> np.ndarray:
        return np.sqrt(((found - aside) ** 2).reshape(-1, len(OUT_OF_PLANE)).mean(axis=0)) * _SCALE

    ends = np.quantile(drawn.mean(axis=2), [0.05, 0.95], axis=0)
    held = aside.mean(axis=1)
    columns = {
        "expected": find_error(model.draw(gaits)),
        "usual": find_error(usual[None]),
        "drawn": find_error(drawn),
        "ruled": find_error(ruled),
        "covered": ((held >= ends[0]) & (held <= ends[1])).mean(axis=0),
    }
    table = pd.DataFrame(
        {"channel": OUT_OF_PLANE, "unit": [UNITS.get(n, "mm") for n in OUT_OF_PLANE]} | columns
    )
    table["explained"] = 1.0 - (table["expected"] / table["usual"]) ** 2
    return table[~table["channel"].str.endswith("_l")].reset_index(drop=True)


def write_card(path: str | Path, model: OutOfPlaneModel, errors: pd.DataFrame, command: str) -> Path:
    """Write the model card as Markdown."""
    path, about = Path(path), model.about
    weights = path.with_suffix(".safetensors")
    lines = [
        f"| {row.channel.removesuffix('_r').replace('_', ' ')} | {row.unit} | {row.explained:.2f} | "
        f"{row.expected:.1f} | {row.usual:.1f} | {row.drawn:.1f} | {row.ruled:.1f} | {row.covered:.0%} |"
        for row in errors.itertuples()
    ]
    card = Path(__file__).with_name("out_of_plane_card.md").read_text(encoding="utf-8")
    text = card.format(
        command=command, file=weights.name, digest=hash_file(weights), rows="\n".join(lines), **about
    )
    path.write_text(text, encoding="utf-8")
    return path
