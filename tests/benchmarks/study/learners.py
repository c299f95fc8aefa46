"""What images are picked for: the classifier of live rounds, others that studies train, and starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from fishermask_backend.learning import backbones, lesson, networks
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.calibration import Calibration
from fishermask_backend.learning.informed import informed
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.variants import Variant

ABLATED = 3  # seeds of an ablation
DEFAULT, DRAWN = "default", "drawn"
OF_HEAD = "fishermask:fisher_over=head"
FORMER = f"{OF_HEAD},ridge=0.1,target=pool"  # the settings before this study


def of_their_own(model: nn.Module, *_: object) -> tuple[nn.Module, tuple[Calibration, ...]]:
    """Return a network as it is, which knows nothing of the unlabelled images."""
    return model, ()


def learn(dropout: float, informed: Callable[..., Any]) -> None:
    """Train heads with some dropout, and let them know of the unlabelled images by `informed`."""
    backbones.DROPOUT = networks.DROPOUT = dropout  # type: ignore[attr-defined]
    lesson.informed = informed  # type: ignore[attr-defined]


BEFORE = 0.2, of_their_own  # heads before this study, which know their labels alone


def one_layer() -> None:
    """Train heads without a hidden layer, over all features: wide, so that a mask has to choose."""
    Backbone._head = lambda backbone, classes: [nn.Linear(backbone.width, classes)]  # type: ignore[method-assign]
    # As far as usual: what would find it out by held-out labels has a hidden layer.
    lesson.informed = lambda *of, **_: informed(*of[:5], (Calibration(),))  # type: ignore[attr-defined]


def nothing() -> None:
    """Leave heads as they are."""


@dataclass(frozen=True)
class Comparison:
    """Strategies, as of `fishermask simulate`; seeds of each; and the numbers of labels a round."""

    strategies: str
    seeds: int
    per_round: Sequence[int]


@dataclass(frozen=True)
class Learner:
    """A classifier, and what is compared with it.

    Attributes:
        about: For the page.
        strategies: As of `fishermask simulate`, of as many seeds as are asked for.
        ablations: More of them, of a few seeds and one K: what shows where the worth comes from.
        use: Has it trained from now on, in this process.
        settings: Of the backend, beside those of live rounds.
        sets: Of these alone; empty: of all.
        cuts: Whether half of the classes are to be rare.
        pool: Images to label from, at most; None: as many as are asked for.
        drawn: The first queue is drawn at random, not the cold start's.
    """

    about: str
    strategies: str = ""
    ablations: str = ""
    use: Callable[[], None] = nothing
    settings: Mapping[str, Any] = field(default_factory=dict)
    sets: Sequence[str] = ()
    cuts: Sequence[bool] = (False, True)
    pool: int | None = None
    drawn: bool = False

    def compared(self, seeds: int, per_round: Sequence[int]) -> list[Comparison]:
        """Return what is compared, the strategies first."""
        every = (
            Comparison(self.strategies, seeds, per_round),
            Comparison(self.ablations, min(ABLATED, seeds), per_round[:1]),
        )
        return [each for each in every if each.strategies]


LEARNERS = {
    DEFAULT: Learner(
        "the default head",
        "fishermask,margin,random,badge,bait",
        f"fishermask:target=pool,{OF_HEAD},random-mask,{FORMER}",
    ),
    DRAWN: Learner(
        "the default head, from a first queue drawn at random",
        "fishermask,margin,random,badge,bait",
        drawn=True,
    ),
    "former": Learner(
        "the head before this study, which knows its labels alone",
        ablations=f"{FORMER},margin,random",
        use=lambda: learn(*BEFORE),
    ),
    "linear": Learner(
        "one layer over all 1,408 features",
        ablations=f"{OF_HEAD},max_dim=1500,{OF_HEAD},max_dim=500,random-mask:max_dim=500,margin,random",
        use=one_layer,
    ),
    "small_cnn": Learner(
        "two convolutions and a hidden layer, trained whole from scratch",
        ablations="fishermask,random-mask,bait,margin,random",
        settings={"backbone": "small_cnn", "image_size": 32},
        sets=("fashion-mnist", "cifar10"),  # as the paper's; each course takes minutes
        pool=800,
    ),
    "resnet18": Learner(
        "resnet18, trained whole from scratch, 1,000 of its eleven million parameters",
        ablations="fishermask,random-mask,margin,random",
        settings={
            "backbone": "resnet18",
            "backbone_weights": "none",
            "train": "all",
            "image_size": 32,
            "max_dim": 1000,
        },
        sets=("fashion-mnist", "cifar10"),
        cuts=(False,),  # a course takes three to five minutes
        pool=400,
    ),
}


@dataclass(frozen=True)
class Studied(Variant):
    """A strategy that picks for a learner.

    Attributes:
        learner: Of LEARNERS.
    """

    learner: str

    def settings(self, settings: Settings) -> Settings:
        """Return the settings under which it chooses, once its learner is in use in this process."""
        LEARNERS[self.learner].use()
        return super().settings(settings)

    @property
    def starts_at_random(self) -> bool:
        """Whether the first queue is drawn."""
        return LEARNERS[self.learner].drawn or super().starts_at_random
