"""Makes a feature view on Spark: the SQL of pipeline.yaml over the curated rows.

Arguments: address of the curated Parquet, address of a directory to write to, address of the file with the SQL. The view
that the SQL reads is called curated, as it is on DuckDB.
"""

import sys

from pyspark.sql import SparkSession


def main(source: str, destination: str, query: str) -> None:
    spark = SparkSession.builder.appName("features").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.read.parquet(source).createOrReplaceTempView("curated")
    sql = spark.read.text(query, wholetext=True).first()[0].rstrip().rstrip(";")
    spark.sql(sql).write.mode("overwrite").parquet(destination)
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("want three arguments: curated, destination, query")
    main(*sys.argv[1:])
