"use strict";
// On every page: the theme, times in the reader's clock, and what to say when the server does not answer.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const language = document.documentElement.lang;
const words = JSON.parse($("#words").textContent);

function t(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The token that every request which changes something carries. */
const csrf = () => $("meta[name=csrf-token]").content;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function trouble(text) {
  const place = $("#trouble");
  place.textContent = text;
  place.hidden = !text;
}

function showTimes(root) {
  for (const place of $$("time[datetime]", root)) {
    const time = new Date(place.dateTime);
    const today = time.toDateString() === new Date().toDateString();
    place.title = time.toLocaleString(language, { dateStyle: "full", timeStyle: "long" });
    place.textContent = time.toLocaleString(language, today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
  }
}

$("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `hilum_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
});

document.addEventListener("htmx:load", (event) => showTimes(event.detail.elt));
document.addEventListener("htmx:sendError", () => trouble(t("no_answer")));
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  trouble(t(status === 401 ? "signed_out" : status === 403 ? "not_allowed" : "went_wrong", { status }));
});
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && trouble(""));
$("form.signed")?.addEventListener("submit", () => sessionStorage.clear()); // what was searched for
showTimes(document);
