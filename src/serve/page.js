// Comfort only: the page works without it.
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    await navigator.clipboard.writeText(text);
    button.textContent = "已复制";
  });
}
const text = document.querySelector("textarea");
text.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) text.form.requestSubmit();
});
text.addEventListener("dragover", (e) => e.preventDefault());
text.addEventListener("drop", async (e) => {
  const file = e.dataTransfer.files[0];
  if (!file || file.size > 1e6) return;
  e.preventDefault();
  text.value = await file.text();
});
