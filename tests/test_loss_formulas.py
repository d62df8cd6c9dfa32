"""The formulas give what sentence_transformers computes, and the pictures' arrows follow them downhill."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from core.loss_formulas import (
    FORMULAS,
    batch_all_triplet_loss,
    contrastive_loss,
    cosent_loss,
    cosine_similarity_loss,
    denoising_loss,
    matryoshka_loss,
    mnr_loss,
    softmax_loss,
    triplet_loss,
)
from core.loss_pictures import LONGEST_ARROW, loss_picture, picture_caption, pulls_of, scene_places
from core.loss_scenes import SCENES
from core.losses import LOSSES

BATCH, DIM = 5, 6
SCORES = [0.9, 0.1, 0.5, 0.5, 0.3]
CLOSE = {"abs": 1e-5}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "dog", "cat", "sleeps", "runs", "by", "fire", "old", "young"]


def vectors(columns: int) -> list[np.ndarray]:
    """Embeddings of a batch, one array a column; float32, as the library holds them."""
    drawn = np.random.default_rng(7).normal(size=(columns, BATCH, DIM)).astype(np.float32)
    # Near enough to each other that margins are met by some and missed by others.
    return [column.astype(float) for column in drawn + drawn[:1]]


def static_model(columns: list[np.ndarray]) -> tuple[SentenceTransformer, list[list[str]]]:
    """A model whose texts are one word each, with these embeddings, and the texts."""
    texts = [[f"w{column}x{row}" for row in range(len(rows))] for column, rows in enumerate(columns)]
    words = [word for column in texts for word in column]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token=words[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.concatenate(columns).astype(np.float32)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu"), texts


def library_loss(columns: list[np.ndarray], labels: Any, build: Callable[[SentenceTransformer], torch.nn.Module]) -> float:
    model, texts = static_model(columns)
    features = [model.preprocess(column) for column in texts]
    return float(build(model)(features, torch.tensor(labels)).detach())


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of two layers, and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    torch.manual_seed(0)
    # Wide weights: at the usual 0.02 all embeddings of a random model are alike, and a wrong formula could pass.
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "initializer_range": 0.5,
    }
    BertForMaskedLM(BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes)).save_pretrained(folder)
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
    PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)
    return folder


def bert_model(folder: Path) -> SentenceTransformer:
    transformer = Transformer(str(folder))
    return SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension(), "mean")], device="cpu")


def test_softmax_reads_both_and_their_difference() -> None:
    columns, classes = vectors(2), [0, 1, 2, 0, 1]
    generator = np.random.default_rng(1)
    weights, bias = generator.normal(size=(3, 3 * DIM)), generator.normal(size=3)

    def build(model: SentenceTransformer) -> torch.nn.Module:
        loss = losses.SoftmaxLoss(model, DIM, 3)
        with torch.no_grad():
            loss.classifier.weight.copy_(torch.tensor(weights))
            loss.classifier.bias.copy_(torch.tensor(bias))
        return loss

    assert softmax_loss(*columns, classes, weights, bias) == pytest.approx(library_loss(columns, classes, build), **CLOSE)


def test_cosine_similarity_is_the_squared_distance_to_the_score() -> None:
    expected = library_loss(vectors(2), SCORES, losses.CosineSimilarityLoss)
    assert cosine_similarity_loss(*vectors(2), SCORES) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("scale", [1.0, 20.0, 200.0])
def test_cosent_compares_every_two_pairs_of_other_score(scale: float) -> None:
    expected = library_loss(vectors(2), SCORES, lambda model: losses.CoSENTLoss(model, scale=scale))
    assert cosent_loss(*vectors(2), SCORES, scale) == pytest.approx(expected, rel=1e-5)
    assert cosent_loss(*vectors(2), [1.0] * BATCH, scale) == 0


@pytest.mark.parametrize("margin", [0.3, 0.5, 1.5])
def test_contrastive_leaves_negatives_beyond_the_margin_alone(margin: float) -> None:
    labels = [1, 0, 0, 1, 0]
    expected = library_loss(vectors(2), labels, lambda model: losses.ContrastiveLoss(model, margin=margin))
    assert contrastive_loss(*vectors(2), labels, margin) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize("columns", [2, 3, 4])
def test_mnr_finds_the_positive_among_the_positives_and_hard_negatives_of_the_batch(columns: int, scale: float) -> None:
    anchors, positives, *negatives = vectors(columns)
    ones = [1.0] * BATCH
    expected = library_loss(vectors(columns), ones, lambda model: losses.MultipleNegativesRankingLoss(model, scale=scale))
    hard = np.concatenate(negatives) if negatives else None
    assert mnr_loss(anchors, positives, hard, scale) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_cached_mnr_gathers_the_same_value_whatever_the_mini_batch(size: int, tiny_bert: Path) -> None:
    model = bert_model(tiny_bert).eval()
    columns = [
        ["the old dog", "a cat runs", "the fire"],
        ["a dog sleeps", "the young cat", "by fire"],
        ["cat", "dog runs", "old"],
    ]
    loss = losses.CachedMultipleNegativesRankingLoss(model, scale=20.0, mini_batch_size=size)
    expected = float(loss([model.preprocess(column) for column in columns], torch.empty(0)).detach())
    anchors, positives, negatives = (model.encode(column).astype(float) for column in columns)
    assert mnr_loss(anchors, positives, negatives, 20.0, size) == pytest.approx(expected, **CLOSE)
    assert mnr_loss(anchors, positives, scale=20.0, mini_batch_size=size) != pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("margin", [0.1, 0.5, 2.0])
def test_triplet_asks_for_the_margin(margin: float) -> None:
    cosine = losses.TripletDistanceMetric.COSINE
    expected = library_loss(vectors(3), [0.0], lambda model: losses.TripletLoss(model, cosine, triplet_margin=margin))
    assert triplet_loss(*vectors(3), margin) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("margin", [0.05, 0.3, 1.0])
def test_batch_all_triplet_is_the_mean_of_those_that_do_not_hold(margin: float) -> None:
    both, labels = [np.concatenate(vectors(2))], [0, 0, 1, 1, 2, 0, 1, 2, 2, 2]
    distance = losses.BatchHardTripletLossDistanceFunction.cosine_distance
    expected = library_loss(both, labels, lambda model: losses.BatchAllTripletLoss(model, distance, margin=margin))
    assert batch_all_triplet_loss(both[0], labels, margin) == pytest.approx(expected, **CLOSE)


def test_batch_all_triplet_is_nothing_where_every_triplet_holds() -> None:
    assert batch_all_triplet_loss(np.array([[1.0, 0], [1, 0], [-1, 0], [-1, 0]]), [0, 0, 1, 1], 0.3) == 0


def test_denoising_is_the_decoders_surprise_at_the_words_without_padding(tiny_bert: Path) -> None:
    loss = losses.DenoisingAutoEncoderLoss(bert_model(tiny_bert), tie_encoder_decoder=True).eval()
    logits: list[torch.Tensor] = []
    loss.decoder.register_forward_hook(lambda _module, _given, output: logits.append(output.logits.detach()))
    damaged, whole = ["dog", "cat"], ["the old dog sleeps by the fire", "a cat runs"]
    tokens = [loss.encoder.preprocess(texts) for texts in (damaged, whole)]
    for features in tokens:
        features.pop("token_type_ids", None)
    expected = float(loss(tokens, torch.empty(0)).detach())
    following = tokens[1]["input_ids"][:, 1:].numpy()
    assert (following == 0).any()
    assert denoising_loss(logits[0].double().numpy(), following, pad=0) == pytest.approx(expected, **CLOSE)
    assert denoising_loss(logits[0].double().numpy(), following) != pytest.approx(expected, **CLOSE)


def test_simcse_is_mnr_of_two_readings_that_differ_by_dropout(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = bert_model(tiny_bert).train()
    loss = losses.MultipleNegativesRankingLoss(model, scale=20.0)
    read: list[np.ndarray] = []
    inner = loss.compute_loss_from_embeddings

    def watched(embeddings: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        read.extend(column.detach().double().numpy() for column in embeddings)
        return inner(embeddings, labels)

    monkeypatch.setattr(loss, "compute_loss_from_embeddings", watched)
    texts = ["the old dog", "a cat runs", "the fire"]
    expected = float(loss([model.preprocess(texts), model.preprocess(texts)], torch.empty(0)).detach())
    first, second = read
    assert not np.allclose(first, second)
    assert FORMULAS["simcse"](first, second, scale=20.0) == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize(("dims", "weights"), [([6, 3, 2], None), ([2, 6], [0.25, 2.0])])
def test_matryoshka_adds_the_inner_loss_of_the_first_dimensions(dims: list[int], weights: list[float] | None) -> None:
    def build(model: SentenceTransformer) -> torch.nn.Module:
        return losses.MatryoshkaLoss(model, losses.MultipleNegativesRankingLoss(model, scale=20.0), dims, weights)

    expected = library_loss(vectors(3), [1.0] * BATCH, build)
    assert matryoshka_loss(mnr_loss, vectors(3), dims, weights) == pytest.approx(expected, **CLOSE)


def test_matryoshka_goes_around_a_loss_with_scores() -> None:
    def build(model: SentenceTransformer) -> torch.nn.Module:
        return losses.MatryoshkaLoss(model, losses.CosineSimilarityLoss(model), [6, 2])

    expected = library_loss(vectors(2), SCORES, build)
    found = matryoshka_loss(lambda u, v: cosine_similarity_loss(u, v, SCORES), vectors(2), [6, 2])
    assert found == pytest.approx(expected, **CLOSE)


def test_formulas_and_pictures_are_of_losses_in_the_catalogue_with_its_defaults() -> None:
    assert set(FORMULAS) == set(SCENES)
    assert set(FORMULAS) - {"matryoshka"} <= set(LOSSES)
    for loss in set(FORMULAS) - {"matryoshka"}:
        known = inspect.signature(FORMULAS[loss]).parameters
        for parameter in LOSSES[loss].parameters:
            assert parameter.name in known
            assert known[parameter.name].default in (parameter.default, None)


def arrows_of(loss: str, **parameters: float) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """The arrows of a picture as text, tail and head."""
    figure = loss_picture(loss, parameters)
    assert figure is not None
    drawn = [note for note in figure["layout"]["annotations"] if note["showarrow"]]
    return [(int(note["name"]), np.array([note["ax"], note["ay"]]), np.array([note["x"], note["y"]])) for note in drawn]


@pytest.mark.parametrize("loss", sorted(SCENES))
def test_small_step_along_the_arrows_lowers_the_loss(loss: str) -> None:
    scene = SCENES[loss]
    before, after = scene_places(scene), scene_places(scene)
    arrows = arrows_of(loss)
    for row, tail, head in arrows:
        assert tail == pytest.approx(before[row, :2])
        after[row, :2] += 0.02 * (head - tail)
    assert len(arrows) >= (1 if loss == "denoising" else 3)
    assert scene.loss(after) < scene.loss(before) - 1e-5
    assert scene.loss(2 * before - after) > scene.loss(before) + 1e-5


@pytest.mark.parametrize("loss", sorted(SCENES))
def test_arrows_are_scaled_by_the_longest_and_by_nothing_else(loss: str) -> None:
    scene, arrows = SCENES[loss], arrows_of(loss)
    lengths = [np.linalg.norm(head - tail) for _, tail, head in arrows]
    assert max(lengths) == pytest.approx(LONGEST_ARROW)
    if len(scene.parts) == 1:
        pulls = pulls_of(scene, scene.loss, scene_places(scene), {})
        ratios = [np.linalg.norm(pulls[row]) / length for (row, _, _), length in zip(arrows, lengths, strict=True)]
        assert ratios == pytest.approx([ratios[0]] * len(ratios))


def test_arrows_are_the_gradient_that_torch_finds() -> None:
    scene = SCENES["mnr"]
    places = torch.tensor(scene_places(scene), requires_grad=True)
    loss = losses.MultipleNegativesRankingLoss(static_model([np.zeros((1, 2))])[0], scale=20.0)
    loss.compute_loss_from_embeddings([places[::2], places[1::2]], torch.empty(0)).backward()
    found = pulls_of(scene, scene.loss, scene_places(scene), {})
    assert places.grad is not None
    assert found == pytest.approx(-places.grad.numpy(), abs=1e-6)


# At a large scale only the pairs that are not told apart yet are pulled; what is left on the others is push.
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_positive_pair_of_mnr_is_pulled_towards_each_other(scale: float) -> None:
    scene = SCENES["mnr"]
    places, pulls = scene_places(scene), pulls_of(scene, scene.loss, scene_places(scene), {"scale": scale})
    for anchor in (0, 2, 4):
        way = places[anchor + 1] - places[anchor]
        assert pulls[anchor] @ way > 0 > pulls[anchor + 1] @ way


def test_drawn_arrows_of_a_positive_pair_of_mnr_meet() -> None:
    drawn = {row: (tail, head) for row, tail, head in arrows_of("mnr")}
    (anchor, goes), (positive, comes) = drawn[2], drawn[3]
    assert (goes - anchor) @ (positive - anchor) > 0 > (comes - positive) @ (positive - anchor)


def test_cached_mnr_is_drawn_as_mnr_whatever_the_mini_batch_with_a_caption_of_its_own() -> None:
    for size in (1, 2, 32):
        pairs = list(zip(arrows_of("cached-mnr", mini_batch_size=size), arrows_of("mnr"), strict=True))
        assert all(one[2] == pytest.approx(other[2], abs=1e-6) for one, other in pairs)
    assert picture_caption("cached-mnr") != picture_caption("mnr")


def test_contrastive_pair_beyond_the_margin_has_no_arrow_until_the_margin_grows() -> None:
    assert {row for row, _, _ in arrows_of("contrastive")} == {0, 1, 2, 3}
    assert {row for row, _, _ in arrows_of("contrastive", margin=2.0)} == {0, 1, 2, 3, 4, 5}


def test_triplet_that_holds_has_no_arrow() -> None:
    assert {row for row, _, _ in arrows_of("triplet")} == {0, 1, 2}


def test_loss_that_asks_for_nothing_is_drawn_without_arrows(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = replace(SCENES["mnr"], parts={"": lambda _places: 0.0})
    monkeypatch.setattr("core.loss_pictures.SCENES", {"mnr": flat})
    assert arrows_of("mnr") == []


def test_words_of_the_decoder_do_not_move() -> None:
    assert [row for row, _, _ in arrows_of("denoising")] == [0]
    scene = SCENES["denoising"]
    pulls = pulls_of(scene, scene.loss, scene_places(scene), {})
    assert pulls[0].any() and not pulls[1:].any()


@pytest.mark.parametrize("loss", sorted(SCENES))
def test_every_parameter_at_the_ends_of_its_range_gives_a_finite_picture(loss: str) -> None:
    for parameter in LOSSES[loss].parameters if loss in LOSSES else ():
        for value in (parameter.low, parameter.high):
            assert "NaN" not in json.dumps(loss_picture(loss, {parameter.name: value}))


@pytest.mark.parametrize("loss", sorted(SCENES))
def test_picture_is_plain_data_with_a_caption_of_one_sentence(loss: str) -> None:
    figure = loss_picture(loss)
    assert figure is not None
    assert json.loads(json.dumps(figure)) == figure
    assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    caption = picture_caption(loss)
    assert caption.endswith(".") and caption.count(".") == 1
    shown = {text for trace in figure["data"] for text in trace.get("text", ())}
    assert shown == {text.text for text in SCENES[loss].texts}


def test_loss_without_a_picture_has_none() -> None:
    assert loss_picture("mse") is None
    assert picture_caption("mse") == ""
