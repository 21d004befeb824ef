"""A real Spark in ``local-cluster`` mode, one executor killed in the middle: ``python spark_kill.py IN.parquet OUT [CORES]``.

Reads and writes Parquet, kills an executor with SIGKILL when a fifth of the tasks are done, and checks that the output is
complete, free of doubles, and of one version. Prints rows a second.
"""

import glob
import os
import signal
import sys
import threading
import time

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import xiaobao
from xiaobao import spark as xb


def executors(application):
    """Process ids of the executors of an application."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(b"\0")
        except OSError:
            continue
        if any(w.endswith(b"CoarseGrainedExecutorBackend") for w in words) and application.encode() in words:
            found.append(int(path.split("/")[2]))
    return found


def cpu_seconds(application):
    """Seconds of processor that the executors and their Python workers have used, those that ended included."""
    parents, used = {}, {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            words = open(path).read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid = int(path.split("/")[2])
        parents[pid] = int(words[1])
        used[pid] = sum(int(w) for w in words[11:15]) / os.sysconf("SC_CLK_TCK")
    ours = set(executors(application))
    for _ in range(8):
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    return sum(used.get(pid, 0) for pid in ours)


def peak_of_workers():
    """Most memory that a Python worker of Spark has held, in MB."""
    most = 0
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if b"pyspark.daemon" in open(path, "rb").read():
                status = open(path.replace("cmdline", "status")).read()
                most = max(most, int(status.split("VmHWM:")[1].split()[0]) // 1024)
        except (OSError, IndexError):
            continue
    return most


def main():
    path, out, cores = sys.argv[1], sys.argv[2], int((sys.argv + ["2"])[3])
    kill = "--no-kill" not in sys.argv
    session = (
        SparkSession.builder.master(f"local-cluster[{cores},1,1536]").appName("kill")
        .config("spark.executor.memory", "1536m").config("spark.driver.memory", "1g").config("spark.ui.enabled", "false")
        .config("spark.sql.files.maxPartitionBytes", os.environ.get("PARTITION", "8m")).config("spark.log.level", "ERROR")
        .config("spark.sql.shuffle.partitions", "8").getOrCreate()
    )
    context = session.sparkContext
    read = session.read.parquet(path)
    n = read.count()
    # Executors are there and have their model before the clock runs.
    xb.triage(read.limit(10)).count()
    n_parts = read.rdd.getNumPartitions()
    killed = []

    def killer():
        tracker = context.statusTracker()
        while not killed:
            time.sleep(0.5)
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                if info and info.numTasks == n_parts and info.numCompletedTasks >= n_parts // 5:
                    victim = executors(context.applicationId)[0]
                    os.kill(victim, signal.SIGKILL)
                    killed.append((victim, info.numCompletedTasks, info.numTasks))

    if kill:
        threading.Thread(target=killer, daemon=True).start()
    at, before = time.perf_counter(), cpu_seconds(context.applicationId)
    xb.triage(read, text="投诉内容", id="工单号").write.mode("overwrite").parquet(out)
    took = time.perf_counter() - at
    cpu = cpu_seconds(context.applicationId) - before
    print(f"{n:,} rows, {n_parts} partitions, {cores} executors of one core: {took:.1f} s, {n / took:,.0f} rows/s, "
          f"{n / took / cores:,.0f} a core by the clock, {n / cpu:,.0f} a second of processor "
          f"(the killed one's not counted); a worker held {peak_of_workers()} MB at most; killed {killed}", flush=True)
    decided = session.read.parquet(out)
    counts = xb.counts(decided)
    distinct = decided.select(F.countDistinct("序号"), F.min("序号"), F.max("序号")).first()
    print(counts, distinct, xb.check_lineage(decided), flush=True)
    assert not kill or killed, "nothing was killed"
    assert counts["rows"] == n == distinct[0], "rows are lost or doubled"
    assert tuple(distinct)[1:] == (0, n - 1)
    print("complete, free of doubles, of one version", xiaobao.__version__)
    session.stop()


if __name__ == "__main__":
    main()
