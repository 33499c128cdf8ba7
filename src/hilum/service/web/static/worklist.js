"use strict";
// The worklist: filters as they are typed, and a list that keeps itself up to date.

const REFRESH_MS = 5000;
const filters = $("#filters");
const list = $("#list");

/** Ask for the list; `quiet` where only what has changed is wanted. */
function refresh({ quiet = false, page = null } = {}) {
  if (page !== null) $("[name=page]", list).value = page;
  if (!quiet) $("[name=seen]", list).value = "";
  htmx.trigger(list, "refresh");
}

/** What is asked for stands in the address; the text that is searched for must not. */
function remember() {
  const asked = new URLSearchParams(new FormData(filters));
  asked.delete("csrf");
  sessionStorage.setItem("worklist-text", asked.get("text"));
  asked.delete("text");
  for (const [key, value] of [...asked]) if (!value || value === "urgency") asked.delete(key);
  const query = asked.toString();
  history.replaceState(null, "", query ? `/?${query}` : "/");
}

let typing = 0;
function changed() {
  remember();
  refresh({ page: 1 });
}
filters.addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(changed, event.target.type === "search" ? 300 : 0);
});
filters.addEventListener("submit", (event) => {
  event.preventDefault();
  changed();
});
filters.addEventListener("reset", (event) => {
  event.preventDefault();
  for (const field of filters.elements) if (field.name && field.name !== "csrf") field.value = field.name === "order" ? "urgency" : "";
  changed();
});
list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-page]");
  if (button) refresh({ page: button.dataset.page });
  else if (!event.target.closest("a, button") && !String(getSelection())) event.target.closest("tr")?.querySelector("a.who")?.click();
});
setInterval(() => document.hidden || refresh({ quiet: true }), REFRESH_MS);
document.addEventListener("visibilitychange", () => document.hidden || refresh({ quiet: true }));

if (matchMedia("(max-width: 760px)").matches && !location.search) $(".more", filters).open = false;
const text = sessionStorage.getItem("worklist-text");
if (text && !filters.elements.text.value) {
  filters.elements.text.value = text;
  document.addEventListener("DOMContentLoaded", () => refresh(), { once: true });
}
