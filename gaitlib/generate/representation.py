"""Gaits as standardised vectors, and back: plain arrays, Fourier series, principal components.

A Fourier series is periodic in value and slope by construction. The mirror of a stride exchanges the sides
and moves the phase by half a stride; harmonic k then changes its sign with (-1)^k. Every set of curves is
the sum of a part that the mirror leaves as it is and a part that it turns round, so a stride whose second
part is zero is symmetric by construction, and the mirror of any stride is a change of sign.

Steps of encoding
1. The pelvis travel is taken off `pelvis_tx` as mean speed x time; what is left is periodic.
2. Lengths are divided by body height, forces by body weight, moments by body weight x height; activations
   pass a logit, so that decoded ones lie between 0 and 1.
3. Truncated Fourier series per channel, split into a mirror-symmetric and an antisymmetric part.
4. Each part is whitened by its own principal components (the antisymmetric part about zero, so the mirror
   of a stride is a change of sign). A library of symmetric gaits has no antisymmetric component at all, so
   every stride decoded from it is symmetric by construction.
5. Beside them stand the conditions (person, speed, stride time, impairment), standardised.
6. In an asymmetric stride the left foot does not land half a stride after the right one. Inside, phase 0
   lies such that both feet are equally early or late; how much is one more antisymmetric entry, and
   decoded strides begin with the right contact again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, MUSCLES, N_PHASE, SIDES, TRANSLATIONS, swap_side
from gaitlib.generate.conditions import ConditionScale, fit_condition_scale, is_impairment, spread_impairments
from gaitlib.generate.foot_contact import measure_contact_shift
from gaitlib.simulate.library import build_gait_set

AXES = ("x", "y", "z")
_TX = COORDINATES.index("pelvis_tx")


def flatten_variable(gaits: xr.Dataset, name: str) -> np.ndarray:
    """Read a variable of a gait set as one array; shape (n, 101, n_channels)."""
    values = gaits[name].to_numpy().astype(float)
    return values.reshape(values.shape[0], values.shape[1], -1)


def compute_travel(gaits: xr.Dataset) -> np.ndarray:
    """Compute how far the pelvis goes in a stride; shape (n,), m."""
    forward = gaits["position"].sel(coordinate="pelvis_tx").to_numpy()
    return forward[:, -1] - forward[:, 0]


def remove_travel(position: np.ndarray) -> None:
    """Take the travel of the pelvis off coordinates (n, 101, n_coordinates), in place."""
    forward = position[..., _TX]
    ramp = np.linspace(0.0, 1.0, position.shape[1])
    position[..., _TX] = forward - forward[:, :1] - (forward[:, -1:] - forward[:, :1]) * ramp


def compute_units(height_m: np.ndarray, mass_kg: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the body's own unit of each variable."""
    height, weight = height_m[:, None, None], mass_kg[:, None, None] * GRAVITY_MPS2
    length = np.isin(COORDINATES, TRANSLATIONS)
    return {
        "position": np.where(length, height, 1.0),
        "ground_force": weight,
        "joint_moment": np.where(length, weight, weight * height),
    }


def scale_to_bodies(table: pd.DataFrame, curves: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give curves in shares of the body their size and the pelvis its travel."""
    units = compute_units(table["height_m"].to_numpy(dtype=float), table["mass_kg"].to_numpy(dtype=float))
    position = curves["position"] * units["position"]
    travel = (table["speed_mps"] * table["stride_time_s"]).to_numpy()[:, None]
    forward = position[..., _TX] - position[:, :1, _TX]
    position[..., _TX] = forward + travel * np.linspace(0.0, 1.0, N_PHASE)
    force = curves["ground_force"] * units["ground_force"]
    return {
        "position": position,
        "activation": curves["activation"].astype(float),
        "ground_force": force.reshape(len(table), N_PHASE, len(SIDES), len(AXES)),
        "joint_moment": curves["joint_moment"] * units["joint_moment"],
    }


_LATERAL = ("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation", "pelvis_turn",
            "sway", "trunk_lean", "thorax_list")  # fmt: skip


@dataclass(frozen=True)
class ChannelGroup:
    """The channels of one variable and how the mirror maps them."""

    name: str  # variable of the Gait
    channels: tuple[str, ...]  # flat channel names
    # (n_channels,): Channel that takes this one's place in the mirror (itself for the trunk)
    partner: np.ndarray
    sign: np.ndarray  # (n_channels,): -1 where the mirror also turns the channel round (sideways quantities)
    n_harmonics: int  # harmonics kept

    @property
    def n_coefficients(self) -> int:
        """Coefficients of a channel: mean, cosines, sines."""
        return 2 * self.n_harmonics + 1

    @property
    def alternation(self) -> np.ndarray:
        """Factor of each coefficient when the phase moves by half a stride, shape (n_coefficients,)."""
        harmonic = np.arange(1, self.n_harmonics + 1)
        turn = (-1.0) ** harmonic
        return np.concatenate([[1.0], turn, turn])

    def get_masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Mark the coefficients that stand for themselves in either part; (n_channels, n_coefficients)."""
        index = np.arange(len(self.channels))
        own = self.sign[:, None] * self.alternation[None, :]
        alone = (self.partner == index)[:, None]
        first = (index < self.partner)[:, None]
        return first | (alone & (own > 0)), first | (alone & (own < 0))

    def mirror(self, coefficients: np.ndarray) -> np.ndarray:
        """Mirror left and right."""
        return self.sign[:, None] * self.alternation * coefficients[:, self.partner]

    def split(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split coefficients into the symmetric and the antisymmetric part, without repetition; (n, ...)."""
        mirrored = self.mirror(coefficients)
        keep_symmetric, keep_antisymmetric = self.get_masks()
        symmetric = 0.5 * (coefficients + mirrored)[:, keep_symmetric]
        return symmetric, 0.5 * (coefficients - mirrored)[:, keep_antisymmetric]

    def merge(self, symmetric: np.ndarray, antisymmetric: np.ndarray) -> np.ndarray:
        """Undo `split`; shape (n, n_channels, n_coefficients)."""
        total = 0.0
        for values, keep, turn in zip((symmetric, antisymmetric), self.get_masks(), (1.0, -1.0), strict=True):
            part = np.zeros((len(values), *keep.shape))
            part[:, keep] = values
            second = np.flatnonzero(self.partner < np.arange(len(self.partner)))
            part[:, second] = turn * self.mirror(part)[:, second]
            total = total + part
        return total


def build_group(name: str, channels: list[str], n_harmonics: int) -> ChannelGroup:
    """Build the channel group of a variable from its channel names."""
    partner = np.array([channels.index(_exchange_sides(channel)) for channel in channels])
    sign = np.array([-1.0 if c.endswith("_z") or c.startswith(_LATERAL) else 1.0 for c in channels])
    return ChannelGroup(name, tuple(channels), partner, sign, n_harmonics)


def analyse_curves(curves: np.ndarray, n_harmonics: int) -> np.ndarray:
    """Compute the Fourier coefficients of periodic curves; shape (n, n_channels, 2 n_harmonics + 1)."""
    samples = np.asarray(curves, dtype=float)[:, :-1]
    spectrum = np.fft.rfft(samples, axis=1) / samples.shape[1]
    kept = 2.0 * spectrum[:, 1 : n_harmonics + 1]
    parts = [spectrum[:, :1].real, kept.real, -kept.imag]
    return np.concatenate(parts, axis=1).transpose(0, 2, 1)


def shift_coefficients(coefficients: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Move the phase of series: the result at phase p is the series at p + shift."""
    n_harmonics = (coefficients.shape[2] - 1) // 2
    angle = 2.0 * np.pi * np.arange(1, n_harmonics + 1) * np.asarray(shift)[:, None, None]
    along, across = (wave(angle).astype(coefficients.dtype) for wave in (np.cos, np.sin))
    cosine, sine = coefficients[..., 1 : n_harmonics + 1], coefficients[..., n_harmonics + 1 :]
    moved = [coefficients[..., :1], cosine * along + sine * across, sine * along - cosine * across]
    return np.concatenate(moved, axis=2)


def build_basis(n_harmonics: int, n_points: int) -> np.ndarray:
    """Build the matrix that turns coefficients into curves; shape (2 n_harmonics + 1, n_points)."""
    phase = np.arange(n_points) / (n_points - 1) % 1.0
    angle = 2.0 * np.pi * np.arange(1, n_harmonics + 1)[:, None] * phase[None, :]
    return np.concatenate([np.ones((1, n_points)), np.cos(angle), np.sin(angle)])


def _exchange_sides(channel: str) -> str:
    """The channel of the other side: 'knee_angle_r', or 'r_x' of a force."""
    foot, dash, axis = channel.partition("_")
    return f"{swap_side(foot)}_{axis}" if foot in SIDES and dash else swap_side(channel)


@dataclass
class Components:
    """Whitened principal components of a part; `share` is the weighted variance that each explains."""

    mean: np.ndarray
    to_vector: np.ndarray
    to_coefficients: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class VectorLayout:
    """What a network has to know about the entries of a vector.

    The first `n_conditions` of `n_entries` are conditions; `mirror_order` and `mirror_sign` (n_entries,) give
    the mirror; `derived` (k, n_conditions) sums of conditions that help to tell gaits; `weight` (n_entries,)
    the importance of the entries; `often_open` conditions that are often left open alone;
    `jitter` (n_entries,) the standard deviation of noise that training adds.
    """

    n_entries: int
    n_conditions: int
    mirror_order: np.ndarray
    mirror_sign: np.ndarray
    derived: np.ndarray
    weight: np.ndarray
    often_open: tuple[int, ...]
    jitter: np.ndarray | None = None


def fit_components(
    values: np.ndarray, explained: float, max_components: int, mean: np.ndarray, total: float | None = None
) -> Components:
    """Find the whitened principal components of a part."""
    centred = values - mean
    if len(centred) > 2 * centred.shape[1]:
        squared, axes = np.linalg.eigh(centred.T @ centred)
        singular, axes = np.sqrt(np.maximum(squared[::-1], 0.0)), axes[:, ::-1].T
    else:
        _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    power = singular**2
    total = float(power.sum()) if total is None else total
    if power.sum() < 1e-6 * total:
        count = 0
    else:
        count = int(np.searchsorted(np.cumsum(power) / power.sum(), explained) + 1)
    count = min(count, max_components, int((singular > 1e-6 * max(singular[0], 1e-12)).sum()))
    deviation = singular[:count] / np.sqrt(max(len(values) - 1, 1))
    return Components(
        mean=mean,
        to_vector=axes[:count].T / deviation,
        to_coefficients=axes[:count] * deviation[:, None],
        share=power[:count] / max(total, 1e-300),
    )


HARMONICS = {"position": 24, "activation": 24, "ground_force": 40, "joint_moment": 40}
"""Harmonics of a stride kept per variable (50 would be all)."""

WEIGHTS = {"position": 3.0, "activation": 1.0, "ground_force": 1.0, "joint_moment": 0.5}
"""Share of each variable in the principal components: body movement first."""

ACTIVATION_MARGIN = 0.02
_SMALLEST_SHIFT = 1e-4
_CONTACT_SHARE = 0.01


def build_groups() -> tuple[ChannelGroup, ...]:
    """List the channel groups of a Gait in the order of the vector."""
    forces = [f"{foot}_{axis}" for foot in SIDES for axis in AXES]
    channels = (list(COORDINATES), list(MUSCLES), forces, list(COORDINATES))
    return tuple(build_group(n, names, HARMONICS[n]) for n, names in zip(HARMONICS, channels, strict=True))


@dataclass
class GaitRepresentation:
    """Turns Gaits into vectors of standardised numbers and back."""

    explained: float = 0.9995  # share of the weighted variance that the kept components explain
    max_components: int = 64  # most components per part
    conditions: ConditionScale | None = None
    scales: dict[str, np.ndarray] = field(default_factory=dict)
    symmetric: Components | None = None
    antisymmetric: Components | None = None
    contact_scale: float = 0.0
    _synthesis: np.ndarray | None = None

    def fit(self, table: pd.DataFrame, gaits: xr.Dataset) -> GaitRepresentation:
        """Learn scales and components from a library."""
        if len(table) != gaits.sizes.get("gait", 0) or len(table) < 8:
            raise InputError(
                f"library: found {len(table)} table rows and {gaits.sizes.get('gait', 0)} gaits; "
                "expected the same number and at least 8."
            )
        self.conditions = fit_condition_scale(_take_realised(table, gaits))
        spread = float(np.sqrt((measure_contact_shift(gaits) ** 2).mean()))
        self.contact_scale = spread if spread > _SMALLEST_SHIFT else 0.0
        raw, _ = self._analyse(table, gaits)
        self.scales = {g.name: _compute_scale(g, raw[g.name]) for g in build_groups()}
        symmetric, antisymmetric = self._split(raw)
        kept, mean = (self.explained, self.max_components), symmetric.mean(axis=0)
        self.symmetric = fit_components(symmetric, *kept, mean)
        total = float(((symmetric - mean) ** 2).sum())
        self.antisymmetric = fit_components(antisymmetric, *kept, np.zeros(antisymmetric.shape[1]), total)
        self._synthesis = None
        return self

    @property
    def n_conditions(self) -> int:
        """Number of conditions."""
        return len(self.conditions.names)

    @property
    def n_antisymmetric(self) -> int:
        """Number of antisymmetric components (0 for a symmetric library)."""
        return self.antisymmetric.to_vector.shape[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries of a vector: conditions, then components."""
        symmetric = tuple(f"symmetric_{i}" for i in range(self.symmetric.to_vector.shape[1]))
        antisymmetric = tuple(f"antisymmetric_{i}" for i in range(self.n_antisymmetric))
        contact = ("antisymmetric_contact",) if self.contact_scale else ()
        return (*self.conditions.names, *symmetric, *antisymmetric, *contact)

    @property
    def shares(self) -> np.ndarray:
        """Share of the weighted variance of each entry after the conditions."""
        contact = [_CONTACT_SHARE] if self.contact_scale else []
        return np.concatenate([self.symmetric.share, self.antisymmetric.share, contact])

    def encode(self, table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
        """Turn Gaits into vectors; shape (n, len(names)."""
        raw, shift = self._analyse(table, gaits)
        symmetric, antisymmetric = self._split(raw)
        blocks = [
            self.conditions.encode(_take_realised(table, gaits)),
            (symmetric - self.symmetric.mean) @ self.symmetric.to_vector,
            antisymmetric @ self.antisymmetric.to_vector,
        ]
        if self.contact_scale:
            blocks.append(shift[:, None] / self.contact_scale)
        return np.concatenate(blocks, axis=1)

    def decode(
        self, vectors: np.ndarray, people: pd.DataFrame | None = None
    ) -> tuple[pd.DataFrame, xr.Dataset]:
        """Turn vectors into Gaits."""
        vectors = np.asarray(vectors, dtype=float)
        people = self.conditions.decode(vectors[:, : self.n_conditions]) if people is None else people
        table = self.describe(people)
        scalars = {name: table[name].to_numpy() for name in ("stride_time_s", "speed_mps")}
        ids = [str(n) for n in range(len(table))]
        return table, build_gait_set(ids, self.build_curves(vectors, table) | scalars)

    def describe(self, people: pd.DataFrame) -> pd.DataFrame:
        """Lay out everything that is known about strides before their curves."""
        table = self.conditions.complete(people.reset_index(drop=True))
        time = table["stride_time_s"]
        return table.assign(step_time_s=0.5 * time, cadence_spm=120.0 / time)

    def build_curves(self, vectors: np.ndarray, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """Build the curves of strides."""
        n = self.n_conditions
        n_components = len(self.symmetric.share) + self.n_antisymmetric
        shift = vectors[:, -1] * self.contact_scale if self.contact_scale else None
        return scale_to_bodies(table, self._synthesise(vectors[:, n : n + n_components], shift))

    def get_mirror(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the mirror as a permutation and a sign per entry; shape (len(names)."""
        names = list(self.names)
        order = [names.index(swap_side(n)) if swap_side(n) in names else i for i, n in enumerate(names)]
        return np.array(order), np.array([-1.0 if n.startswith("antisymmetric") else 1.0 for n in names])

    def get_layout(self) -> VectorLayout:
        """Describe the entries of a vector to a network."""
        shares = np.sqrt(self.shares)
        components = np.maximum(shares / max(shares.max(initial=0.0), 1e-12), 0.1)
        order, sign = self.get_mirror()
        return VectorLayout(
            n_entries=len(self.names),
            n_conditions=self.n_conditions,
            mirror_order=order,
            mirror_sign=sign,
            derived=self.conditions.derived,
            weight=np.concatenate([np.ones(self.n_conditions), components]),
            often_open=(self.names.index("stride_time_s"),),
        )

    def _analyse(self, table: pd.DataFrame, gaits: xr.Dataset) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Coefficients per variable, phase moved by the shift of the contacts, and that shift."""
        shift = measure_contact_shift(gaits) if self.contact_scale else np.zeros(len(table))
        units = compute_units(table["height_m"].to_numpy(dtype=float), table["mass_kg"].to_numpy(dtype=float))
        coefficients = {}
        for group in build_groups():
            curves = flatten_variable(gaits, group.name)
            if group.name == "activation":
                share = (np.clip(curves, 0.0, 1.0) + ACTIVATION_MARGIN) / (1.0 + 2.0 * ACTIVATION_MARGIN)
                curves = np.log(share / (1.0 - share))
            else:
                curves = curves / units[group.name]
            if group.name == "position":
                remove_travel(curves)
            coefficients[group.name] = shift_coefficients(analyse_curves(curves, group.n_harmonics), shift)
        coefficients["position"][:, _TX, 0] = 0.0  # where the stride starts is free: phase 0 is x = 0
        return coefficients, shift

    def _split(self, raw: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        parts = [g.split(raw[g.name] / self.scales[g.name][:, None]) for g in build_groups()]
        return np.concatenate([p[0] for p in parts], axis=1), np.concatenate([p[1] for p in parts], axis=1)

    def _synthesise(self, components: np.ndarray, shift: np.ndarray | None) -> dict[str, np.ndarray]:
        """Curves per variable, shape (n, 101, n_channels), still in shares of the body."""
        if self._synthesis is None:
            probe = np.vstack([np.zeros(components.shape[1]), np.eye(components.shape[1])])
            self._synthesis = self._merge_coefficients(probe).astype(np.float32)
        offset, matrix = self._synthesis[0], self._synthesis[1:] - self._synthesis[0]
        flat = components.astype(np.float32) @ matrix + offset
        curves, start = {}, 0
        for group in build_groups():
            stop = start + len(group.channels) * group.n_coefficients
            coefficients = flat[:, start:stop].reshape(len(flat), -1, group.n_coefficients)
            if shift is not None:
                coefficients = shift_coefficients(coefficients, -shift)
            basis = build_basis(group.n_harmonics, N_PHASE).astype(np.float32)
            curves[group.name] = (coefficients @ basis).transpose(0, 2, 1)
            start = stop
        share = 1.0 / (1.0 + np.exp(-curves["activation"]))
        share = share * (1.0 + 2.0 * ACTIVATION_MARGIN) - ACTIVATION_MARGIN
        curves["activation"] = np.clip(share, 0.0, 1.0)
        return curves

    def _merge_coefficients(self, components: np.ndarray) -> np.ndarray:
        """Fourier coefficients of all channels, flat."""
        n_symmetric = self.symmetric.to_vector.shape[1]
        symmetric = components[:, :n_symmetric] @ self.symmetric.to_coefficients + self.symmetric.mean
        antisymmetric = components[:, n_symmetric:] @ self.antisymmetric.to_coefficients
        flat, starts = [], [0, 0]
        for group in build_groups():
            stops = [start + int(mask.sum()) for start, mask in zip(starts, group.get_masks(), strict=True)]
            merged = group.merge(symmetric[:, starts[0] : stops[0]], antisymmetric[:, starts[1] : stops[1]])
            flat.append((merged * self.scales[group.name][:, None]).reshape(len(components), -1))
            starts = stops
        return np.concatenate(flat, axis=1)


def _take_realised(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    time = gaits["stride_time_s"].to_numpy()
    known = table.drop(columns=[name for name in table if is_impairment(name)])
    known = known.assign(stride_time_s=time, speed_mps=compute_travel(gaits) / time)
    return known.join(spread_impairments(table))


def _compute_scale(group: ChannelGroup, coefficients: np.ndarray) -> np.ndarray:
    """One scale per kind of channel, so that large curves weigh more than small ones of the same kind."""
    variance = 0.5 * coefficients[..., 1:].var(axis=0).sum(axis=1) + coefficients[..., 0].var(axis=0)
    kinds = np.isin(group.channels, TRANSLATIONS)
    scale = np.ones(len(group.channels))
    for kind in (kinds, ~kinds):
        if kind.any():
            scale[kind] = np.sqrt(variance[kind].mean()) / WEIGHTS[group.name]
    return np.maximum(scale, 1e-9)
