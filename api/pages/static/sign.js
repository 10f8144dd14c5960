// The signing page: draws, checks what is missing, and sends forms without leaving the page.
"use strict";

const json = { headers: { Accept: "application/json" }, method: "POST" };

function say(form, text, kind) {
  const place = form.querySelector(".error");
  place.textContent = text;
  place.hidden = !text;
  place.classList.toggle("progress", kind === "progress");
  if (text) place.scrollIntoView({ block: "nearest" });
}

function told(problem) {
  const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  const lines = (problem.errors || []).flatMap((one) => [one.message[lang], one.hint[lang]]);
  const first = lang === "zh" ? problem.title_zh : problem.title;
  return (lines.length ? lines : [first]).filter(Boolean).join("\n");
}

// Send a form; the answer, or null when it was refused (and said so).
async function send(form, action, data) {
  let answer;
  try {
    answer = await fetch(action, { ...json, body: data });
  } catch {
    say(form, form.dataset.network);
    return null;
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  say(form, told(body) || form.dataset.network);
  return null;
}

function busy(form, on) {
  form.querySelector("button[type=submit]").disabled = on;
}

class Hand {
  constructor(form) {
    this.form = form;
    this.canvas = form.querySelector("canvas");
    this.pad = new SignaturePad(this.canvas, { penColor: "#101a3a", minWidth: 1, maxWidth: 3.2 });
    this.how = "drawn";
    this.pad.addEventListener("beginStroke", () => this.mark(true));
    form.querySelector("[data-do=clear]").addEventListener("click", () => this.clear());
    form.querySelector("[data-do=undo]").addEventListener("click", () => this.undo());
    for (const tab of form.querySelectorAll("[data-how]")) {
      tab.addEventListener("click", () => this.choose(tab.dataset.how));
    }
    for (const one of form.querySelectorAll("[name=opinion]")) {
      one.addEventListener("change", () => this.opined());
    }
    this.fit();
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    this.opined();
  }

  get opinion() {
    return this.form.querySelector("[name=opinion]:checked").value;
  }

  mark(drawn) {
    this.form.querySelector(".drawing").classList.toggle("drawn", drawn);
  }

  clear() {
    this.pad.clear();
    this.mark(false);
  }

  undo() {
    const strokes = this.pad.toData().slice(0, -1);
    this.pad.fromData(strokes);
    this.mark(strokes.length > 0);
  }

  // Keep the strokes when the canvas changes its size, as when a phone is turned.
  fit() {
    const width = this.canvas.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const strokes = this.pad.toData();
    this.canvas.width = width * ratio;
    this.canvas.height = this.canvas.clientHeight * ratio;
    this.canvas.getContext("2d").scale(ratio, ratio);
    this.pad.clear();
    this.pad.fromData(strokes);
  }

  choose(how) {
    this.how = how;
    for (const tab of this.form.querySelectorAll("[data-how]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.how === how));
    }
    this.form.querySelector(".drawing").hidden = how !== "drawn";
    this.form.querySelector(".typing").hidden = how !== "typed";
    this.fit();
  }

  opined() {
    const disagrees = this.opinion === "disagree";
    const button = this.form.querySelector("button.primary");
    this.form.querySelector(".comment").hidden = this.opinion === "agree";
    this.form.classList.toggle("returns", disagrees);
    button.textContent = disagrees ? button.dataset.disagree : button.dataset.agree;
  }

  // What is missing, as the form's data say it; empty when nothing is.
  missing() {
    const words = this.form.dataset;
    const comment = this.form.querySelector("[name=comment]").value.trim();
    if (this.opinion !== "agree" && !comment) return words.noComment;
    const drawn = this.how === "drawn" && this.pad.isEmpty();
    if (drawn && this.opinion !== "disagree") return words.empty;
    return this.form.querySelector("[name=consent]").checked ? "" : words.noConsent;
  }

  async data() {
    const data = new FormData(this.form);
    data.delete("position");
    if (this.opinion === "agree") data.delete("comment");
    if (this.how !== "drawn") return data;
    data.delete("typed");
    if (this.pad.isEmpty()) return data;
    const picture = await new Promise((done) => this.canvas.toBlob(done, "image/png"));
    const size = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
    const strokes = JSON.stringify({ ...size, strokes: this.pad.toData() });
    data.set("image", picture, "signature.png");
    data.set("strokes", new Blob([strokes], { type: "application/json" }), "strokes.json");
    return data;
  }
}

function signs(form) {
  const hand = new Hand(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const missing = hand.missing();
    if (missing) return say(form, missing);
    busy(form, true);
    say(form, form.dataset.sending, "progress");
    if (await send(form, form.action, await hand.data())) return location.reload();
    busy(form, false);
  });
}

function signsMany(form) {
  const hand = new Hand(form);
  const boxes = [...document.querySelectorAll("[name=position]")];
  document.querySelector("[data-all]").addEventListener("change", (event) => {
    for (const box of boxes) box.checked = event.target.checked && !box.disabled;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const ticked = boxes.filter((box) => box.checked && !box.disabled);
    const missing = ticked.length ? hand.missing() : form.dataset.noneTicked;
    if (missing) return say(form, missing);
    busy(form, true);
    const data = await hand.data();
    const words = form.dataset.progress;
    for (const [n, box] of ticked.entries()) {
      say(form, words.replace("{n}", n).replace("{all}", ticked.length), "progress");
      if (!(await send(form, box.dataset.action, data))) return busy(form, false);
      box.disabled = true;
    }
    return location.reload();
  });
}

function delegates(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(form, true);
    const made = await send(form, form.action, new FormData(form));
    if (!made) return busy(form, false);
    const text = document.createElement("p");
    const address = document.createElement("p");
    text.textContent = made.message;
    address.textContent = made.url;
    address.className = "made";
    for (const one of document.querySelectorAll(".sign, .phone")) one.remove();
    form.replaceChildren(text, address);
    return undefined;
  });
}

function plain(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(form, true);
    if (await send(form, form.action, new FormData(form))) return location.reload();
    return busy(form, false);
  });
}

for (const form of document.querySelectorAll("[data-sign]")) signs(form);
for (const form of document.querySelectorAll("[data-visit]")) signsMany(form);
for (const form of document.querySelectorAll("[data-delegate]")) delegates(form);
for (const form of document.querySelectorAll("[data-plain]")) plain(form);
