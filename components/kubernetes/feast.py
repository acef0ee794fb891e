"""Fills the online store with the feature set of a run, by Feast.

Arguments: address of the run's record, address of the features zone, path of pipeline.yaml, name of the view, its key.
The feature store is the one whose feature_store.yaml lies beside this file.
"""

import datetime
import json
import os
import sys
from urllib.parse import urlencode, urlsplit

import pyarrow as arrow
import pyarrow.parquet as parquet
import yaml
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64, String
from pyarrow import fs

WHEN = "event_timestamp"
DIVISION = ("_split", "_fold")  # how rows are divided


def located(uri: str) -> tuple[fs.FileSystem, str]:
    """Finds what lies at an address, in a store of one's own where the environment names one."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3", "")
    if uri.startswith("s3://") and endpoint:
        at = urlsplit(endpoint)
        uri += "?" + urlencode({"endpoint_override": at.netloc, "scheme": at.scheme})
    return fs.FileSystem.from_uri(uri)


def main(record: str, zone: str, definition: str, name: str, key: str) -> None:
    files, path = located(record)
    with files.open_input_stream(path) as stream:
        run = json.loads(stream.read())
    if run.get("status") == "unchanged":  # the store holds it
        return
    with open(definition, encoding="utf-8") as file:
        pipeline = yaml.safe_load(file)
    address = f"{zone}/{run['features']}"
    files, path = located(address)
    table = parquet.read_table(path, filesystem=files)
    others = (key, pipeline["label"], pipeline.get("weight"), *DIVISION)
    inputs = [column for column in table.column_names if column not in others]
    whole = arrow.types.is_integer(table.schema.field(key).type)
    entity = Entity(name=key, join_keys=[key])
    view = FeatureView(
        name=name.replace("-", "_"),
        entities=[entity],
        schema=[Field(name=key, dtype=Int64 if whole else String)] + [Field(name=i, dtype=Float64) for i in inputs],
        source=FileSource(path=address, timestamp_field=WHEN),
        ttl=datetime.timedelta(0),  # the store itself forgets
    )
    store = FeatureStore(repo_path=os.path.dirname(os.path.abspath(__file__)))
    store.apply([entity, view])
    rows = table.select([key, *inputs]).to_pandas()
    rows[key] = rows[key].astype("int64" if whole else "str")
    rows[WHEN] = datetime.datetime.now(datetime.timezone.utc)
    store.write_to_online_store(view.name, rows)
    print(f"the online store holds {len(rows)} rows")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit("want five arguments: record, features, pipeline.yaml, view, key")
    main(*sys.argv[1:])
