"""Do the desk's figures keep what they promise? Three checks, each by the binary alone.

    python3 benches/desk/promises.py calibration TRAIN.csv TEST.csv FLAGS…   # calibration error, and accuracy under another mix
    python3 benches/desk/promises.py bound [n]                               # urgent recall promised by `thresholds`

calibration: trains on nine tenths, calibrates on one, prints the expected calibration error on TEST (ten bins); then draws 20
test sets of 1,000 rows whose class mix is another (Dirichlet, 1 for each class) and prints how far the accuracy that `drift`
expects without labels lies from the true one.

bound: the rows of the test voices are the world. 100 times 600 of them are drawn with replacement, `thresholds` sets the
limits for a promise of 97 %, and the world tells whether the promise holds.
"""
import csv, json, os, random, subprocess, sys, tempfile

XIAOBAO = os.environ.get("XIAOBAO", "target/release/xiaobao")
work = tempfile.mkdtemp()
at = lambda name: os.path.join(work, name)


def run(*args, ok=(0,)):
    done = subprocess.run([XIAOBAO, *args], capture_output=True, text=True)
    assert done.returncode in ok, done.stderr
    return done.stdout


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


def write(name, rows):
    with open(at(name), "w", newline="") as f:
        out = csv.DictWriter(f, rows[0])
        out.writeheader()
        out.writerows(rows)
    return at(name)


def figures(test, model, *args):
    run("evaluate", test, "--model", model, "--json", at("e.json"), "--force", *args)
    return json.load(open(at("e.json")))["heads"]


def calibration(train, test, *flags):
    run("train", train, "--head", "label", "--holdout", "0.1", "--out", at("model"), "--force", *flags)
    head = figures(test, at("model"), "--head", "label")[0]
    print(f"accuracy {head['accuracy']:.4f}, macro-F1 {head['macro_f1']:.4f}, "
          f"expected calibration error {head['expected_calibration_error']:.4f}, n {head['n']}")
    by_label = {}
    for row in read(test):
        by_label.setdefault(row["label"], []).append(row)
    off, plain = [], []
    for seed in range(1, 21):
        chance = random.Random(seed)
        mix = {label: chance.expovariate(1) for label in sorted(by_label)}
        labels = chance.choices(list(mix), list(mix.values()), k=1000)
        drawn = write("mix.csv", [chance.choice(by_label[label]) for label in labels])
        true = figures(drawn, at("model"), "--head", "label")[0]["accuracy"]
        run("drift", at("model"), drawn, "--words", "0", "--json", at("d.json"), "--force", ok=(0, 1))
        told = json.load(open(at("d.json")))["expected"][0]
        off.append(abs(told["accuracy"] - true))
        plain.append(abs(told["accuracy_same_mix"] - true))
        print(f"  mix {seed}: true {true:.3f}, expected {told['accuracy']:.3f}, without the mix {told['accuracy_same_mix']:.3f}", flush=True)
    print(f"expected accuracy is off by {sum(off) / 20:.4f} on average, {max(off):.4f} at most; within 0.02: {sum(o <= .02 for o in off)} of 20 "
          f"(without the mix {sum(plain) / 20:.4f}, {max(plain):.4f})")


def bound(n="600"):
    world = [row for k in range(1, 6) for row in read(f"data/complaints/t0{k}.csv")]
    all_rows = write("world.csv", world)
    urgent = [row["urgency"] in ("U1", "U2") for row in world]
    kept, recalls = 0, []
    for seed in range(1, 101):
        drawn = write("drawn.csv", random.Random(seed).choices(world, k=int(n)))
        run("thresholds", "models/default", drawn, "--urgent-recall", "0.97", "--out", at("model"), "--force")
        head = [h for h in figures(all_rows, at("model")) if h["head"] == "urgency"][0]
        raised = sum(row[0] + row[1] for row in head["confusion"][:2])
        recalls.append(raised / sum(urgent))
        kept += recalls[-1] >= 0.97
        print(f"  {seed}: {recalls[-1]:.4f}", flush=True)
    print(f"kept {kept} of 100; recall from {min(recalls):.4f} to {max(recalls):.4f}, {sum(urgent)} urgent of {len(world)}")


{"calibration": calibration, "bound": bound}[sys.argv[1]](*sys.argv[2:])
