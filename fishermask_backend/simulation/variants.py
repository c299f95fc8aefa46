"""Strategies by name, and with settings of their own: `fishermask:ridge=0.01,mask_inner=0`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from torch import Tensor

from fishermask_backend.allowed_values import PACKAGED, installed
from fishermask_backend.fisher import Shards
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.learning.strategies.fishermask import FisherMask
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible

BASELINE = "random"


def at_random(trained: Trained, _: Shards) -> Tensor:
    """Return numbers (P,) that know nothing of the images: what a mask must be better than."""
    size = sum(p.numel() for p in trained.model.parameters() if p.requires_grad)
    generator = torch.Generator().manual_seed(trained.recipe.seed)
    return torch.rand(size, generator=generator).to(trained.device)


# What STRATEGY may be, and a control of FisherMask that nobody would work with.
SIMULATED: dict[str, Strategy] = {
    **STRATEGIES,
    "random-mask": FisherMask("random-mask", ranking=at_random, of_head=True),
}

OF_A_MASK = ("mask_inner", "mask_rule")
OF_THE_FISHER_MATRIX = (
    "weighting",
    "pick_weight",
    "ridge",
    "target",
    "max_dim",
    "max_dim_rule",
    "top_classes",
    "pool_limit",
)
CHANGEABLE = ("fisher_over", *OF_A_MASK, *OF_THE_FISHER_MATRIX)
START = "start"  # of the course, no setting: what its first queue is
_SETTINGS = {  # those that a strategy heeds
    "fishermask": CHANGEABLE,
    "random-mask": OF_A_MASK + OF_THE_FISHER_MATRIX,
    "bait": OF_THE_FISHER_MATRIX,
    **dict.fromkeys(PACKAGED, ("pool_limit",)),
}
HEEDED = {name: (*_SETTINGS.get(name, ()), START) for name in SIMULATED}

_Changes: type[BaseModel] = create_model(
    "_Changes",
    __config__=ConfigDict(extra="forbid"),
    **{name: (Settings.model_fields[name].annotation, Settings.model_fields[name])
       for name in CHANGEABLE},
    **{START: (Literal["cold", "random"], "cold")},
)  # type: ignore[call-overload]  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A strategy and the settings it has for itself.

    Attributes:
        name: As the user writes it.
        strategy: Of SIMULATED.
        changes: Settings by name; and `start`, where the first queue is not the cold start's.
    """

    name: str
    strategy: str
    changes: Mapping[str, Any]

    def settings(self, settings: Settings) -> Settings:
        """Return the settings under which it chooses."""
        own = {name: value for name, value in self.changes.items() if name != START}
        return settings.model_copy(update=own)

    @property
    def starts_at_random(self) -> bool:
        """Whether the first queue is drawn, as where nobody chose what to label first."""
        return self.changes.get(START) == "random"


def read_variants(text: str) -> list[Variant]:
    """Return what --strategies names, `random` among them: it is what others are measured by.

    Raises:
        SimulationImpossible: A name or setting is unknown, or a value can't be meant.
    """
    names: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if "=" in part and ":" not in part and names:  # a setting more of the one before
            names[-1] += f",{part}"
        elif part:
            names.append(part)
    if not names:
        raise SimulationImpossible(f"--strategies {text!r}: name one or more of {_known()}.")
    return [_read(name) for name in dict.fromkeys([*names, BASELINE])]


def _read(text: str) -> Variant:
    strategy, _, changes = text.partition(":")
    if strategy not in SIMULATED:
        raise SimulationImpossible(
            f"--strategies: {strategy!r} is unknown: use {_known()}, or one with settings of its own, "
            "like fishermask:ridge=0.01."
        )
    if strategy in STRATEGIES:
        _check_installed(strategy)
    heeded = HEEDED[strategy]
    given: dict[str, str] = {}
    for change in filter(None, changes.split(",")):
        name, equals, value = (part.strip() for part in change.partition("="))
        if name not in heeded:
            raise SimulationImpossible(
                f"--strategies {text}: {name!r}: {strategy} heeds {', '.join(heeded)}."
            )
        if not equals or name in given:
            raise SimulationImpossible(f"--strategies {text}: write {name}=<value>, once.")
        given[name] = value
    return Variant(text, strategy, _checked(text, given))


def _checked(text: str, given: Mapping[str, str]) -> dict[str, Any]:
    try:
        return _Changes.model_validate(given).model_dump(exclude_unset=True)
    except ValidationError as error:
        problem = error.errors()[0]
        raise SimulationImpossible(
            f"--strategies {text}: {problem['loc'][0]}={problem['input']}: {problem['msg']}."
        ) from None


def _check_installed(strategy: str) -> None:
    try:
        installed(strategy)
    except ValueError as error:
        raise SimulationImpossible(f"--strategies {strategy}: {error}.") from None


def _known() -> str:
    *names, last = SIMULATED
    return f"{', '.join(names)} or {last}"


def shown(names: Sequence[str]) -> dict[str, str]:
    """Return how reports write these names."""
    return {name: _shown(name) for name in names}


_PROPER = {
    "fishermask": "FisherMask", "bait": "BAIT", "badge": "BADGE", "coreset": "core-set",
    "typiclust": "TypiClust", "probcover": "ProbCover", "dropquery": "DropQuery", "falcun": "FALCUN",
    "random-mask": "random mask",
}  # fmt: skip


def _shown(name: str) -> str:
    strategy, _, changes = name.partition(":")
    proper = _PROPER.get(strategy, strategy)
    return f"{proper} ({changes.replace(',', ', ')})" if changes else proper
