"""What all trainings share: weights from a generator, steps, averaging, checkpoints (imports torch)."""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from gaitlib.environment import write_atomically
from gaitlib.errors import InputError


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run torch on one thread: for networks this small two are slower, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def build_network(build: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Build a network whose weights a generator draws; torch's global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        network = build()
    _draw_weights(network, generator)
    return network


def _draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of layers as torch does, in the order in which they were built."""
    for child in module.children():
        _draw_weights(child, generator)
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
        if module.bias is not None:
            bound = 1 / math.sqrt(module.weight[0].numel())
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, generator=generator)
    if hasattr(module, "start"):
        module.start(generator)


def compute_rate(peak: float, progress: float, lowest: float, warm: float = 1.0) -> float:
    """Compute a learning rate: warm-up, then a cosine down to a share of the peak."""
    return peak * min(1.0, warm) * (lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * progress)))


def take_step(optimiser: torch.optim.Optimizer, loss: torch.Tensor, rate: float | None = None) -> None:
    """Take one step of an optimiser, gradients clipped."""
    for group in optimiser.param_groups:
        group["lr"] = group["lr"] if rate is None else rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
    optimiser.step()


@torch.no_grad()
def update_average(
    average: Iterable[torch.Tensor], current: Iterable[torch.Tensor], decay: float, step: int
) -> None:
    """Move a running average of weights towards the current ones, faster in the first steps."""
    torch._foreach_lerp_(list(average), list(current), 1.0 - min(decay, (1.0 + step) / (10.0 + step)))


def save_checkpoint(path: Path, state: dict) -> None:
    """Write a checkpoint; an interruption leaves the one before."""
    write_atomically(path, lambda partial: torch.save(state, partial))


def load_checkpoint(path: Path | None) -> dict | None:
    """Read a checkpoint, None where there is none; what it holds cannot run code."""
    if path is None or not path.is_file():
        return None
    try:
        return torch.load(path, weights_only=True)
    except (RuntimeError, ValueError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"checkpoint {path.name}: cannot be taken up ({type(error).__name__}); expected the checkpoint "
            "of this training. Delete it to start afresh."
        ) from None


def fingerprint(function: Callable | None) -> str:
    """Tell apart what functions do, for the names of checkpoints; '' for None."""
    if function is None:
        return ""
    code = function.__code__
    return hashlib.sha256(repr((code.co_code, code.co_consts, code.co_names)).encode()).hexdigest()
