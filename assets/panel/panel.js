// What scripts add to pages that are whole without them: fresh content, copying, times that age. No part of any task
// depends on it.

// Where a page says that it changes (data-live), it is asked for again when the service says that something happened, and
// the parts with an id that read otherwise now are exchanged.
if (document.querySelector("[data-live]") && "EventSource" in window) {
  const changes = new EventSource("/panel/live");
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected) { changes.close(); location.reload(); return; }
      if (answer.ok) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next change asks again */ } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };
  changes.addEventListener("changed", () => { if (!document.hidden) refresh(); else again = true; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; refresh(); } });
  addEventListener("pagehide", () => changes.close());
}

function exchange(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    // What somebody is reading with the keyboard, or has opened, is left as it is.
    if (!now || old.contains(document.activeElement) || old.innerHTML === now.innerHTML) continue;
    const opened = [...old.querySelectorAll("details")].map((one) => one.open);
    old.replaceChildren(...now.childNodes);
    [...old.querySelectorAll("details")].forEach((one, place) => { one.open = opened[place] ?? one.open; });
  }
}

// Copying.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.querySelector("span");
    label.textContent = "Copied";
    setTimeout(() => { label.textContent = "Copy"; }, 2000);
  });
}

// A form is sent once.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelector("button:not([type=button])")?.setAttribute("aria-busy", "true");
  });
}
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });

// Filters that are chosen, not typed, apply at once.
for (const field of document.querySelectorAll("[data-apply]")) field.addEventListener("change", () => field.form.requestSubmit());
