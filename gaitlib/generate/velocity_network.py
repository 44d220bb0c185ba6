"""The velocity field of the flow: a small residual network with any entry of the vector known or open.

Imports torch: only modules that train or sample import this one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from gaitlib.generate.representation import VectorLayout


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run torch on one thread: for networks this small two are slower, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class VelocityNetwork(nn.Module):
    """Velocity that carries noise at time 0 to vectors of strides at time 1.

    Known entries enter with their clean value and a mask bit and get no velocity; open entries enter as
    they stand on their way. Where all they need is known, the derived quantities of the layout enter too.
    The output is preconditioned: for standard normal data without conditions the best velocity is
    (2t - 1) / (t^2 + (1 - t)^2) x, and the network only learns what differs from it.

    Parameters
    ----------
    layout : VectorLayout
        Entries of a vector.
    hidden, n_blocks, n_frequencies : int
        Width, residual blocks and frequencies of the time embedding.
    """

    def __init__(self, layout: VectorLayout, hidden: int, n_blocks: int, n_frequencies: int) -> None:
        super().__init__()
        n_entries, n_maskable = layout.n_entries, layout.n_conditions
        n_derived = len(layout.derived)
        self.n_maskable = n_maskable
        self.entrance = nn.Linear(n_entries + n_maskable, hidden)
        self.time = nn.Linear(2 * n_frequencies + 2 * n_maskable + 2 * n_derived, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(n_blocks))
        self.first = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(n_blocks))
        self.shift = nn.Linear(hidden, hidden, bias=False)
        self.second = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(n_blocks))
        self.exit = nn.Linear(hidden, n_entries)
        sign = torch.as_tensor(layout.mirror_sign, dtype=torch.float32)
        derived = torch.as_tensor(layout.derived.T, dtype=torch.float32)
        frequency = math.pi * torch.arange(1, n_frequencies + 1)
        self.register_buffer("frequency", frequency, persistent=False)
        self.register_buffer("derived", derived.contiguous(), persistent=False)
        self.register_buffer("needed", (derived != 0).float(), persistent=False)
        self.register_buffer("mirror_order", torch.as_tensor(layout.mirror_order), persistent=False)
        self.register_buffer("mirror_sign", sign, persistent=False)
        self.odd_entry = int(np.flatnonzero(layout.mirror_sign < 0)[-1]) if (sign < 0).any() else None

    def forward(self, x: torch.Tensor, t: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Compute the velocity; shape (n, n_entries)."""
        spread = t**2 + (1.0 - t) ** 2
        field = self._run(x, t, known)
        return ((2.0 * t - 1.0) / spread * x + field / spread.sqrt()) * (1.0 - known)

    def _run(self, x: torch.Tensor, t: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        mask = known[:, : self.n_maskable]
        given = x[:, : self.n_maskable] * mask
        told = ((1.0 - mask) @ self.needed < 0.5).float()
        angle = t * self.frequency
        h = self.entrance(torch.cat([x, mask], dim=1))
        context = [angle.cos(), angle.sin(), given, mask, given @ self.derived * told, told]
        context = torch.cat(context, dim=1)
        shift = self.shift(nn.functional.silu(self.time(context)))
        for norm, first, second in zip(self.norms, self.first, self.second, strict=True):
            h = h + second(nn.functional.silu(first(norm(h)) + shift))
        return self.exit(h)


def initialise_network(network: VelocityNetwork, generator: torch.Generator) -> None:
    """Set the weights from a generator, so that the global random state is neither used nor changed."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        for second in network.second:
            second.weight.mul_(0.1)
        network.exit.weight.zero_()


def compute_flow_loss(
    network: VelocityNetwork,
    clean: torch.Tensor,
    known: torch.Tensor,
    weight: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Compute the conditional flow-matching loss (straight paths from noise to data); shape ().

    Lipman et al. 2023, Flow matching for generative modeling, arXiv 2210.02747.
    """
    device = clean.device
    noise = torch.randn(clean.shape, generator=generator).to(device)
    t = torch.rand((len(clean), 1), generator=generator).to(device)
    path = torch.where(known > 0, clean, (1.0 - t) * noise + t * clean)
    error = (network(path, t, known) - (clean - noise)) ** 2 * (1.0 - known) * weight
    spread = t**2 + (1.0 - t) ** 2
    return (error * spread).sum() / ((1.0 - known) * weight).sum()


@torch.no_grad()
def integrate_flow(
    network: VelocityNetwork, noise: torch.Tensor, clean: torch.Tensor, known: torch.Tensor, n_steps: int
) -> torch.Tensor:
    """Carry noise to vectors with Heun's method; shape (n, n_entries)."""
    x = torch.where(known > 0, clean, noise)
    step = 1.0 / n_steps
    for index in range(n_steps):
        t = torch.full((len(x), 1), index * step, device=x.device)
        slope = network(x, t, known)
        if index < n_steps - 1:
            slope = 0.5 * (slope + network(x + step * slope, t + step, known))
        x = x + step * slope
    return x


def sample_flow(
    network: VelocityNetwork, given: np.ndarray, noise: torch.Tensor, n_steps: int, block: int = 256
) -> np.ndarray:
    """Sample vectors in blocks that fit the processor's cache, on one thread, or on the GPU; shape (n,
    n_entries).

    Where strides may be asymmetric, a start whose last antisymmetric entry is negative is mirrored together
    with its conditions, and the result is mirrored back: the mirror of conditions and start gives exactly the
    mirror of the stride, by construction.
    """
    given = torch.as_tensor(np.asarray(given), dtype=torch.float32)
    known, clean = torch.zeros_like(noise), torch.zeros_like(noise)
    known[:, : given.shape[1]] = torch.isfinite(given).float()
    clean[:, : given.shape[1]] = torch.nan_to_num(given)
    turned = None
    if network.odd_entry is not None:
        order, sign = network.mirror_order.cpu(), network.mirror_sign.cpu()
        turned = noise[:, network.odd_entry : network.odd_entry + 1] < 0
        noise = torch.where(turned, noise[:, order] * sign, noise)
        clean = torch.where(turned, clean[:, order] * sign, clean)
        known = torch.where(turned, known[:, order], known)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device)
    parts = []
    with use_one_thread():
        for start in range(0, len(noise), block):
            inputs = [v[start : start + block].to(device) for v in (noise, clean, known)]
            parts.append(integrate_flow(network, *inputs, n_steps))
    made = torch.cat(parts).cpu()
    if turned is not None:
        made = torch.where(turned, made[:, order] * sign, made)
    return made.numpy().astype(float)
