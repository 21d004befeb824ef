"""What people build today: FastAPI, jieba words, TF-IDF and LinearSVC; one type a request, nothing else.

Trained at start on the shipped complaints; uvicorn runs it with two workers (serve.sh)."""
import csv
import glob
import logging

import jieba
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

jieba.setLogLevel(logging.ERROR)
rows = []
for path in sorted(glob.glob("data/complaints/*.csv"))[:20]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows += [(r["text"], r["type"]) for r in csv.DictReader(file)]
model = make_pipeline(
    TfidfVectorizer(analyzer=jieba.lcut, min_df=2, sublinear_tf=True), LinearSVC()
).fit([t for t, _ in rows], [l for _, l in rows])
app = FastAPI()


class Complaint(BaseModel):
    text: str


@app.post("/v1/triage")
def triage(complaint: Complaint):
    return {"type": str(model.predict([complaint.text])[0])}
