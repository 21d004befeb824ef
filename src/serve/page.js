// Comfort only: the page works without it.
"use strict";
const put = async (text) => {
  // The clipboard of its own is there on secure addresses only; the old way works everywhere.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
};
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await put(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "已复制";
  });
}
const text = document.getElementById("text");
text.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) text.form.requestSubmit();
});
const upload = document.getElementById("file");
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (e) => {
    e.preventDefault();
    text.classList.toggle("over", kind === "dragover");
  });
}
document.addEventListener("drop", async (e) => {
  const file = e.dataTransfer.files[0];
  if (!file) return;
  if (/\.(csv|tsv|jsonl|ndjson)$/i.test(file.name)) {
    upload.files = e.dataTransfer.files;
    upload.form.requestSubmit();
  } else if (file.size <= 1e6) {
    text.value = await file.text();
    text.focus();
  }
});
