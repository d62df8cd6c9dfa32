"""Clusters of a space, and the three words that tell each one from the others."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer

TEXTS_A_CLUSTER, MOST_CLUSTERS, FEWEST_CLUSTERS = 20, 24, 2
WORDS, SEED = 3, 42


def cluster(vectors: np.ndarray) -> np.ndarray:
    """Return each text's cluster, (texts,) int: k-means on embeddings at unit length, about 20 texts to a cluster, 24 at most."""
    count = int(np.clip(len(vectors) // TEXTS_A_CLUSTER, FEWEST_CLUSTERS, MOST_CLUSTERS))
    if len(vectors) <= count:
        return np.zeros(len(vectors), int)
    with warnings.catch_warnings():
        # That there are fewer places than clusters: texts may be alike.
        warnings.simplefilter("ignore")
        found: np.ndarray = KMeans(count, n_init=1, random_state=SEED).fit_predict(vectors)
    return found


def name_clusters(texts: list[str], clusters: np.ndarray) -> list[str]:
    """Return a name for each cluster: its three words of the highest class-based TF-IDF, English stop words left out.

    Grootendorst 2022, "BERTopic", arXiv:2203.05794, equation 2: all texts of a cluster are one document; a word counts by how
    often it comes there, and less the more often it comes everywhere.
    """
    count = int(clusters.max(initial=0)) + 1
    documents = [" ".join(text for text, own in zip(texts, clusters, strict=True) if own == number) for number in range(count)]
    vectorizer = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{2,}\b")
    try:
        counts = np.asarray(vectorizer.fit_transform(documents).todense(), float)
    except ValueError:
        # No word is left that is no stop word, as with texts of digits.
        return [f"cluster {number + 1}" for number in range(count)]
    share = counts / counts.sum(axis=1, keepdims=True).clip(1)
    weight = share * np.log1p(counts.sum() / count / counts.sum(axis=0))
    words = vectorizer.get_feature_names_out()
    names = []
    for number in range(count):
        best = [words[place] for place in np.argsort(-weight[number], kind="stable")[:WORDS] if weight[number, place] > 0]
        names.append(", ".join(best) or f"cluster {number + 1}")
    return names
