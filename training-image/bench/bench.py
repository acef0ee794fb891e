"""The peers of the training image: what a team writes with scikit-learn and pandas."""
import json
import resource
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def model(name, regression, seed=1):
    if name == "hgb":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return kind(max_iter=100, max_depth=6, max_leaf_nodes=None, learning_rate=0.1, l2_regularization=1,
                    min_samples_leaf=1, early_stopping=False, random_state=seed)
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    if name == "mlp":
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        kind = MLPRegressor if regression else MLPClassifier
        return make_pipeline(StandardScaler(), kind((128, 64), batch_size=256, max_iter=10, learning_rate_init=0.001,
                                                    alpha=0.0001, n_iter_no_change=1000, random_state=seed))
    from sklearn.linear_model import LogisticRegression, Ridge
    return make_pipeline(StandardScaler(), Ridge(1.0) if regression else LogisticRegression(C=1.0, max_iter=100))


def fit(name, folder, seed):
    meta = json.load(open(folder + "/meta.json"))
    x, y, u, v = (np.fromfile(f"{folder}/{f}", np.float32) for f in ("train.x", "train.y", "test.x", "test.y"))
    x, u = x.reshape(len(y), -1), u.reshape(len(v), -1)
    regression = meta["task"] == "regression"
    m = model(name, regression, int(seed))
    before = cpu()
    m.fit(x, y)
    out = {"cpu": cpu() - before, "mib": peak(), "accuracy": 0, "auc": 0, "r2": 0}
    if regression:
        from sklearn.metrics import r2_score
        out["r2"] = r2_score(v, m.predict(u))
    else:
        out["accuracy"] = float((m.predict(u) == v).mean())
        if meta["task"] == "binary":
            from sklearn.metrics import roc_auc_score
            out["auc"] = roc_auc_score(v, m.predict_proba(u)[:, 1])
    print(json.dumps(out))


def path(csv, folder):
    """From raw CSV to a stored, measured model."""
    import joblib
    import pandas as pd
    from sklearn.metrics import accuracy_score
    from sklearn.model_selection import train_test_split
    rows = pd.read_csv(csv)
    y = (rows["y"] == "yes").astype(int)
    x = rows.drop(columns=["id", "y"])
    x, u, y, v = train_test_split(x, y, test_size=0.2, random_state=1)
    x, _, y, _ = train_test_split(x, y, test_size=0.15 / 0.8, random_state=1)
    m = model("hgb", False).fit(x, y)
    joblib.dump(m, folder + "/model.joblib")
    print(json.dumps({"cpu": cpu(), "mib": peak(), "accuracy": accuracy_score(v, m.predict(u))}))


{"fit": fit, "path": path}[sys.argv[1]](*sys.argv[2:])
