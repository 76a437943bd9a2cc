// What scripts add to pages that are whole without them: fresh content, copying, forms that are sent once. No part of any
// task depends on it.

// Where a page says that it changes (data-live), it is asked for again when the service says that something happened, and
// the parts that read otherwise now are exchanged. Only while somebody looks: browsers open few connections to one host.
if (document.querySelector("[data-live]") && "EventSource" in window) {
  let changes = null;
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (new URL(answer.url).pathname === "/panel/sign-in") { location.assign(answer.url); return; } // the session is over
      if (answer.ok) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next change asks again */ } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };
  const watch = () => {
    changes?.close();
    changes = null;
    if (document.hidden) return;
    changes = new EventSource("/panel/live");
    changes.addEventListener("open", refresh); // what happened before the connection stood
    changes.addEventListener("changed", refresh);
  };
  document.addEventListener("visibilitychange", watch);
  addEventListener("pagehide", () => changes?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) watch(); });
  watch();
}

function exchange(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now) offerCopying(now);
    // What somebody is reading with the keyboard, or has opened, is left as it is.
    if (!now || old.contains(document.activeElement) || old.innerHTML === now.innerHTML) continue;
    const opened = [...old.querySelectorAll("details")].map((one) => one.open);
    old.replaceChildren(...now.childNodes);
    [...old.querySelectorAll("details")].forEach((one, place) => { one.open = opened[place] ?? one.open; });
  }
}

// Copying. Listeners stand at the document, so that parts which were exchanged have them too.
function offerCopying(within) {
  if (navigator.clipboard) for (const button of within.querySelectorAll("[data-copy]")) button.hidden = false;
}
offerCopying(document);
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.querySelector("span");
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
});

// A form is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.querySelector("button:not([type=button])")?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });

// Filters that are chosen, not typed, apply at once.
document.addEventListener("change", (event) => { if (event.target.matches("[data-apply]")) event.target.form.requestSubmit(); });
