"""How many rows `xiaobao suggest` needs for the macro-F1 that random choice reaches.

    python3 benches/desk/suggest.py TRAIN.csv TEST.csv --start 200 --last 1600 --seeds 1,2,3,4,5

Both ways begin with the same random rows and grow by as many a round; both learn by the same command. Prints both curves
by seed, and the share: rows at which `suggest` first reaches what random choice has at the end (between rounds in a line),
over the rows of random choice.
"""
import argparse, csv, json, os, random, statistics, subprocess, tempfile

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("train")
p.add_argument("test")
p.add_argument("--start", type=int, default=200)
p.add_argument("--last", type=int, default=1600)
p.add_argument("--rounds", type=int, default=7)
p.add_argument("--seeds", default="1,2,3,4,5")
p.add_argument("--flags", default="", help="more flags of train")
p.add_argument("--xiaobao", default="target/release/xiaobao")
a = p.parse_args()
rows = list(csv.DictReader(open(a.train, encoding="utf-8-sig")))
step = (a.last - a.start) // a.rounds
sizes = [a.start + step * k for k in range(a.rounds + 1)]
work = tempfile.mkdtemp()
at = lambda name: os.path.join(work, name)


def run(*args):
    done = subprocess.run([a.xiaobao, *args, "--force"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def write(name, places, labelled):
    with open(at(name), "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["id", "text"] + ["label"] * labelled)
        out.writerows([i, rows[i]["text"]] + [rows[i]["label"]] * labelled for i in places)
    return at(name)


def learn(places, seed):
    run("train", write("labelled.csv", places, True), "--head", "label", "--holdout", "0", "--out", at("model"),
        "--seed", str(seed), *a.flags.split())
    run("evaluate", a.test, "--model", at("model"), "--head", "label", "--json", at("figures.json"))
    return json.load(open(at("figures.json")))["heads"][0]["macro_f1"]


def suggested(have, n):
    pool = sorted(set(range(len(rows))) - set(have))
    run("suggest", write("pool.csv", pool, False), "--model", at("model"), "--head", "label", "-n", str(n), "--out", at("next.csv"))
    return [int(r["id"].strip()) for r in csv.DictReader(open(at("next.csv"), encoding="utf-8-sig"))]


def needed(curve, goal):
    for (n, f), (n2, f2) in zip(curve, curve[1:]):
        if f2 >= goal:
            return n + (n2 - n) * max(0.0, goal - f) / (f2 - f)
    return float("inf")


shares = []
for seed in map(int, a.seeds.split(",")):
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    chance = [(n, learn(order[:n], seed)) for n in sizes]
    have = order[: a.start]
    chosen = [(a.start, learn(have, seed))]
    for n in sizes[1:]:
        have = have + suggested(have, n - len(have))
        chosen.append((n, learn(have, seed)))
    shares.append(needed(chosen, chance[-1][1]) / a.last)
    show = lambda curve: " ".join(f"{f:.3f}" for _, f in curve)
    print(f"seed {seed}: random {show(chance)} | suggest {show(chosen)} | share {shares[-1]:.2f}", flush=True)
print(f"{sizes[0]} to {sizes[-1]} rows by {step}: mean share {statistics.mean(shares):.2f}, "
      f"spread {statistics.pstdev(shares):.2f}, from {min(shares):.2f} to {max(shares):.2f}")
