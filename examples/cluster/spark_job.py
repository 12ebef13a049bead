"""spark_job.py - a list of images through long-lived `cvt` co-processes, one a task, to a DataFrame and to Parquet:

    spark-submit spark_job.py --cvt cvt --model MODEL --list LIST --out OUT [--partitions N]

LIST has a path a line; every worker must see the images and the model under the same paths. cvt answers each path with
one record, in order, for an image that cannot be read too, so a task yields as many rows as it got. A task whose cvt
ends early fails, and Spark runs it again elsewhere: each image is in the result once. Needs pandas and pyarrow."""

import argparse
import json
import os
import subprocess
import threading

SCHEMA = "path string, ok boolean, label string, index int, score double, error string"


def classify(program, model):
    """Makes the function of mapInPandas."""

    def feed(process, paths):
        with process.stdin as pipe:
            for path in paths:
                pipe.write(os.fsencode(path) + b"\0")

    def row(record, path):
        if not record["ok"]:
            return path, False, None, None, None, record["error"]["code"]
        best = record["top"][0]
        return path, True, best["label"], best["index"], best["score"], None

    def run(frames):
        import pandas

        for frame in frames:
            paths = list(frame["path"])
            process = subprocess.Popen([program, "classify", "-m", model, "-k", "1", "-t", "1", "-j", "1", "-q", "-f", "jsonl",
                                        "-0", "--files-from", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            thread = threading.Thread(target=feed, args=(process, paths))
            thread.start()
            rows = [row(json.loads(line), path) for path, line in zip(paths, process.stdout)]
            thread.join()
            status = process.wait()
            if len(rows) != len(paths) or status > 1 or status < 0:  # 1: some images failed
                raise RuntimeError(f"cvt ended with status {status} after {len(rows)} of {len(paths)} images")
            yield pandas.DataFrame(rows, columns=["path", "ok", "label", "index", "score", "error"])

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cvt", default="cvt")
    parser.add_argument("--model", required=True)
    parser.add_argument("--list", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--partitions", type=int, default=0, help="default: as many as Spark has slots")
    a = parser.parse_args()

    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("cvt").getOrCreate()
    # one co-process a batch of this many images: loading the model takes milliseconds
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10000")
    paths = spark.read.text("file://" + os.path.abspath(a.list)).withColumnRenamed("value", "path")
    paths = paths.repartition(a.partitions or spark.sparkContext.defaultParallelism)
    records = paths.mapInPandas(classify(a.cvt, a.model), SCHEMA)
    records.write.mode("overwrite").parquet("file://" + os.path.abspath(a.out))
    written = spark.read.parquet("file://" + os.path.abspath(a.out))
    print(f"{written.count()} records, {written.filter('not ok').count()} of images that failed")
    spark.stop()


if __name__ == "__main__":
    main()
