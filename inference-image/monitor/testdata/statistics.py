#!/usr/bin/python3
"""Writes statistics.json: what SciPy says about fixed histograms. The tests hold the program's own statistics to it.

    /usr/bin/python3 statistics.py > statistics.json      (Debian: python3-scipy)
"""
import json
import random

import numpy
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ks_2samp

random.seed(1)
cases = [([50, 50], [80, 20]), ([100, 100, 100, 100], [100, 0, 0, 0]), ([10, 20, 30], [10, 20, 30]), ([1, 0, 0], [0, 0, 1])]
for bins in (2, 3, 5, 10, 20):
    for _ in range(4):
        cases.append(([random.randint(1, 200) for _ in range(bins)], [random.randint(0, 200) for _ in range(bins)]))

out = []
for training, live in cases:
    p = (numpy.array(training) + 0.5) / (sum(training) + len(training) / 2)
    q = (numpy.array(live) + 0.5) / (sum(live) + len(live) / 2)
    # A value stands for its bin, so that the samples have the histograms as their distributions.
    first, second = numpy.repeat(range(len(training)), training), numpy.repeat(range(len(live)), live)
    out.append({
        "training": training, "live": live,
        "psi": float(entropy(p, q) + entropy(q, p)),
        "ks": float(ks_2samp(first, second, method="asymp").statistic),
        "js": float(jensenshannon(training, live, base=2)),
    })
print(json.dumps({"scipy": scipy.__version__, "cases": out}, indent=1))
