"""Makes a feature view on Spark: the SQL of pipeline.yaml over the curated rows.

Arguments: address of the curated Parquet, address to write to, the SQL. The view that the SQL reads is called curated,
as it is on DuckDB.
"""

import sys

from pyspark.sql import SparkSession


def main(source: str, destination: str, sql: str) -> None:
    spark = SparkSession.builder.appName("features").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.read.parquet(source).createOrReplaceTempView("curated")
    spark.sql(sql).write.mode("overwrite").parquet(destination)
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("want three arguments: curated, destination, sql")
    main(*sys.argv[1:])
