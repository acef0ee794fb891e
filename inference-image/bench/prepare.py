"""Fits a model of scikit-learn with the size of the one that is served: prepare.py trees|network FILE."""
import sys

import joblib
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neural_network import MLPClassifier

x, y = make_classification(n_samples=3000, n_features=30, n_informative=15, random_state=1)
if sys.argv[1] == "trees":
    model = GradientBoostingClassifier(n_estimators=100, max_depth=6, random_state=1, subsample=0.3)
else:
    model = MLPClassifier(hidden_layer_sizes=(128, 64), max_iter=5, random_state=1)
joblib.dump(model.fit(x, y), sys.argv[2])
