"use strict";
// Drag and drop for the file that is checked; without this script the file input does the same.
{
  const form = document.querySelector("form.file");
  if (form) {
    const drop = form.querySelector(".drop");
    const input = form.querySelector("input[type=file]");
    const text = form.querySelector(".drop-text");
    const error = form.querySelector(".error");
    const button = form.querySelector("button");
    form.classList.add("quick");

    const fits = () => {
      const file = input.files[0];
      const large = Boolean(file) && file.size > Number(form.dataset.most);
      error.textContent = large ? form.dataset.large : "";
      error.hidden = !large;
      if (file) text.textContent = file.name;
      return Boolean(file) && !large;
    };
    const send = () => {
      if (fits()) form.requestSubmit();
    };

    input.addEventListener("change", fits);
    form.addEventListener("submit", (event) => {
      if (!fits()) {
        event.preventDefault();
        return;
      }
      button.disabled = true;
      button.textContent = button.dataset.busy;
    });
    for (const name of ["dragenter", "dragover"]) {
      document.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    document.addEventListener("dragleave", () => drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        send();
      }
    });
    window.addEventListener("pageshow", () => {
      button.disabled = false;
    });
  }
}
