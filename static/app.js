// Small conveniences; every page works without them. Chromium 86, no build.
(function () {
  "use strict";
  const body = document.body;
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

  // htmx sends the CSRF token; an answer that is the sign-in page means that the session is over.
  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector("meta[name=csrf-token]");
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const xhr = event.detail.xhr;
    const signIn = body.dataset.signInUrl;
    const over = signIn && xhr.responseURL && new URL(xhr.responseURL).pathname === signIn;
    if (over || xhr.status === 401) {
      event.detail.shouldSwap = false;
      say("登录已过期，页面内容仍在。请在新窗口重新登录后再继续。", signIn || "/", "重新登录", true);
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) restartClock();
  });

  // A line at the lower right. `aside`: the link opens a new window, so that nothing typed is lost.
  function say(words, url, label, aside) {
    all(".session").forEach((old) => old.remove());
    const note = document.createElement("div");
    note.className = "note note-warning session";
    note.setAttribute("role", "alert");
    const text = document.createElement("div");
    text.textContent = words + " ";
    if (label) {
      const link = document.createElement("a");
      link.href = url;
      link.textContent = label;
      if (aside) link.target = "_blank";
      text.append(link);
    }
    note.append(text);
    body.append(note);
    return note;
  }

  // Two minutes before the session ends, say so.
  const seconds = Number(body.dataset.sessionSeconds || 0);
  let clock = 0;
  function restartClock() {
    if (!seconds) return;
    window.clearTimeout(clock);
    clock = window.setTimeout(warn, Math.max(seconds - 120, 10) * 1000);
  }
  function warn() {
    const url = body.dataset.keepaliveUrl;
    const note = say("两分钟后将自动退出登录，请及时保存。", "#", url ? "继续使用" : "");
    const link = note.querySelector("a");
    if (!link) return;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      fetch(url, { credentials: "same-origin", redirect: "error" }).then(
        () => { note.remove(); restartClock(); },
        () => say("登录已过期，请在新窗口重新登录。", body.dataset.signInUrl || "/", "重新登录", true)
      );
    });
  }
  restartClock();

  // "/" to the search field; j, k and Enter through the rows of table[data-keys]. A row that is in
  // focus opens its first link, or the one marked data-open.
  function step(by) {
    const rows = all("table[data-keys] tbody tr").filter((row) => row.querySelector("a"));
    if (!rows.length) return;
    const here = rows.indexOf(document.activeElement.closest("tr"));
    const row = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const target = event.target;
    if (event.key === "Enter" && target.matches("form[data-enter-next] .widget input")) {
      if (moveOn(target)) event.preventDefault();
    } else if (event.key === "Escape") {
      all("details.menu[open]").forEach((menu) => { menu.open = false; menu.firstElementChild.focus(); });
    } else if (typing(target)) {
      return;
    } else if (event.key === "/") {
      const search = document.querySelector("[data-search], input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (target === body || target.matches("main, table[data-keys] tr")) && document.querySelector("table.homes")) {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if ((event.key === "n" || event.key === "p") && document.querySelector("[data-next], [data-previous]")) {
      const turn = document.querySelector(event.key === "n" ? "[data-next]" : "[data-previous]");
      if (turn) turn.click();
    } else if (event.key === "Enter" && target.matches("table[data-keys] tr")) {
      const link = target.querySelector("[data-open]") || target.querySelector("a");
      if (link) link.click();
    }
  });

  // Enter goes to the next field; in the last one it sends the form.
  function moveOn(input) {
    if (["submit", "button", "file"].includes(input.type)) return false;
    const fields = all(".widget input, .widget select, .widget textarea", input.form)
      .filter((field) => !field.disabled && field.type !== "hidden");
    const next = fields[fields.indexOf(input) + 1];
    if (!next) return false;
    next.focus();
    return true;
  }

  // Menus close when one clicks elsewhere; only one stands open.
  document.addEventListener("click", (event) => {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    const login = event.target.closest("[data-username]");
    if (login) {
      document.querySelector("[name=username]").value = login.dataset.username;
      document.querySelector("[name=password]").value = login.dataset.password;
      document.querySelector("form .btn").focus();
    }
  });

  // Forms marked data-guard ask before one leaves with changes; no form is sent twice by a double click.
  const changed = new Set();
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && form.matches("[data-guard]")) changed.add(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    changed.delete(form);
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  // Drafts of this tab (drafts.js) go with whoever signs out.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-sign-out]")) return;
    Object.keys(window.sessionStorage).filter((name) => name.startsWith("canbao-draft:"))
      .forEach((name) => window.sessionStorage.removeItem(name));
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
  window.addEventListener("beforeunload", (event) => {
    if (!changed.size) return;
    event.preventDefault();
    event.returnValue = "";
  });

  // The reason for opening a masked number is asked once per page: later eyes send it again by themselves.
  let reason = "";
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-reveal]")) reason = event.target.elements.reason.value;
  });
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!reason || !menu.open || !menu.matches(".reveal")) return;
    const form = menu.querySelector("[data-reveal]");
    form.elements.reason.value = reason;
    form.requestSubmit();
  }, true);

  // One box ticks all rows of its form.
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!box.matches("[data-tick-all]")) return;
    all("input[type=checkbox][name=row]", box.form).forEach((one) => { one.checked = box.checked; });
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  const first = document.querySelector("[data-focus]");
  if (first) first.focus();
})();
