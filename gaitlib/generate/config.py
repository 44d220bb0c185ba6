"""Settings of the generator."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gaitlib.errors import InputError


class GeneratorConfig(BaseModel):
    """Sizes and training settings; the defaults are those of the quick study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    try:
        return GeneratorConfig.model_validate(values or {})
    except ValidationError as error:
        parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})" for e in error.errors()]
        known = ", ".join(GeneratorConfig.model_fields)
        raise InputError(f"{where}: " + "; ".join(parts) + f". Known settings: {known}.") from None
