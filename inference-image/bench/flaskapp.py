"""The app that this project began with: Flask, joblib and scikit-learn. bench-serve runs it with Flask's own server and
with gunicorn."""
import os

import joblib
import numpy
from flask import Flask, jsonify, request

app = Flask(__name__)
model = joblib.load(os.environ["BENCH_MODEL"])


@app.route("/predict", methods=["POST"])
def predict():
    rows = numpy.atleast_2d(numpy.array(request.get_json()["features"], dtype=numpy.float64))
    return jsonify({"prediction": model.predict(rows).tolist()})


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]))
