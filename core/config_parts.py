"""The parts of a run's settings: each field with its type, its range and a sentence on what it is."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.doctor_fixes import FIXES
from core.errors import ConfigError

Shape = Literal[
    "class-pairs",
    "scored-pairs",
    "binary-pairs",
    "positive-pairs",
    "triplets",
    "labelled-texts",
    "unlabelled-pairs",
    "plain-texts",
    "damaged-pairs",
]
Negatives = Literal["none", "given", "random", "semi-hard", "hard"]
Pooling = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]

HOLDOUT_SHARE = 0.1
PROMPT_ROLES = ("query", "passage")
LONGEST_PROMPT, MOST_SIZES = 400, 8
# Labelled texts with a training and a test part.
CLASSIFIED = ("banking77",)


def split_list(value: Any) -> Any:
    """Return the parts of a text such as "256, 128, 64"; anything else as it is."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


class Part(BaseModel):
    """Settings cannot be changed once they are built, and a name that nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelPart(Part):
    """The model that training starts from."""

    base_model: str = Field("static-minilm", description="a catalogue id, run:<id> of a finished run, or a model's folder")
    max_seq_length: int | None = Field(None, ge=4, le=8192, description="texts are cut after this many tokens")
    pooling: Pooling | None = Field(None, description="how one vector is made of a text's token vectors")
    frozen_layers: int | None = Field(
        None, ge=0, le=200, description="so many layers from the bottom, word vectors included, are not trained"
    )
    lora_rank: int | None = Field(None, ge=1, le=512, description="train small matrices of this rank, added to the weights")
    prompts: dict[str, str] | None = Field(None, description="what stands before a text, by its role: query, passage")
    matryoshka: tuple[int, ...] = Field((), description="the first so many dimensions have to serve alone as well")

    @field_validator("prompts")
    @classmethod
    def _known_roles(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for role, text in (value or {}).items():
            if role not in PROMPT_ROLES:
                raise ConfigError("prompts", f"'{role[:40]}' is no role of a text; choose {' or '.join(PROMPT_ROLES)}.")
            if len(text) > LONGEST_PROMPT:
                raise ConfigError("prompts", f"the {role} prompt has {len(text)} characters; write {LONGEST_PROMPT} at most.")
        return value

    @field_validator("matryoshka", mode="before")
    @classmethod
    def _read_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, int) else split_list(value)

    @field_validator("matryoshka")
    @classmethod
    def _from_long_to_short(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(dimensions < 1 for dimensions in value) or len(value) > MOST_SIZES:
            raise ConfigError("matryoshka", f"write up to {MOST_SIZES} numbers of dimensions, such as 256,128,64.")
        return tuple(sorted(set(value), reverse=True))


class Mining(Part):
    """How negatives are mined: from which ranks of the nearest texts, how far below the positive, and who judges."""

    model: str | None = Field(None, description="the model whose nearest texts are looked through; the base model if not set")
    judge: str | None = Field(None, description="a cross-encoder's folder that scores what was mined, for hard negatives")
    rank_from: int = Field(5, ge=0, le=1000, description="the nearest texts passed over: some of them are true answers")
    rank_to: int = Field(50, ge=1, le=5000, description="the last rank that is looked at")
    margin: float = Field(
        0.05, ge=0, le=1, description="how far below the positive's score a negative has to stay, as a share of it"
    )
    ceiling: float = Field(0.9, gt=-1, le=1, description="what scores more than this is taken for a positive")

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.rank_to <= self.rank_from:
            raise ConfigError(
                "mining.rank_to", f"{self.rank_to} is not beyond rank_from={self.rank_from}; choose a larger rank_to."
            )
        return self


class Silver(Part):
    """Augmented SBERT: pairs that a cross-encoder scores, and that then train beside the gold ones (Thakur et al. 2021)."""

    judge: str = Field("previous", description="the cross-encoder: run:<id> of one, or its folder")
    pairs: Literal["given", "recombined", "top-k"] = Field(
        "given", description="where unlabelled pairs come from: further rows, recombined texts, or the nearest by the base model"
    )
    amount: int = Field(10_000, ge=1, le=1_000_000, description="so many unlabelled pairs at most")
    cut: float | None = Field(None, gt=0, lt=1, description="scores from here on become 1, others 0; soft scores if not set")
    gold_only: bool = Field(False, description="train on the gold pairs alone, to see what silver adds")


class DataPart(Part):
    """The rows, and the examples that are made of them."""

    data: str = Field("sample", description="a data set's id, two joined by +, file:<path>, upload:<sha256> or hub:<id>")
    split: str = Field("train", description="the data set's own split")
    columns: dict[str, str] = Field(default_factory=dict, description="which column is what, by role; empty: guessed")
    max_rows: int | None = Field(None, ge=2, le=100_000_000, description="only so many rows, from the top")
    holdout: float | None = Field(
        None, ge=0, le=0.5, description="the share of rows held out of training, by groups of equal texts"
    )
    examples: Shape | None = Field(None, description="the shape of the examples that the loss gets")
    negatives: Negatives | None = Field(None, description="where a triplet's negative comes from")
    mining: Mining = Field(default_factory=Mining, description="how semi-hard and hard negatives are found")
    neutral_score: float | None = Field(
        None, ge=0, le=1, description="the score of a neutral pair, when NLI labels become scores"
    )
    silver: Silver | None = Field(None, description="pairs that a cross-encoder scores and that train beside the gold ones")
    score_threshold: float | None = Field(None, gt=0, le=1, description="from which score on a pair is positive")
    fixes: tuple[str, ...] = Field((), description="what the data doctor mends before training")

    @field_validator("holdout", mode="before")
    @classmethod
    def _yes_is_a_tenth(cls, value: Any) -> Any:
        return (HOLDOUT_SHARE if value else 0.0) if isinstance(value, bool) else value

    @field_validator("fixes")
    @classmethod
    def _known_fixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for fix in value:
            if fix not in FIXES:
                raise ConfigError("fixes", f"'{fix[:40]}' is not known; choose from {', '.join(FIXES)}.")
        return tuple(fix for fix in FIXES if fix in value)


class LossPart(Part):
    """What pulls and what pushes."""

    loss: str = Field("mnr", description="a loss of the catalogue")
    loss_params: dict[str, float] = Field(default_factory=dict, description="the loss's own numbers, such as scale")
    teacher: str | None = Field(
        None, description="the model that teaches: the guide of GIST, the vectors of distillation, Margin MSE's cross-encoder"
    )


class TrainingPart(Part):
    """How long, how large, how fast."""

    epochs: float | None = Field(None, gt=0, le=1000, description="passes over the examples")
    max_steps: int | None = Field(None, ge=1, le=10_000_000, description="training ends after this many steps at the latest")
    time_budget_seconds: float | None = Field(
        None,
        ge=5,
        le=604_800,
        description="seconds that the run may take in all, scoring and saving included; in place of epochs",
    )
    batch_size: int | None = Field(None, ge=1, le=8192, description="examples a step")
    gradient_accumulation: int | None = Field(None, ge=1, le=1024, description="batches that one optimizer step adds up")
    learning_rate: float | None = Field(None, gt=0, le=10, description="the optimizer's peak learning rate")
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] | None = Field(
        None, description="how the learning rate falls after warm-up"
    )
    warmup: float | None = Field(None, ge=0, le=100_000, description="a share of all steps below 1, or a number of steps")
    weight_decay: float | None = Field(None, ge=0, le=1, description="AdamW's weight decay")
    max_grad_norm: float | None = Field(
        None, ge=0, le=1000, description="a longer gradient is cut to this length; 0 cuts nothing"
    )
    gradient_checkpointing: bool | None = Field(
        None, description="reckon activations again in place of keeping them: a third slower, far less memory"
    )
    sampler: Literal["bucketed", "shuffled"] | None = Field(
        None, description="bucketed puts texts of like length into one batch, which pads less; shuffled pays no heed to length"
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(None, description="the number format of training")
    seed: int = Field(42, ge=0, le=2**32 - 1, description="of every random choice")


class WatchingPart(Part):
    """What is measured and kept on the way."""

    eval_batch_size: int | None = Field(None, ge=1, le=8192, description="texts encoded at once when measuring")
    eval_every: int | None = Field(None, ge=1, le=10_000_000, description="steps between two evaluations")
    log_every: int | None = Field(None, ge=1, le=1_000_000, description="steps between two points of the loss curve")
    save_every: int | None = Field(
        None, ge=1, le=10_000_000, description="steps between two checkpoints to resume from; one a minute if not set"
    )
    early_stopping: int | None = Field(
        None, ge=1, le=1000, description="end after so many evaluations in a row without a better one"
    )
    best_by: Literal["spearman_cosine", "pearson_cosine", "held_out", "last"] | None = Field(
        None, description="the evaluation figure that decides which step's model is kept"
    )
    also_score: tuple[str, ...] = Field((), description="labelled texts whose classification is measured before and after")
    snapshots: bool = Field(True, description="keep the probe texts' embeddings before and after, for Explore")

    @field_validator("also_score", mode="before")
    @classmethod
    def _read_names(cls, value: Any) -> Any:
        return split_list(value)

    @field_validator("also_score")
    @classmethod
    def _known_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in CLASSIFIED:
                raise ConfigError("also_score", f"'{name[:40]}' is not known; choose from {', '.join(CLASSIFIED)}.")
        return value
