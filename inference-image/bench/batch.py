"""Predicts a CSV file with scikit-learn, chunk by chunk: batch.py MODEL IN OUT. Prints rows and seconds."""
import sys
import time

import joblib
import pandas

model = joblib.load(sys.argv[1])
start, rows = time.process_time(), 0
with open(sys.argv[3], "w") as out:
    for chunk in pandas.read_csv(sys.argv[2], chunksize=100_000):
        x = chunk[["x%d" % i for i in range(30)]].to_numpy()
        pandas.DataFrame({"id": chunk["id"], "p": model.predict_proba(x)[:, 1]}).to_csv(out, header=rows == 0, index=False)
        rows += len(chunk)
print(rows, time.process_time() - start)
