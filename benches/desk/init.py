"""`train --init` against a cold start on few rows, on two label sets that are not ours.

    python3 benches/desk/init.py lines                          # business lines, on our test voices
    python3 benches/desk/init.py file TRAIN.csv TEST.csv        # any two files with columns text, label

lines: a site's own six business lines. Rows are drawn from the voices t01 to t03, figures are of t04 and t05: the bundle that is
begun with has learnt from none of the five. Prints macro-F1 by number of rows, mean of five seeds and each.
"""
import csv, json, os, random, statistics, subprocess, sys, tempfile

XIAOBAO = os.environ.get("XIAOBAO", "target/release/xiaobao")
LINES = {
    "账户与卡": "BK01 BK04 BK05 BK08", "信贷": "BK02 BK03 BK07", "财富": "BK06", "保险": "IN01 IN02 IN03 IN04 IN05",
    "支付": "PY01 PY02 PY03", "综合": "CM01 CM02 CM03 CM99",
}
work = tempfile.mkdtemp()
at = lambda name: os.path.join(work, name)


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


def run(*args):
    done = subprocess.run([XIAOBAO, *args, "--force"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def write(name, rows):
    with open(at(name), "w", newline="") as f:
        out = csv.DictWriter(f, ["text", "label"], extrasaction="ignore")
        out.writeheader()
        out.writerows(rows)
    return at(name)


if sys.argv[1] == "lines":
    line = {code: name for name, codes in LINES.items() for code in codes.split()}
    voices = [[dict(row, label=line[row["type"]]) for row in read(f"data/complaints/t0{k}.csv")] for k in range(1, 6)]
    pool, test = sum(voices[:3], []), sum(voices[3:], [])
else:
    pool, test = read(sys.argv[2]), read(sys.argv[3])
write("test.csv", test)
labels = {row["label"] for row in pool}
for n in (50, 100, 200, 500, 1000):
    if n > len(pool):
        break
    for name, flags in (("cold", []), ("--init", ["--init", "models/default"])):
        found = []
        for seed in range(1, 6):
            chance = random.Random(seed * 1000 + n)
            drawn = chance.sample(pool, n)
            while {row["label"] for row in drawn} != labels:
                drawn = chance.sample(pool, n)
            run("train", write("few.csv", drawn), "--head", "label", "--holdout", "0", "--out", at("model"), "--seed", str(seed), *flags)
            run("evaluate", at("test.csv"), "--model", at("model"), "--head", "label", "--json", at("e.json"))
            found.append(json.load(open(at("e.json")))["heads"][0]["macro_f1"])
        print(f"{n} rows, {name}: {statistics.mean(found):.3f} ({' '.join(f'{f:.3f}' for f in found)}), n {len(test)}", flush=True)
