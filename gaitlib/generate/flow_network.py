"""The flow: settings, velocity field (a small residual network), training and sampling.

Any entry of a vector may be known or open. Training is deterministic by seed and resumable. Imports torch:
only modules that train or sample import this one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import nn

from gaitlib.generate.network_training import (
    compute_rate,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
    take_step,
    update_average,
    use_one_thread,
)
from gaitlib.generate.representation import VectorLayout
from gaitlib.schema import Section, check_values


class GeneratorConfig(Section):
    """Sizes and training settings; the defaults are those of the quick study."""

    hidden: int = Field(default=128, ge=8, le=2048)
    n_blocks: int = Field(default=3, ge=1, le=12)
    n_frequencies: int = Field(default=8, ge=1, le=32)
    steps: int = Field(default=3000, ge=1)
    batch_size: int = Field(default=96, ge=1)
    learning_rate: float = Field(default=4e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    all_known_share: float = Field(default=0.5, ge=0, le=1)
    all_open_share: float = Field(default=0.1, ge=0, le=1)
    explained: float = Field(default=0.99, gt=0, le=1)
    max_components: int = Field(default=64, ge=1)
    ode_steps: int = Field(default=5, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)
    log_every: int = Field(default=50, ge=1)


def parse_generator_config(
    values: dict | GeneratorConfig | None, where: str = "generator"
) -> GeneratorConfig:
    """Check settings with one clear error."""
    if isinstance(values, GeneratorConfig):
        return values
    return check_values(GeneratorConfig, values or {}, where)


class VelocityNetwork(nn.Module):
    """Velocity that carries noise at time 0 to vectors of strides at time 1.

    Known entries enter with their clean value and a mask bit and get no velocity; open entries enter as
    they stand on their way. Where all they need is known, the derived quantities of the layout enter too.
    The output is preconditioned: for standard normal data without conditions the best velocity is
    (2t - 1) / (t^2 + (1 - t)^2) x, and the network only learns what differs from it.
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


def create_network(
    layout: VectorLayout, config: GeneratorConfig, generator: torch.Generator | None = None
) -> VelocityNetwork:
    """Create the velocity network of a configuration, its first weights drawn from a generator."""
    with torch.random.fork_rng(devices=[]):  # torch's own initial weights draw from the global generator
        network = VelocityNetwork(layout, config.hidden, config.n_blocks, config.n_frequencies)
    if generator is None:
        return network
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
    return network


def compute_flow_loss(
    network: VelocityNetwork,
    clean: torch.Tensor,
    known: torch.Tensor,
    weight: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Compute the conditional flow-matching loss, paths straight (Lipman et al. 2023, arXiv 2210.02747)."""
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


def train_flow(
    vectors: np.ndarray,
    layout: VectorLayout,
    config: GeneratorConfig,
    seed: int,
    checkpoint: Path | None = None,
    monitor: np.ndarray | None = None,
    report: Callable[[int, float], None] | None = None,
    compute_loss: Callable[..., torch.Tensor] = compute_flow_loss,
) -> tuple[VelocityNetwork, pd.DataFrame]:
    """Train the velocity network on vectors of strides."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(seed)
    network = create_network(layout, config, generator).to(device)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    rows: list[dict] = []
    start, total, count = 0, 0.0, 0
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        start, rows, total, count = (saved[name] for name in ("step", "history", "total", "count"))
        network.load_state_dict(saved["network"])
        average = {name: saved["average"][name].to(device) for name in average}
        optimiser.load_state_dict(saved["optimiser"])
        generator.set_state(saved["generator"])
    data = torch.as_tensor(vectors, dtype=torch.float32)
    importance = torch.as_tensor(layout.weight, dtype=torch.float32, device=device)
    order = torch.as_tensor(layout.mirror_order)
    sign = torch.as_tensor(layout.mirror_sign, dtype=torch.float32)
    jitter = None if layout.jitter is None else torch.as_tensor(layout.jitter, dtype=torch.float32)
    turn = bool((sign < 0).any()) or bool((order != torch.arange(len(order))).any())
    for step in range(start, config.steps):
        warm = (step + 1) / min(200, config.steps)
        rate = compute_rate(config.learning_rate, step / config.steps, 0.02, warm)
        batch = data[torch.randint(len(data), (config.batch_size,), generator=generator)]
        if jitter is not None:
            batch = batch + jitter * torch.randn(batch.shape, generator=generator)
        if turn:
            flip = torch.rand((len(batch), 1), generator=generator) < 0.5
            batch = torch.where(flip, batch[:, order] * sign, batch)
        known = draw_masks(len(batch), layout, config, generator)
        loss = compute_loss(network, batch.to(device), known.to(device), importance, generator)
        take_step(optimiser, loss, rate)
        update_average(average.values(), network.state_dict().values(), config.ema_decay, step)
        total, count = total + float(loss.detach()), count + 1
        if (step + 1) % config.log_every == 0 or step + 1 == config.steps:
            row = {"step": step + 1, "loss": total / count, "learning_rate": rate}
            total, count = 0.0, 0
            if monitor is not None:
                row["monitor_loss"] = _measure_monitor(
                    network, average, monitor, importance, layout.n_conditions, compute_loss
                )
            rows.append(row)
            if report is not None:
                report(step + 1, row["loss"])
        if checkpoint is not None and ((step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps):
            state = {"step": step + 1, "history": rows, "total": total, "count": count, "average": average}
            state |= {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
            save_checkpoint(checkpoint, state | {"generator": generator.get_state()})
    network.load_state_dict(average)
    return network.to("cpu").eval(), pd.DataFrame(rows)


def find_checkpoint(
    folder: str | Path | None,
    library_hash: str,
    kind: str,
    config: GeneratorConfig,
    seed: int,
    compute_loss: Callable | None = None,
) -> Path | None:
    """Name the checkpoint of a training after everything that determines it."""
    if folder is None:
        return None
    text = f"{library_hash} {kind} {config.model_dump_json()} {seed}{fingerprint(compute_loss)}"
    return Path(folder) / f"checkpoint-{hashlib.sha256(text.encode()).hexdigest()[:12]}.pt"


def draw_masks(
    n: int, layout: VectorLayout, config: GeneratorConfig, generator: torch.Generator
) -> torch.Tensor:
    """Draw which conditions are known: all, none or any subset; shape (n, n_entries)."""
    n_maskable = layout.n_conditions
    kind = torch.rand((n, 1), generator=generator)
    level = torch.rand((n, 1), generator=generator)
    subset = (torch.rand((n, n_maskable), generator=generator) < level).float()
    everything = torch.ones_like(subset)
    for index in layout.often_open:
        everything[:, index] = (torch.rand(n, generator=generator) < 0.5).float()
    subset = torch.where(kind < config.all_known_share, everything, subset)
    subset = torch.where(kind > 1.0 - config.all_open_share, torch.zeros_like(subset), subset)
    return torch.cat([subset, torch.zeros(n, layout.n_entries - n_maskable)], dim=1)


def _measure_monitor(network, average, monitor, importance, n_maskable, compute_loss) -> float:
    """Loss of the averaged weights on other people, all conditions known, always with the same noise."""
    fixed = torch.Generator().manual_seed(0)
    current = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    values = torch.as_tensor(monitor, dtype=torch.float32).repeat(max(1, 512 // len(monitor)), 1)
    known = torch.zeros_like(values)
    known[:, :n_maskable] = 1.0
    with torch.no_grad():
        device = importance.device
        loss = float(compute_loss(network, values.to(device), known.to(device), importance, fixed))
    network.load_state_dict(current)
    return loss
