"""The losses of pairs and triplets, as entries of the catalogue, in the order in which the page shows them."""

from core.examples import (
    BINARY_PAIRS,
    CLASS_PAIRS,
    POSITIVE_PAIRS,
    SCORED_PAIRS,
    TRIPLETS,
)
from core.loss_spec import LossParameter, LossSpec

SBERT = "Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084, section 3"
SCALE = LossParameter("scale", 20.0, 0.1, 200.0, "1 / temperature: how sharply the best candidate is told from the rest")
CHUNK = LossParameter("mini_batch_size", 32, 1, 4096, "examples in memory at once; the result stays the same", whole=True)
COSINE_MARGIN = LossParameter("margin", 0.5, 0.01, 2.0, "how far apart, as 1 − cosine, a negative pair has to be")
TEMPERATURE = LossParameter("temperature", 0.01, 0.001, 1.0, "how sharply the best is told from the rest; lower is sharper")
NEEDS_TOKENS = "a static model hands over one vector a text and cannot be computed piece by piece"
PAIR_LOSSES = (
    LossSpec(
        id="softmax",
        title="Softmax",
        class_name="SoftmaxLoss",
        shapes=(CLASS_PAIRS,),
        what_it_does="A small classifier reads both embeddings and their difference and names the pair's class. "
        "The space is shaped only in passing: nothing in it asks for a large cosine between equal meanings.",
        formula="cross-entropy(W [u; v; |u − v|], class)",
        when="To see where sentence embeddings began; cosine similarity or MNR give better ones from the same rows.",
        paper=SBERT,
    ),
    LossSpec(
        id="cosine-similarity",
        title="Cosine similarity",
        class_name="CosineSimilarityLoss",
        shapes=(SCORED_PAIRS,),
        what_it_does="Moves the cosine of a pair towards its score. "
        "Entailments are pulled to 1, neutral and contradicting pairs are pushed to 0.",
        formula="(score − cos(u, v))²",
        when="When pairs come with a score, such as STSB's ratings, or with labels that can be turned into one.",
        paper=SBERT,
        nests=True,
    ),
    LossSpec(
        id="cosent",
        title="CoSENT",
        class_name="CoSENTLoss",
        shapes=(SCORED_PAIRS,),
        what_it_does="Compares every two pairs of the batch: the one with the higher score has to have the higher cosine. "
        "Only the order counts, so scores need no particular scale.",
        formula="log(1 + Σ exp(s·(cos(pair j) − cos(pair i)))),  over all i, j with score i > score j",
        when="In place of cosine similarity, when the order of the scores is to be trusted more than their values.",
        paper="Su 2022, CoSENT, kexue.fm/archives/8847",
        parameters=(SCALE,),
        nests=True,
    ),
    LossSpec(
        id="angle",
        title="AnglE",
        class_name="AnglELoss",
        shapes=(SCORED_PAIRS,),
        what_it_does="CoSENT with a similarity from the angle between two embeddings, in place of their cosine. "
        "The cosine hardly moves where it is near 1 or −1; the angle still does.",
        formula="log(1 + Σ exp(s·(sim(pair j) − sim(pair i)))),  over score i > score j;  sim from the angle between u and v",
        when="When CoSENT stops learning because most pairs are very alike or very different.",
        paper="Li and Li 2023, AnglE, arXiv:2309.12871, section 3",
        parameters=(SCALE,),
        nests=True,
    ),
    LossSpec(
        id="contrastive",
        title="Contrastive",
        class_name="ContrastiveLoss",
        shapes=(BINARY_PAIRS,),
        what_it_does="Pulls a pair that is alike together, all the way. "
        "Pushes a pair that is not apart until a margin, and then leaves it alone.",
        formula="½·(y·d² + (1 − y)·max(0, margin − d)²),  d = 1 − cos(u, v)",
        when="When pairs are judged yes or no, such as duplicates.",
        paper="Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping, section 2",
        parameters=(COSINE_MARGIN,),
        nests=True,
    ),
    LossSpec(
        id="online-contrastive",
        title="Online contrastive",
        class_name="OnlineContrastiveLoss",
        shapes=(BINARY_PAIRS,),
        what_it_does="The contrastive loss on the hard pairs of a batch alone: alike but farther than the nearest negative, "
        "or not alike but nearer than the farthest positive.",
        formula="Σ hard positives d² + Σ hard negatives max(0, margin − d)²,  d = 1 − cos(u, v)",
        when="When most pairs are easy, and the contrastive loss learns too little from them.",
        paper="Reimers and Gurevych, sentence-transformers, after Hadsell et al. 2006",
        parameters=(COSINE_MARGIN,),
    ),
    LossSpec(
        id="mnr",
        title="Multiple negatives ranking (MNR)",
        class_name="MultipleNegativesRankingLoss",
        shapes=(POSITIVE_PAIRS, TRIPLETS),
        what_it_does="Each anchor has to find its own positive among all the positives of the batch. "
        "With triplets, the hard negatives of the batch stand among the candidates as well.",
        formula="−log( exp(s·cos(a, p)) / Σ exp(s·cos(a, candidate)) ),  s = scale = 1 / temperature",
        when="The first choice when all you have is pairs that belong together; larger batches are harder and better.",
        paper="Henderson et al. 2017, arXiv:1705.00652, section 4; van den Oord et al. 2018, arXiv:1807.03748",
        parameters=(SCALE,),
        in_batch_negatives=True,
        nests=True,
    ),
    LossSpec(
        id="cached-mnr",
        title="Cached MNR",
        class_name="CachedMultipleNegativesRankingLoss",
        shapes=(POSITIVE_PAIRS, TRIPLETS),
        what_it_does="The very loss of MNR, computed piece by piece: each text is read twice, "
        "and a batch of thousands fits where otherwise a few dozen would.",
        formula="that of MNR, its gradient gathered over small pieces of the batch",
        when="When larger batches would help and memory is short; each text is read twice, so a step takes up to twice as long.",
        paper="Gao et al. 2021, GradCache, arXiv:2101.06983, section 3",
        parameters=(SCALE, CHUNK),
        in_batch_negatives=True,
        not_static=NEEDS_TOKENS,
        nests=True,
    ),
    LossSpec(
        id="gist",
        title="GIST: MNR with a guide",
        class_name="GISTEmbedLoss",
        shapes=(POSITIVE_PAIRS, TRIPLETS),
        what_it_does="MNR, with a second model as a guide that strikes out false negatives: "
        "a candidate that the guide finds nearer than the own positive is not pushed away.",
        formula="that of MNR, over the candidates that the guide finds no nearer than the own positive",
        when="When many texts of a batch could be right answers, such as questions about one subject.",
        paper="Solatorio 2024, GISTEmbed, arXiv:2402.16829, section 3",
        parameters=(TEMPERATURE,),
        in_batch_negatives=True,
        teacher="model",
        not_static="the guide reads the tokens of a transformer",
    ),
    LossSpec(
        id="cached-gist",
        title="Cached GIST",
        class_name="CachedGISTEmbedLoss",
        shapes=(POSITIVE_PAIRS, TRIPLETS),
        what_it_does="GIST, computed piece by piece, so that large batches fit into little memory. "
        "The guide still strikes out the false negatives of the whole batch.",
        formula="that of GIST, its gradient gathered over small pieces of the batch",
        when="When GIST should have large batches and memory is short.",
        paper="Solatorio 2024, arXiv:2402.16829; Gao et al. 2021, arXiv:2101.06983",
        parameters=(TEMPERATURE, CHUNK),
        in_batch_negatives=True,
        teacher="model",
        not_static=NEEDS_TOKENS,
    ),
    LossSpec(
        id="triplet",
        title="Triplet",
        class_name="TripletLoss",
        shapes=(TRIPLETS,),
        what_it_does="Asks that the anchor is nearer to its positive than to its negative, by a margin. "
        "Once that holds, the triplet teaches nothing more.",
        formula="max(0, d(a, p) − d(a, n) + margin),  d = 1 − cos",
        when="When each negative was chosen with care; MNR uses the rest of the batch as well and is mostly better.",
        paper="Schroff et al. 2015, FaceNet, arXiv:1503.03832, section 3.1; " + SBERT,
        parameters=(LossParameter("triplet_margin", 0.5, 0.01, 2.0, "how much farther, as 1 − cosine, the negative has to be"),),
        cosine_distance=True,
    ),
    LossSpec(
        id="margin-mse",
        title="Margin MSE",
        class_name="MarginMSELoss",
        shapes=(TRIPLETS,),
        what_it_does="A cross-encoder says by how much the positive fits better than the negative; "
        "the embeddings learn to differ by as much. A false negative has a small margin and does little harm.",
        formula="((a·p − a·n) − (score(a, p) − score(a, n)))²",
        when="With a cross-encoder at hand and mined negatives: the last step of GPL.",
        paper="Hofstätter et al. 2020, arXiv:2010.02666, section 3; Wang et al. 2022, GPL, arXiv:2112.07577, section 3",
        teacher="cross-encoder",
    ),
)
MATRYOSHKA = LossSpec(
    id="matryoshka",
    title="Matryoshka",
    class_name="MatryoshkaLoss",
    shapes=(),
    what_it_does="Asks the chosen loss of the first dimensions alone as well, at several lengths. "
    "Afterwards an embedding can be cut to its first numbers and still serves.",
    formula="Σ loss(first d numbers of the embeddings),  over the chosen d",
    when="When embeddings are to be stored or searched at several sizes. Not a loss of its own: it goes around another one.",
    paper="Kusupati et al. 2022, Matryoshka Representation Learning, arXiv:2205.13147, section 3",
)
