"""What the catalogue and the files say of a model, held against the model itself."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, BertConfig, DistilBertConfig, ModernBertConfig, MPNetConfig, PretrainedConfig

from core.base_models import BASE_MODELS, length_limit
from core.checkpoints import save_model
from core.config_parts import PROMPT_ROLES
from core.model_catalogue import KINDS, PRETRAINED, SENTENCE, STATIC
from core.model_facts import read_facts
from core.models import load_plain
from tests.small_models import ARCHITECTURES, queue_run, write_sentence_model, write_transformer

SHIPPED = [spec.id for spec in BASE_MODELS.values() if spec.hub_id is None]
SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536}
PUBLISHED: dict[str, PretrainedConfig] = {
    "bert-base-uncased": BertConfig(),
    "distilbert-base-uncased": DistilBertConfig(),
    "mpnet-base": MPNetConfig(max_position_embeddings=514),
    "modernbert-base": ModernBertConfig(),
    "all-mpnet-base-v2": MPNetConfig(max_position_embeddings=514),
    "bge-small-en-v1.5": BertConfig(**SMALL),
    "gte-small": BertConfig(**SMALL),
    "e5-small-v2": BertConfig(**SMALL),
    "multilingual-e5-small": BertConfig(vocab_size=250_037, **SMALL),
}
HALF_PRECISION = {"gte-small"}
# Its file holds the language model's word table a second time.
WITH_A_HEAD = {"mpnet-base"}


def parameters_of(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("name", SHIPPED)
def test_catalogue_and_facts_say_what_the_loaded_model_is(name: str, tmp_path: Path) -> None:
    spec, facts, model = BASE_MODELS[name], read_facts(name), load_plain(name, tmp_path, "cpu")
    assert parameters_of(model) == spec.parameters == facts.parameters
    assert model.get_embedding_dimension() == spec.dimension == facts.dimension
    assert facts.kind == spec.kind
    assert facts.bytes_on_disk / 1e6 == pytest.approx(spec.size_mb, rel=0.02)
    limit = model[0].tokenizer.truncation["max_length"] if math.isinf(model.max_seq_length) else model.max_seq_length
    assert limit == spec.max_seq_length == length_limit(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_facts_name_the_sizes_of_the_layers(name: str) -> None:
    facts = read_facts(name)
    layers = {"static-minilm": 0, "static-random": 0, "all-minilm-l6-v2": 6, "minilm-from-nothing": 2}[name]
    sizes = (facts.layers, facts.heads, facts.intermediate_size, facts.max_positions)
    assert sizes == ((layers, 12, 1536, 512) if layers else (0, 0, 0, None))
    assert facts.vocabulary == 30_522


def test_published_architectures_are_those_of_the_catalogue() -> None:
    assert {spec.id for spec in BASE_MODELS.values() if spec.hub_id} == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_catalogue_of_the_hub_agrees_with_the_published_architecture(name: str) -> None:
    spec, config = BASE_MODELS[name], PUBLISHED[name]
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    assert (parameters_of(model), config.hidden_size) == (spec.parameters, spec.dimension)
    assert spec.max_seq_length <= config.max_position_embeddings
    if name not in WITH_A_HEAD:
        weights_mb = spec.parameters * (2 if name in HALF_PRECISION else 4) / 1e6
        assert spec.size_mb == pytest.approx(weights_mb, rel=0.02)


def test_entries_of_the_catalogue_are_whole() -> None:
    hub_ids = [spec.hub_id for spec in BASE_MODELS.values() if spec.hub_id]
    assert len(set(hub_ids)) == len(hub_ids)
    assert {spec.kind for spec in BASE_MODELS.values()} == set(KINDS)
    for spec in BASE_MODELS.values():
        assert set(spec.prompts) <= set(PROMPT_ROLES)
        assert (spec.pooling is None) == (spec.kind == STATIC)
        assert spec.good_for.endswith(".") and spec.licence and spec.source


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_facts_of_a_folder_are_those_of_its_model(architecture: str, tmp_path: Path) -> None:
    folder = write_transformer(tmp_path / architecture, architecture)
    facts, model = read_facts(str(folder)), load_plain(str(folder), tmp_path, "cpu")
    assert (facts.kind, facts.architecture, facts.parameters) == (PRETRAINED, architecture, parameters_of(model))
    assert (facts.layers, facts.hidden_size, facts.heads, facts.intermediate_size) == (3, 16, 2, 32)
    assert (facts.dimension, facts.vocabulary, facts.max_positions) == (16, 30_522, 64)
    assert facts.bytes_on_disk > 4 * facts.parameters


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_head_of_a_language_model_is_not_counted(architecture: str, tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM

    folder = write_transformer(tmp_path / "with-head", architecture)
    AutoModelForMaskedLM.from_config(ARCHITECTURES[architecture]).save_pretrained(str(folder))
    model = load_plain(str(folder), tmp_path, "cpu")
    poolers = sum(weight.numel() for name, weight in model.named_parameters() if "pooler" in name)
    # Such a file has no pooler: it is made new, and no embedding depends on it.
    assert read_facts(str(folder)).parameters == parameters_of(model) - poolers


def test_facts_of_a_saved_static_model_are_read_from_its_table(tmp_path: Path) -> None:
    save_model(load_plain("static-random", tmp_path, "cpu"), tmp_path / "saved")
    facts = read_facts(str(tmp_path / "saved"))
    assert (facts.kind, facts.parameters, facts.dimension, facts.layers) == (STATIC, 7_813_632, 256, 0)
    assert length_limit(str(tmp_path / "saved")) == 128


def test_facts_of_runs_made_and_to_be_made(runs_dir: Path) -> None:
    waiting = read_facts(f"run:{queue_run(runs_dir, 'minilm-from-nothing').id}", runs_dir)
    assert (waiting.kind, waiting.parameters, waiting.layers) == (SENTENCE, 15_615_360, 2)
    run = queue_run(runs_dir, "minilm-from-nothing")
    write_sentence_model(run.path / "model")
    made = read_facts(f"run:{run.id}", runs_dir)
    assert (made.kind, made.layers, made.dimension) == (SENTENCE, 3, 16)


def test_limit_of_a_saved_model_is_the_one_it_was_saved_with(tmp_path: Path) -> None:
    model = load_plain("all-minilm-l6-v2", tmp_path, "cpu")
    model.max_seq_length = 48
    save_model(model, tmp_path / "saved")
    assert length_limit(str(tmp_path / "saved")) == load_plain(str(tmp_path / "saved"), tmp_path, "cpu").max_seq_length == 48
