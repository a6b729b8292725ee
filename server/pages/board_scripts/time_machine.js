// The time machine of a board: a slider through its time, and a button that plays it. At each instant
// the page is asked for as it stood then, and the rows move from where they were. The address keeps the
// instant, so that it can be sent. Whoever prefers less motion sees rows change without moving.
const machine = document.querySelector("[data-machine]");
const slider = document.querySelector("[data-instant]");
const play = document.querySelector("[data-play]");
const board = document.querySelector("[data-board]");
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
const MOVES_MS = 250;
const FRAMES = 60;
let wanted = null;
let asking = null;
let isPlaying = false;
let isStale = false;

function addressAt(second) {
  const url = new URL(location.href);
  url.searchParams.set("as_of", new Date(second * 1000).toISOString().replace(".000Z", "Z"));
  url.searchParams.delete("cursor");
  return url;
}

function places() {
  const rows = [...board.querySelectorAll("tr[data-uid]")];
  return new Map(rows.map((row) => [row.dataset.uid, row.getBoundingClientRect().top]));
}

function show(newer) {
  const before = places();
  const link = board.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  board.replaceChildren(...newer.childNodes);
  if (link) [...board.querySelectorAll("a")].find((each) => each.getAttribute("href") === link)?.focus({ preventScroll: true });
  board.dispatchEvent(new CustomEvent("psd:replaced", { bubbles: true }));
  if (isStill.matches) return;
  for (const row of board.querySelectorAll("tr[data-uid]")) {
    const from = before.get(row.dataset.uid);
    const by = from === undefined ? 0 : from - row.getBoundingClientRect().top;
    if (by) row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: MOVES_MS, easing: "ease-out" });
    if (from === undefined && before.size) row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: MOVES_MS });
  }
}

// One question at a time: who drags on meanwhile is shown where he is then.
async function go(second) {
  wanted = second;
  asking ??= follow().finally(() => {
    asking = null;
    catchUp();
  });
  await asking;
}

async function follow() {
  try {
    await followOn();
  } finally {
    board.removeAttribute("aria-busy");
  }
}

async function followOn() {
  while (wanted !== null) {
    const second = wanted;
    wanted = null;
    const url = addressAt(second);
    board.setAttribute("aria-busy", "true");
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok || answer.redirected) return location.assign(url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const newer = page.querySelector("[data-board]");
    if (newer) show(newer);
    history.replaceState(null, "", url);
    // Whoever drags on meanwhile has it elsewhere by now.
    if (wanted === null) slider.value = second;
    told();
  }
}

// Who gets no answer is told where the page says that it is live.
function miss() {
  stop();
  document.dispatchEvent(new Event("psd:stale"));
}

function told() {
  slider.setAttribute("aria-valuetext", new Date(Number(slider.value) * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC");
}

// What is newer is shown as what is asked for is; while the board plays, with the next instant.
board.addEventListener("psd:newer", (event) => {
  event.preventDefault();
  isStale = isPlaying || asking !== null;
  if (isStale) return;
  show(event.detail);
  if (!slider || slider.matches(":active")) return;
  const { start, end, at } = event.detail.dataset;
  [slider.min, slider.max, slider.value] = [start, end, at];
  told();
});

function catchUp() {
  if (!isStale || isPlaying || asking) return;
  isStale = false;
  document.dispatchEvent(new Event("psd:stale"));
}

function stop() {
  isPlaying = false;
  catchUp();
  play.setAttribute("aria-pressed", "false");
  play.textContent = "Play";
}

async function playOn() {
  const [start, end, step] = [slider.min, slider.max, slider.step].map(Number);
  const stride = Math.max(Math.ceil((end - start) / FRAMES / step), 1) * step;
  let second = Number(slider.value) >= end ? start : Number(slider.value);
  isPlaying = true;
  play.setAttribute("aria-pressed", "true");
  play.textContent = "Pause";
  try {
    while (isPlaying && second < end) {
      second = Math.min(second + stride, end);
      await Promise.all([go(second), new Promise((resolve) => setTimeout(resolve, MOVES_MS))]);
    }
  } finally {
    stop();
  }
}

if (machine) {
  machine.hidden = false;
  told();
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)).catch(miss); });
  play.addEventListener("click", () => { if (isPlaying) stop(); else playOn().catch(miss); });
}
