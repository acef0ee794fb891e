"""Makes a feature view on Spark: the SQL of pipeline.yaml over the curated rows of a run.

Arguments: address of the run's record, address of the curated zone, address of a directory to write to, path of the file
with the SQL. The view that the SQL reads is called curated, as it is on DuckDB.
"""

import json
import sys

from pyspark.sql import SparkSession


def main(record: str, curated: str, destination: str, query: str) -> None:
    spark = SparkSession.builder.appName("features").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    run = json.loads(spark.read.text(record, wholetext=True).first()[0])
    if run.get("status") == "unchanged":  # the step that takes the result does nothing either
        spark.stop()
        return
    rows = f"{curated}/{run['dataVersion']}/part-00000.parquet"
    spark.read.parquet(rows).createOrReplaceTempView("curated")
    with open(query, encoding="utf-8") as file:
        sql = file.read().rstrip().rstrip(";")
    spark.sql(sql).write.mode("overwrite").parquet(destination)
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("want four arguments: record, curated, destination, query")
    main(*sys.argv[1:])
