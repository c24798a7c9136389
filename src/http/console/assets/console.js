// What the console does besides its forms. Every step works without it.
"use strict";

// A button with data-dialog opens the dialog of that id instead of going to the page that asks the same.
for (const button of document.querySelectorAll("[data-dialog]")) {
  const dialog = document.getElementById(button.dataset.dialog);
  if (!dialog || typeof dialog.showModal !== "function") continue;
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const form = dialog.querySelector("form");
    form?.reset();
    clear(dialog);
    dialog.showModal();
    dialog.querySelector("[data-name]")?.focus();
  });
  dialog.addEventListener("close", () => button.focus());
}

// Cancel in a dialog closes it; on a page it is a link back.
for (const cancel of document.querySelectorAll("dialog [data-cancel]")) {
  cancel.addEventListener("click", (event) => {
    event.preventDefault();
    cancel.closest("dialog").close();
  });
}

// A typed name is compared at once; the server compares it again.
for (const field of document.querySelectorAll("[data-name]")) {
  const form = field.form;
  form.addEventListener("submit", (event) => {
    // Keyboards encode accents in two ways.
    const plain = (text) => text.trim().normalize("NFC");
    if (plain(field.value) === plain(field.dataset.name)) return;
    event.preventDefault();
    say(field, `The ${field.dataset.what ?? "name"} does not match. Type ${field.dataset.name} exactly as shown.`);
    field.focus();
  });
  field.addEventListener("input", () => clear(form));
}

function say(field, text) {
  clear(field.form);
  const error = document.createElement("p");
  error.className = "error";
  error.id = `${field.id}-error`;
  error.setAttribute("role", "alert");
  error.textContent = text;
  field.after(error);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", error.id);
}

function clear(place) {
  for (const error of place.querySelectorAll("p.error")) error.remove();
  for (const field of place.querySelectorAll("[data-name][aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

// The bar over a list says how many of it are selected, and one box selects all.
for (const form of document.querySelectorAll("form[data-select]")) {
  // Not `form.id`: the fields of the form that are called "id" hide it.
  const own = `[form="${form.getAttribute("id")}"]`;
  const boxes = () => document.querySelectorAll(`input[type=checkbox]:not([data-all])${own}`);
  const all = document.querySelector(`[data-all]${own}`);
  const told = form.querySelector("[data-selected]");
  const count = () => {
    const chosen = [...boxes()].filter((box) => box.checked).length;
    if (told) told.textContent = `${chosen} selected`;
    if (all) {
      all.checked = chosen > 0 && chosen === boxes().length;
      all.indeterminate = chosen > 0 && !all.checked;
    }
  };
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes()) box.checked = all.checked;
      count();
    });
  }
  for (const box of boxes()) box.addEventListener("change", count);
  count();
}

// A form is sent once, however often its button is pressed; again after a while, if no answer came.
const PATIENCE = 10_000;
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, PATIENCE);
  });
}
// A page that comes back from the browser's memory may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// What can be copied has a button for it.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(shown.value ?? shown.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(shown);
      button.textContent = "Press Ctrl+C to copy";
    }
  });
}
