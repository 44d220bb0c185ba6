"""Training of the flow: deterministic by seed, resumable, without pickle.

Imports torch: only modules that train import this one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gaitlib.errors import InputError
from gaitlib.generate.config import GeneratorConfig
from gaitlib.generate.representation import VectorLayout
from gaitlib.generate.velocity_network import VelocityNetwork, compute_flow_loss, initialise_network


def build_network(layout: VectorLayout, config: GeneratorConfig) -> VelocityNetwork:
    """Build the velocity network of a configuration."""
    with torch.random.fork_rng(devices=[]):  # torch's own initial weights draw from the global generator
        return VelocityNetwork(layout, config.hidden, config.n_blocks, config.n_frequencies)


def train_flow(
    vectors: np.ndarray,
    layout: VectorLayout,
    config: GeneratorConfig,
    seed: int,
    checkpoint: Path | None = None,
    monitor: np.ndarray | None = None,
    stop_at: int | None = None,
    report: Callable[[int, float], None] | None = None,
    compute_loss: Callable[..., torch.Tensor] = compute_flow_loss,
) -> tuple[VelocityNetwork, pd.DataFrame]:
    """Train the velocity network on vectors of strides."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(seed)
    network = build_network(layout, config)
    initialise_network(network, generator)
    network.to(device)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    rows: list[dict] = []
    start, total, count = 0, 0.0, 0
    if checkpoint is not None and checkpoint.exists():
        start, rows, total, count = _read_checkpoint(checkpoint, network, average, optimiser, generator)

    data = torch.as_tensor(vectors, dtype=torch.float32)
    importance = torch.as_tensor(layout.weight, dtype=torch.float32, device=device)
    order = torch.as_tensor(layout.mirror_order)
    sign = torch.as_tensor(layout.mirror_sign, dtype=torch.float32)
    jitter = None if layout.jitter is None else torch.as_tensor(layout.jitter, dtype=torch.float32)
    turn = bool((sign < 0).any()) or bool((order != torch.arange(len(order))).any())
    last = config.steps if stop_at is None else min(stop_at, config.steps)
    for step in range(start, last):
        rate = _schedule(step, config)
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = data[torch.randint(len(data), (config.batch_size,), generator=generator)]
        if jitter is not None:
            batch = batch + jitter * torch.randn(batch.shape, generator=generator)
        if turn:
            flip = torch.rand((len(batch), 1), generator=generator) < 0.5
            batch = torch.where(flip, batch[:, order] * sign, batch)
        known = draw_masks(len(batch), layout, config, generator)
        loss = compute_loss(network, batch.to(device), known.to(device), importance, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        decay = min(config.ema_decay, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), list(network.state_dict().values()), 1.0 - decay)
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
            progress = {"step": step + 1, "history": rows, "total": total, "count": count}
            _write_checkpoint(checkpoint, progress, network, average, optimiser, generator)
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
    return Path(folder) / f"checkpoint-{hashlib.sha256(text.encode()).hexdigest()[:12]}.safetensors"


def fingerprint(function: Callable | None) -> str:
    """Tell apart what functions do, for the names of checkpoints; '' for None."""
    if function is None:
        return ""
    code = function.__code__
    return hashlib.sha256(repr((code.co_code, code.co_consts, code.co_names)).encode()).hexdigest()


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


def _schedule(step: int, config: GeneratorConfig) -> float:
    warm = min(1.0, (step + 1) / min(200, config.steps))
    return config.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1.0 + np.cos(np.pi * step / config.steps)))


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


def _write_checkpoint(path, progress, network, average, optimiser, generator) -> None:
    tensors = {f"network.{k}": v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v.detach().cpu().clone().contiguous() for k, v in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v).cpu().contiguous() for k, v in state.items()}
    tensors["generator"] = generator.get_state()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(progress)})
    os.replace(partial, path)


def _read_checkpoint(path, network, average, optimiser, generator) -> tuple[int, list[dict], float, int]:
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict({k: tensors[f"network.{k}"] for k in network.state_dict()})
        for name in average:
            average[name].copy_(tensors[f"average.{name}"])
        state: dict[int, dict] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser."):
                _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        generator.set_state(tensors["generator"])
        return progress["step"], progress["history"], progress["total"], progress["count"]
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError, OSError) as error:
        raise InputError(
            f"checkpoint {path.name}: cannot be taken up ({type(error).__name__}); expected the checkpoint "
            "of this training. Delete it to start afresh."
        ) from None
