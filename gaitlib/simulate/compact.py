"""The compact forms of a release: planar curves as integers of their shapes, those in space as steps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.errors import WorkError
from gaitlib.gait import COORDINATES, MUSCLES, N_PHASE, SIDES, TRANSLATIONS, swap_side

TOLERANCES = {"angle": np.radians(0.2), "translation": 1e-3, "activation": 0.005, "ground_force": 0.002,
              "joint_moment": 0.002}  # fmt: skip
"""Largest error of any gait: rad, m, 1, body weights, body weights times metre."""
UNITS = {"angle": "deg", "translation": "mm", "activation": "of 1", "ground_force": "% of body weight",
         "joint_moment": "% of body weight times metre"}  # fmt: skip
"""In which errors are stated."""
_STATED = dict(zip(UNITS, (np.degrees(1), 1000, 1, 100, 100), strict=True))

FORM = "compact 2"
"""Name of this form; another one, or other weights below, would decode to other curves."""
_STEP = 0.6
"""Of a coefficient, in tolerances: hardly a curve then needs a correction."""
_BASIS_STEP = 0.07
_LEAST = 0.35
"""Components that deviate by a smaller share of a step are left out: nearly all of it would be zero."""
_KNEE = 8.0
"""From about this harmonic on positions are held ever closer, so that accelerations can be had from them."""
_TRUNK = 5.0
"""So much closer are pelvis and trunk held: they are heavy, and carry sensors and the residual force."""
_BLOCK = 65_536

_N = N_PHASE - 1
_MOMENTS = [name for name in COORDINATES if not name.startswith("pelvis")]  # nobody pushes at the pelvis
_FORCES = [f"{axis}_{side}" for side in SIDES for axis in "xy"]
_CHANNELS = [
    *(("translation" if name in TRANSLATIONS else "angle", name) for name in COORDINATES),
    *(("activation", name) for name in MUSCLES),
    *(("ground_force", name) for name in _FORCES),
    *(("joint_moment", name) for name in _MOMENTS),
]
_TOLERANCE = np.array([TOLERANCES[kind] for kind, _ in _CHANNELS], np.float32)
_RIGHT = [n for n, (_, name) in enumerate(_CHANNELS) if name.endswith("_r")]
_LEFT = [_CHANNELS.index((_CHANNELS[n][0], swap_side(_CHANNELS[n][1]))) for n in _RIGHT]
_MIDDLE = [n for n in range(len(_CHANNELS)) if n not in (*_RIGHT, *_LEFT)]
_PARTS = np.cumsum([0, len(COORDINATES), len(MUSCLES), len(_FORCES)])
_QUANTITIES = (("position", 4, 4), ("activation", 0, 9), ("ground_force", 0, 2), ("joint_moment", 1, 4))
"""Quantity, channels in the middle, channels of a side; as in `_CHANNELS`, middle, right, left."""
_HALF = _N // 2
_TRAVEL = COORDINATES.index("pelvis_tx")
_HARMONIC = (np.arange(_N) + 1) // 2
_EVEN = _HARMONIC % 2 == 0


def encode_curves(gaits: xr.Dataset) -> tuple[xr.Dataset, dict, dict[str, float]]:
    """Encode the curves of a gait set."""
    weight_n = gaits["ground_force"].values[:, :-1, :, 1].sum(axis=2).mean(axis=1).astype(np.float32)
    exact = _flatten({name: gaits[name].values for name, *_ in _QUANTITIES}, gaits, weight_n)
    vectors = _split((exact / _TOLERANCE[:, None]) @ _make_fourier().T * _weigh())
    sided = np.flatnonzero(np.abs(vectors[1]).max(axis=1) > _STEP)
    arrays = {"weight_n": ("gait", weight_n), "sided": ("sided_gait", sided.astype(np.int32))}
    for name, values in (("shared", vectors[0]), ("difference", vectors[1][sided])):
        mean = values.mean(axis=0) if len(values) else np.zeros(values.shape[1], np.float32)
        numbers, components, steps = _reduce(values - mean)
        dims = ("gait" if name == "shared" else "sided_gait", f"component_{name}", f"entry_{name}")
        arrays[f"{name}_mean"] = (dims[2], mean)
        arrays[f"{name}_step"] = (dims[1], steps)
        arrays[f"{name}_basis"] = (dims[1:], fold(components))
        arrays[f"{name}_coefficient"] = ((dims[1], dims[0]), fold(numbers.T))
    arrays["corrected"] = (("correction", "place"), np.zeros((0, 2), np.int32))
    arrays["correction"] = (("correction", "point"), np.zeros((0, _N), np.int8))
    rest = (exact - _decode_again(arrays, gaits)) / _TOLERANCE[:, None]
    where = np.argwhere(np.abs(rest).max(axis=2) > 1)
    steps = np.rint(rest[tuple(where.T)]).clip(-127, 127).astype(np.int8)
    arrays["corrected"] = (("correction", "place"), where.astype(np.int32))
    arrays["correction"] = (("correction", "point"), steps)
    rest = np.abs(exact - _decode_again(arrays, gaits)).max(axis=(0, 2))
    if not (rest <= _TOLERANCE * 1.001).all():
        kind, name = _CHANNELS[int(np.argmax(rest / _TOLERANCE))]
        raise WorkError(f"curves of {kind} {name} cannot be stored within {TOLERANCES[kind]:.3g}.")
    errors = {
        kind: float(_STATED[kind] * rest[[channel[0] == kind for channel in _CHANNELS]].max())
        for kind in TOLERANCES
    }
    compact = gaits.drop_vars(["position", "activation", "ground_force", "joint_moment"]).assign(arrays)
    compact.attrs["form"] = FORM
    encoding = {
        name: {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": _find_chunk(values.shape)}
        for name, (_, values) in arrays.items()
        if values.size
    }
    encoding["gait"] = {"dtype": "S1"}  # strings of any length take four times the room
    return compact, encoding, errors


STEPS_FORM = "steps 1"
"""Name of the form of curves in space."""
_STEPS = TOLERANCES | {"angle": np.radians(0.02), "translation": 1e-4}
"""Positions are held closer, so that accelerations can be had from them."""


def encode_steps(gaits: xr.Dataset, mirrored: tuple[str, ...]) -> tuple[xr.Dataset, dict, dict[str, float]]:
    """Encode curves in space: changes from point to point in whole tolerances, half a stride of what both
    sides share and, where they differ, of how. `mirrored` coordinates change their sign in the mirror.
    """
    weight_n = gaits["ground_force"].values[:, :-1, :, 1].sum(axis=2).mean(axis=1).astype(np.float32)
    travel = (gaits["speed_mps"] * gaits["stride_time_s"]).values
    kinds, order, signs = _lay_out(gaits["coordinate"].values, gaits["muscle"].values, mirrored)
    step = np.array([_STEPS[kind] for kind in kinds])
    exact = _stack({name: gaits[name].values[:, :-1] for name, *_ in _QUANTITIES}, weight_n)
    forward = list(gaits["coordinate"].values).index("pelvis_tx")
    exact[..., forward] -= travel[:, None] * (np.arange(_N) / _N)
    steps = np.rint(exact / step).astype(np.int32)
    first, second = steps[:, :_HALF], (signs * steps[:, _HALF:][..., order]).astype(np.int32)
    sided = np.flatnonzero((np.abs(first - second) > 1).any(axis=(1, 2)))
    arrays = {"weight_n": ("gait", weight_n), "sided": ("sided_gait", sided.astype(np.int32))}
    arrays |= {"mirrored": ("mirrored_coordinate", np.array(mirrored, dtype="S20"))}
    for name, values in (("first_half", first), ("other_half", second[sided] - first[sided])):
        change = np.diff(values.transpose(2, 0, 1), axis=2, prepend=0)
        who = "gait" if name == "first_half" else "sided_gait"
        arrays[name] = (("channel", who, "point"), fold(change))
    compact = gaits.drop_vars([name for name, *_ in _QUANTITIES]).assign(arrays)
    compact.attrs["form"] = STEPS_FORM
    encoding = {
        name: {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": (1, *arrays[name][1].shape[1:])}
        for name in ("first_half", "other_half")
        if arrays[name][1].size
    }
    encoding |= dict.fromkeys(("gait", "coordinate", "muscle"), {"dtype": "S1"})
    needed = (*arrays, "speed_mps", "stride_time_s", "coordinate", "muscle")
    plain = {name: compact[name].values for name in needed}
    back = decode_steps(plain)
    back["position"][..., forward] -= travel[:, None] * np.linspace(0, 1, N_PHASE)
    again = _stack({name: value[:, :-1] for name, value in back.items()}, weight_n)
    rest = np.abs(exact - again).max(axis=(0, 1))
    errors = {k: float(_STATED[k] * rest[[kind == k for kind in kinds]].max()) for k in TOLERANCES}
    if not (rest <= 1.6 * step).all():  # half a step, and one more where sides differ by one
        raise WorkError("curves in space cannot be stored within their tolerances.")
    return compact, encoding, errors


def decode_steps(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Decode curves in space."""
    coordinates, muscles = arrays["coordinate"], arrays["muscle"]
    mirrored = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in arrays["mirrored"])
    kinds, order, signs = _lay_out(coordinates, muscles, mirrored)
    step = np.array([_STEPS[kind] for kind in kinds], np.float32)
    first, other = (
        np.cumsum(unfold(arrays[name]), axis=2, dtype=np.int32).transpose(1, 2, 0)
        for name in ("first_half", "other_half")
    )
    second = first.copy()
    second[arrays["sided"]] += other
    second = (signs * second)[..., order]
    whole = np.concatenate([first, second, first[:, :1]], axis=1).astype(np.float32) * step
    n, m = len(coordinates), len(muscles)
    curves = {"position": whole[..., :n], "activation": np.clip(whole[..., n : n + m], 0, 1)}
    forces = whole[..., n + m :] * arrays["weight_n"][:, None, None]
    curves["ground_force"] = forces[..., :6].reshape(*forces.shape[:2], len(SIDES), 3)
    curves["joint_moment"] = forces[..., 6:]
    travel = arrays["speed_mps"] * arrays["stride_time_s"]
    forward = list(coordinates).index("pelvis_tx")
    curves["position"][..., forward] += (travel[:, None] * np.linspace(0, 1, N_PHASE)).astype(np.float32)
    curves["position"][..., forward] -= curves["position"][:, :1, forward].copy()
    return curves


def _lay_out(coordinates, muscles, mirrored) -> tuple[list[str], list[int], np.ndarray]:
    """Kind of every channel, its place after left and right are exchanged, and its sign then."""
    channels = [*(("translation" if c in TRANSLATIONS else "angle", c) for c in map(str, coordinates))]
    channels += [("activation", str(m)) for m in muscles]
    channels += [("ground_force", f"{axis}_{side}") for side in SIDES for axis in "xyz"]
    channels += [("joint_moment", str(c)) for c in coordinates]
    order = [channels.index((kind, swap_side(name))) for kind, name in channels]
    turned = (*mirrored, "z_r", "z_l")
    return [kind for kind, _ in channels], order, np.array([-1 if n in turned else 1 for _, n in channels])


def _stack(curves: dict[str, np.ndarray], weight_n: np.ndarray) -> np.ndarray:
    """Curves (gait, point, channel), forces over the weight (N)."""
    n, points = curves["position"].shape[:2]
    forces = (curves["ground_force"].reshape(n, points, -1), curves["joint_moment"])
    scaled = [value / weight_n[:, None, None] for value in forces]
    return np.concatenate([curves["position"], curves["activation"], *scaled], axis=2).astype(float)


def _decode_again(arrays: dict, gaits: xr.Dataset) -> np.ndarray:
    scalars = {name: gaits[name].values for name in ("speed_mps", "stride_time_s")}
    plain = {name: values for name, (_, values) in arrays.items()}
    return _flatten(decode_curves(plain | scalars), gaits, plain["weight_n"])


def decode_curves(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Decode the curves of a gait set."""
    n, curves = len(arrays["weight_n"]), {}
    shared, difference = (_expand(arrays, name) for name in ("shared", "difference"))
    sided, pair, middle = arrays["sided"], 0, 0
    for part, (name, n_middle, n_pairs) in enumerate(_QUANTITIES):
        values = curves[name] = np.empty((n, N_PHASE, n_middle + 2 * n_pairs), np.float32)
        sides = (slice(n_middle, n_middle + n_pairs), slice(n_middle + n_pairs, None))
        for own, sign in ((shared, 1), (difference, -1)):
            paired, single = own[0][..., pair : pair + n_pairs], own[1][..., middle : middle + n_middle]
            whole = np.empty((len(paired), _N, values.shape[2]), np.float32)
            whole[:, :_HALF, :n_middle], whole[:, _HALF:, :n_middle] = single, sign * single
            whole[..., sides[0]] = paired
            whole[:, :_HALF, sides[1]] = sign * paired[:, _HALF:]
            whole[:, _HALF:, sides[1]] = sign * paired[:, :_HALF]
            if own is shared:
                values[:, :-1] = whole
            else:
                values[sided, :-1] += whole
        pair, middle = pair + n_pairs, middle + n_middle
        if name == "position":
            values[..., _TRAVEL] -= values[:, :1, _TRAVEL]
        if name == "activation":
            np.clip(values, 0, 1, out=values)
        first = _PARTS[part]
        for (gait, channel), steps in zip(arrays["corrected"], arrays["correction"], strict=True):
            if 0 <= channel - first < values.shape[2]:
                values[gait, :-1, channel - first] += steps * _TOLERANCE[channel]
        values[:, -1] = values[:, 0]
        if name in ("ground_force", "joint_moment"):
            values *= arrays["weight_n"][:, None, None]
    travel = arrays["speed_mps"] * arrays["stride_time_s"]
    curves["position"][..., _TRAVEL] += travel[:, None] * np.linspace(0, 1, N_PHASE)
    force, moment = curves["ground_force"], curves["joint_moment"]
    curves["ground_force"] = np.zeros((n, N_PHASE, len(SIDES), 3), np.float32)
    curves["ground_force"][..., :2] = force.reshape(n, N_PHASE, len(SIDES), 2)
    curves["joint_moment"] = np.zeros((n, N_PHASE, len(COORDINATES)), np.float32)
    curves["joint_moment"][..., -moment.shape[2] :] = moment  # nobody pushes at the pelvis
    return curves


def _expand(arrays: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients times the basis, itself turned into curves: (gait, 100, pair) and (gait, 50, middle)."""
    basis = unfold(arrays[f"{name}_basis"]).astype(np.float32) * arrays[f"{name}_step"][:, None]
    basis = np.concatenate([arrays[f"{name}_mean"][None], basis]).astype(np.float32)
    coefficients = unfold(arrays[f"{name}_coefficient"]).astype(np.float32) * np.float32(_STEP)
    coefficients = np.pad(coefficients, ((1, 0), (0, 0)), constant_values=1)
    cut, fourier = len(_RIGHT) * _N, _make_fourier()
    rows = _EVEN if name == "shared" else ~_EVEN
    scale = (_TOLERANCE[:, None] / _weigh()).astype(np.float32)
    paired = basis[:, :cut].reshape(len(basis), -1, _N) * scale[_RIGHT] * np.sqrt(0.5, dtype=np.float32)
    middle = basis[:, cut:].reshape(len(basis), -1, _HALF) * scale[_MIDDLE][:, rows]
    found = []
    for curves in (paired @ fourier, middle @ fourier[rows][:, :_HALF]):
        curves = curves.transpose(0, 2, 1)
        values = coefficients.T @ np.ascontiguousarray(curves).reshape(len(basis), -1)
        found.append(values.reshape(len(values), *curves.shape[1:]))
    return tuple(found)


def _flatten(curves: dict[str, np.ndarray], gaits: xr.Dataset, weight_n: np.ndarray) -> np.ndarray:
    """Curves (gait, channel, 100) without travel, forces over the weight (N)."""
    n = len(weight_n)
    position = curves["position"][:, :-1].astype(float)
    travel = (gaits["speed_mps"] * gaits["stride_time_s"]).values
    position[:, :, _TRAVEL] -= travel[:, None] * (np.arange(_N) / _N)
    forces = (curves["ground_force"][:, :-1, :, :2].reshape(n, _N, -1), curves["joint_moment"][:, :-1, 3:])
    whole = [position, curves["activation"][:, :-1], *(v / weight_n[:, None, None] for v in forces)]
    return np.concatenate(whole, axis=2).transpose(0, 2, 1).astype(np.float32)


def _make_fourier() -> np.ndarray:
    """Orthonormal: a constant, cosine and sine of each harmonic, the highest cosine."""
    angle = 2 * np.pi * np.outer(_HARMONIC, np.arange(_N)) / _N
    rows = np.where(np.arange(_N)[:, None] % 2, np.cos(angle), np.sin(angle)) * np.sqrt(2 / _N)
    rows[0], rows[-1] = np.sqrt(1 / _N), np.cos(np.pi * np.arange(_N)) / np.sqrt(_N)
    return rows.astype(np.float32)


def _weigh() -> np.ndarray:
    weights = np.ones((len(_CHANNELS), _N), np.float32)
    weights[: _PARTS[1]] = np.sqrt(1 + (_HARMONIC / _KNEE) ** 4)
    trunk = [n for n, name in enumerate(COORDINATES) if name.startswith(("pelvis", "lumbar"))]
    weights[trunk] *= _TRUNK
    return weights


def _split(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(gait, channel, 100) to what both sides share and how they differ, each (gait, entry)."""
    n = len(coefficients)
    right, left = coefficients[:, _RIGHT], coefficients[:, _LEFT] * np.where(_EVEN, 1, -1).astype(np.float32)
    middle = coefficients[:, _MIDDLE]
    both = ((right + left, middle[..., _EVEN]), (right - left, middle[..., ~_EVEN]))
    return tuple(np.hstack([(side * np.sqrt(0.5, dtype=np.float32)).reshape(n, -1), rest.reshape(n, -1)])
                 for side, rest in both)  # fmt: skip


def _reduce(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole coefficients (gait, component), whole components and the steps of these."""
    if not len(values):
        return np.zeros((0, 0), int), np.zeros((0, values.shape[1]), int), np.zeros(0, np.float32)
    _, sizes, components = np.linalg.svd(values, full_matrices=False)
    deviation = sizes / np.sqrt(len(values))
    components, deviation = components[deviation > _LEAST * _STEP], deviation[deviation > _LEAST * _STEP]
    numbers = np.rint(values @ components.T / _STEP).astype(np.int32)
    # The rarer a component is far from zero, the coarser it may be: what counts is the error of the sum.
    steps = _BASIS_STEP * _STEP / np.maximum(deviation, _STEP) / np.sqrt(max(len(deviation), 100) / 100)
    steps = steps.astype(np.float32)
    return numbers, np.rint(components / steps[:, None]).astype(np.int32), steps


def fold(values: np.ndarray) -> np.ndarray:
    """Fold 0, -1, 1, -2 ... to 0, 1, 2, 3 ...: high bytes of small numbers of either sign are then zero."""
    values = np.asarray(values, np.int32)
    return ((values << 1) ^ (values >> 31)).astype(np.uint32)


def unfold(values: np.ndarray) -> np.ndarray:
    """Undo `fold`."""
    return (values >> 1).astype(np.int32) ^ -(values & 1).astype(np.int32)


def _find_chunk(shape: tuple[int, ...]) -> tuple[int, ...]:
    """As many rows together as make one block of the deflater, which finds the statistics of each block."""
    return (min(shape[0], max(1, _BLOCK // max(1, int(np.prod(shape[1:]))))), *shape[1:])
