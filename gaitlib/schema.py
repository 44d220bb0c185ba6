"""Files with a schema: read YAML, check it against a model, and say in one error all that is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gaitlib.errors import InputError, suggest_name


class Section(BaseModel):
    """A part of such a file: never changed, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: str | Path, what: str, remedy: str = "") -> object:
    """Read a YAML file as plain values; a key that is given twice is an error."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{path.name}: the {what} cannot be read ({reason}). {remedy}".rstrip()) from None

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_mapping(self, node, deep=False):
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:  # YAML itself would silently keep the last
                    line = key_node.start_mark.line + 1
                    raise InputError(f"{path.name}, line {line}: key '{key}' is given twice; keep one.")
                seen.add(key)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{path.name}: not valid YAML ({' '.join(str(error).split())})") from None


def check_values(model: type[Model], values: object, where: str) -> Model:
    """Check plain values against a model."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_describe_fault(model, fault) for fault in error.errors()]
        raise InputError(f"{where}: " + "; ".join(faults) + ".") from None


def _describe_fault(model: type[BaseModel], fault: dict) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part != "[key]") or "top level"
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown key{suggest_name(fault['loc'][-1], _find_fields(model, fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{place}: missing"
    if "[key]" in fault["loc"]:
        known = re.findall(r"'(\w+)'", fault.get("ctx", {}).get("expected", ""))
        return f"{place}: unknown key{suggest_name(fault['input'], known)}"
    found = "" if isinstance(fault["input"], dict) else f" (found {fault['input']!r:.60})"
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}{found}"


def _find_fields(model: Any, place: tuple) -> list[str]:
    """Field names of the section at a place of a file."""
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[part].annotation
        else:  # dict[str, Section], tuple[Section, ...]
            model = next(kind for kind in reversed(get_args(model)) if kind is not Ellipsis)
        if get_origin(model) in (UnionType, Union):
            model = get_args(model)[0]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
