// What was typed into form[data-draft] outlives a dropped connection or an ended session. It is kept
// for this tab only, without numbers of documents and phones, and goes when it was saved, when
// somebody signs out, or when somebody else signs in (data-owner). Chromium 86, no build.
(function () {
  "use strict";
  const PREFIX = "canbao-draft:";
  const store = window.sessionStorage;
  const fields = (form) => Array.from(form.elements).filter((field) =>
    field.name && !["hidden", "file", "password", "submit", "button"].includes(field.type)
      && !("private" in field.dataset));
  const owner = document.body.dataset.owner || "";
  const name = (draft) => PREFIX + owner + ":" + window.location.pathname + ":" + draft;
  const key = (form) => name(form.dataset.draft);
  Object.keys(store)
    .filter((one) => one.startsWith(PREFIX) && !one.startsWith(PREFIX + owner + ":"))
    .forEach((one) => store.removeItem(one));

  function keep(form) {
    const values = fields(form).map((field) =>
      [field.name, field.type === "checkbox" || field.type === "radio" ? field.checked : field.value, field.value]);
    try { store.setItem(key(form), JSON.stringify(values)); } catch (error) { /* full or forbidden: no draft */ }
  }

  function bring(form) {
    const kept = store.getItem(key(form));
    if (!kept || form.querySelector(".note-error")) return;
    let changed = false;
    JSON.parse(kept).forEach(([label, value, own]) => {
      const field = fields(form).find((one) =>
        one.name === label && (typeof value !== "boolean" || one.value === own));
      if (!field) return;
      if (typeof value === "boolean") {
        changed = changed || field.checked !== value;
        field.checked = value;
      } else if (field.value !== value) {
        changed = true;
        field.value = value;
      }
    });
    if (!changed) return;
    form.dispatchEvent(new Event("change", { bubbles: true }));
    const note = document.createElement("div");
    note.className = "note";
    note.setAttribute("role", "status");
    const text = document.createElement("div");
    text.textContent = "已恢复上次没有保存的内容（证件号码和电话不保存，请重新填写）。 ";
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "link";
    drop.textContent = "不要这些内容";
    drop.addEventListener("click", () => { store.removeItem(key(form)); window.location.reload(); });
    text.append(drop);
    note.append(text);
    form.prepend(note);
  }

  // A page that shows what was saved says which drafts are done with.
  document.querySelectorAll("[data-draft-done]").forEach((mark) => {
    mark.dataset.draftDone.split(" ").forEach((draft) => store.removeItem(name(draft)));
  });
  document.querySelectorAll("form[data-draft]").forEach((form) => {
    bring(form);
    form.addEventListener("input", () => keep(form));
    form.addEventListener("change", (event) => { if (event.isTrusted) keep(form); });
    form.addEventListener("submit", (event) => {
      if (navigator.onLine) return;
      event.preventDefault();
      event.stopPropagation();
      delete form.dataset.sent;
      window.alert("网络断开，没有保存。填写的内容还在，网络恢复后再点一次。");
    }, true);
  });
})();
