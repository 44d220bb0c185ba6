"""Truncated Fourier series of the curves of a stride, split into a symmetric and an antisymmetric part.

A series is periodic in value and slope by construction. The mirror of a stride exchanges the sides and
moves the phase by half a stride; harmonic k then changes its sign with (-1)^k. Every set of curves is the
sum of a part that the mirror leaves as it is and a part that it turns round, so a stride whose second part
is zero is symmetric by construction, and the mirror of any stride is a change of sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.gait import SIDES

_LATERAL = ("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation")


@dataclass(frozen=True)
class ChannelGroup:
    """The channels of one variable and how the mirror maps them.

    Attributes
    ----------
    name : str
        Variable of the Gait.
    channels : tuple of str
        Flat channel names.
    partner : array of int, shape (n_channels,)
        Channel that takes this one's place in the mirror (itself for the trunk).
    sign : array, shape (n_channels,)
        -1 where the mirror also turns the channel round (sideways quantities).
    n_harmonics : int
        Harmonics kept.
    """

    name: str
    channels: tuple[str, ...]
    partner: np.ndarray
    sign: np.ndarray
    n_harmonics: int

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
        """Mark the coefficients that stand for themselves in either part.

        Returns
        -------
        tuple of array of bool, shape (n_channels, n_coefficients)
            Coefficients of the symmetric and of the antisymmetric part; those of the second channel of a
            pair follow from the first.
        """
        index = np.arange(len(self.channels))
        own = self.sign[:, None] * self.alternation[None, :]
        alone = (self.partner == index)[:, None]
        first = (index < self.partner)[:, None]
        return first | (alone & (own > 0)), first | (alone & (own < 0))

    def mirror(self, coefficients: np.ndarray) -> np.ndarray:
        """Mirror left and right.

        Parameters
        ----------
        coefficients : array, shape (n, n_channels, n_coefficients)
            As `analyse_curves` returns.

        Returns
        -------
        array, same shape
            Coefficients of the mirrored strides.
        """
        return self.sign[:, None] * self.alternation * coefficients[:, self.partner]

    def split(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split coefficients into the symmetric and the antisymmetric part, without repetition.

        Parameters
        ----------
        coefficients : array, shape (n, n_channels, n_coefficients)
            As `analyse_curves` returns.

        Returns
        -------
        tuple of array, shape (n, n_symmetric) and (n, n_antisymmetric)
            The two parts, flat.
        """
        mirrored = self.mirror(coefficients)
        keep_symmetric, keep_antisymmetric = self.get_masks()
        symmetric = 0.5 * (coefficients + mirrored)[:, keep_symmetric]
        return symmetric, 0.5 * (coefficients - mirrored)[:, keep_antisymmetric]

    def merge(self, symmetric: np.ndarray, antisymmetric: np.ndarray) -> np.ndarray:
        """Undo `split`.

        Parameters
        ----------
        symmetric, antisymmetric : array, shape (n, n_symmetric) and (n, n_antisymmetric)
            The two parts.

        Returns
        -------
        array, shape (n, n_channels, n_coefficients)
            Fourier coefficients.
        """
        total = 0.0
        for values, keep, turn in zip((symmetric, antisymmetric), self.get_masks(), (1.0, -1.0), strict=True):
            part = np.zeros((len(values), *keep.shape))
            part[:, keep] = values
            second = np.flatnonzero(self.partner < np.arange(len(self.partner)))
            part[:, second] = turn * self.mirror(part)[:, second]
            total = total + part
        return total


def build_group(name: str, channels: list[str], n_harmonics: int) -> ChannelGroup:
    """Build the channel group of a variable from its channel names.

    Parameters
    ----------
    name : str
        Variable.
    channels : list of str
        Names ending in `_r`/`_l` for sides; force channels are named `foot_axis` as `r_x`.
    n_harmonics : int
        Harmonics kept, at most 49.

    Returns
    -------
    ChannelGroup
        With partners and signs found from the names.
    """
    partner = np.array([channels.index(_swap(channel)) for channel in channels])
    sign = np.array([-1.0 if c.endswith("_z") or c.startswith(_LATERAL) else 1.0 for c in channels])
    return ChannelGroup(name, tuple(channels), partner, sign, n_harmonics)


def analyse_curves(curves: np.ndarray, n_harmonics: int) -> np.ndarray:
    """Compute the Fourier coefficients of periodic curves.

    Parameters
    ----------
    curves : array, shape (n, 101, n_channels)
        Samples from 0 to 100 % of the stride; the last repeats the first and is not used.
    n_harmonics : int
        Harmonics kept.

    Returns
    -------
    array, shape (n, n_channels, 2 n_harmonics + 1)
        Mean, cosine and sine coefficients.
    """
    samples = np.asarray(curves, dtype=float)[:, :-1]
    spectrum = np.fft.rfft(samples, axis=1) / samples.shape[1]
    kept = 2.0 * spectrum[:, 1 : n_harmonics + 1]
    parts = [spectrum[:, :1].real, kept.real, -kept.imag]
    return np.concatenate(parts, axis=1).transpose(0, 2, 1)


def shift_coefficients(coefficients: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Move the phase of series: the result at phase p is the series at p + shift.

    Parameters
    ----------
    coefficients : array, shape (n, n_channels, 2 n_harmonics + 1)
        As `analyse_curves` returns.
    shift : array, shape (n,)
        Share of the stride.

    Returns
    -------
    array, same shape
        Coefficients of the moved series.
    """
    n_harmonics = (coefficients.shape[2] - 1) // 2
    angle = 2.0 * np.pi * np.arange(1, n_harmonics + 1) * np.asarray(shift)[:, None, None]
    along, across = (wave(angle).astype(coefficients.dtype) for wave in (np.cos, np.sin))
    cosine, sine = coefficients[..., 1 : n_harmonics + 1], coefficients[..., n_harmonics + 1 :]
    moved = [coefficients[..., :1], cosine * along + sine * across, sine * along - cosine * across]
    return np.concatenate(moved, axis=2)


def build_basis(n_harmonics: int, n_points: int) -> np.ndarray:
    """Build the matrix that turns coefficients into curves.

    Parameters
    ----------
    n_harmonics : int
        Harmonics kept.
    n_points : int
        Points from 0 to 100 % of the stride, both ends included.

    Returns
    -------
    array, shape (2 n_harmonics + 1, n_points)
        Rows: constant, cosines, sines.
    """
    phase = np.arange(n_points) / (n_points - 1) % 1.0
    angle = 2.0 * np.pi * np.arange(1, n_harmonics + 1)[:, None] * phase[None, :]
    return np.concatenate([np.ones((1, n_points)), np.cos(angle), np.sin(angle)])


def _swap(channel: str) -> str:
    foot, dash, axis = channel.partition("_")
    if foot in SIDES and dash:
        return f"{SIDES[1 - SIDES.index(foot)]}_{axis}"
    for side, other in (SIDES, SIDES[::-1]):
        if channel.endswith(f"_{side}"):
            return channel[: -len(side)] + other
    return channel
