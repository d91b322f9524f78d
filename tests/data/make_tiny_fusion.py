#!/usr/bin/env python3
"""Makes the LightGBM model of the tiny test bundle, and what the library itself answers with it.

The model is trained on random numbers in the ranges that the tiny golden networks produce, with labels
from a random formula. It means nothing and knows nothing about any patient; it exists so that tests
have a real joblib pickle over real feature names, with probabilities on both sides of 0.5.

    python3 -m venv venv
    venv/bin/pip install lightgbm==4.6.0 scikit-learn==1.2.1 scipy==1.10.1 numpy==1.24.2 \
        pandas==1.5.3 joblib==1.2.0
    venv/bin/python tests/data/make_tiny_fusion.py

Writes tests/data/tiny/lightgbm_model.pkl (the bundle's file) and tests/data/fusion/: rows.npy
(40, 73), probability.npy (40,), contributions.npy (40, 74), names.txt (73 names with their blanks).
"""

import json
import pathlib

import joblib
import lightgbm
import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "build" / "release" / "golden"
TRAINING_ROWS = 1500
TEST_ROWS = 40


def aggregates(frame, prefix, columns):
    values = frame[columns].to_numpy()
    frame[prefix + "mean_probability"] = values.mean(axis=1)
    frame[prefix + "max_probability"] = values.max(axis=1)
    frame[prefix + "top3_mean"] = np.sort(values, axis=1)[:, -3:].mean(axis=1)


def random_features(random, rows):
    targets = json.loads((GOLDEN / "supervised_tiny/target_pathologies.json").read_text())
    prompts = json.loads((GOLDEN / "ctclip_tiny/prompts.json").read_text())
    supervised = ["supervised_" + name for name in targets["target_pathologies"]]
    ctclip = ["ctclip_" + prompt["pathology"] for prompt in prompts]
    frame = pd.DataFrame(
        np.hstack([random.uniform(0.1, 0.8, (rows, len(supervised))),
                   random.uniform(0.3, 0.6, (rows, len(ctclip)))]),
        columns=supervised + ctclip)
    aggregates(frame, "supervised_", supervised)
    aggregates(frame, "ctclip_", ctclip)
    return frame


def random_labels(random, frame):
    standard = (frame - frame.mean()) / frame.std()
    score = standard.to_numpy() @ random.normal(size=frame.shape[1]) / np.sqrt(frame.shape[1])
    return (score + 0.5 * random.normal(size=len(frame)) > 0).astype(np.int64)


def main():
    random = np.random.default_rng(20240601)
    frame = random_features(random, TRAINING_ROWS)
    model = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=7, learning_rate=0.1, random_state=1,
                                    n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    model.fit(frame, random_labels(random, frame))
    (HERE / "tiny").mkdir(exist_ok=True)
    joblib.dump(model, HERE / "tiny/lightgbm_model.pkl")

    out = HERE / "fusion"
    out.mkdir(exist_ok=True)
    rows = random_features(random, TEST_ROWS)
    np.save(out / "rows.npy", rows.to_numpy())
    np.save(out / "probability.npy", model.predict_proba(rows)[:, 1])
    np.save(out / "contributions.npy", model.predict_proba(rows, pred_contrib=True))
    (out / "names.txt").write_text("".join(name + "\n" for name in frame.columns))


if __name__ == "__main__":
    main()
