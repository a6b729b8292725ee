// Keeps a page as new as what it shows: whenever the server tells of a change, the page is asked for
// again, and what stands in its live parts takes the place of what stood there. Where no stream comes
// through, the page is asked for every few seconds; a page that nobody sees asks for nothing, and one
// that gets no answer says so. Without this script a page refreshes itself. Times are told by the clock of whoever looks, with UTC as their
// title.
const live = document.querySelector("[data-watch]");
const state = document.querySelector("[data-state]");
const PAUSE_MS = 1000;
const POLL_MS = 5000;
const AGAIN_MS = 30000;
let source = null;
let isOpen = false;
let isAsking = false;
let isDue = false;
let isAway = false;

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const told = new Date(time.dateTime);
    if (Number.isNaN(told.getTime())) continue;
    const two = (number) => String(number).padStart(2, "0");
    const day = `${told.getFullYear()}-${two(told.getMonth() + 1)}-${two(told.getDate())}`;
    time.title = `${time.dateTime.replace("T", " ").replace("Z", "")} UTC`;
    time.textContent = `${day} ${two(told.getHours())}:${two(told.getMinutes())}:${two(told.getSeconds())}`;
  }
}

// What somebody is typing, and where, stays while all around it is replaced. A script that has drawn
// into a part puts the newer one there itself.
function replace(part, newer) {
  const offered = new CustomEvent("psd:newer", { bubbles: true, cancelable: true, detail: newer });
  if (!part.dispatchEvent(offered)) return;
  const typed = [...part.querySelectorAll("input[id], select[id]")]
    .filter((field) => field.value !== (field.defaultValue ?? field.value))
    .map((field) => [field.id, field.value]);
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const link = focused?.getAttribute("href");
  part.replaceChildren(...newer.childNodes);
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  const again = focused?.id ? document.getElementById(focused.id) : link ? [...part.querySelectorAll("a")].find((each) => each.getAttribute("href") === link) : null;
  again?.focus({ preventScroll: true });
  localize(part);
}

function show(page) {
  const parts = document.querySelectorAll("[data-live]");
  for (const part of parts) {
    const newer = page.querySelector(`[data-live="${part.dataset.live}"]`);
    if (newer) replace(part, newer);
  }
  const newer = page.querySelector("[data-watch]");
  if (newer && !parts.length) replace(live, newer);
}

// Of several changes within a second the last is asked for.
async function refresh() {
  isDue = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (isDue) {
      isDue = false;
      const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      if (answer.redirected || (answer.status >= 400 && answer.status < 429)) return location.reload();
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      miss(!answer.ok);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch {
    // The server is away: the page is asked for again soon.
    miss(true);
  } finally {
    isAsking = false;
  }
}

function tell(now) {
  isOpen = now;
  say();
}

function miss(now) {
  isAway = now;
  say();
}

function say() {
  if (!state) return;
  state.textContent = isAway ? "no answer, asking again" : "live";
  state.hidden = !isOpen && !isAway;
}

function leave() {
  source?.close();
  source = null;
  tell(false);
}

function listen() {
  leave();
  source = new EventSource(live.dataset.watch);
  source.addEventListener(live.dataset.event, refresh);
  source.addEventListener("open", () => {
    tell(true);
    if (isAway) refresh();
  });
  source.addEventListener("error", () => tell(false));
}

localize(document);
// What another script has put there is told by the same clock.
document.addEventListener("psd:replaced", (event) => localize(event.target));
document.addEventListener("psd:stale", refresh);
if (live) {
  listen();
  setInterval(() => { if (!isOpen && !document.hidden) refresh(); }, POLL_MS);
  // What was refused is closed for good: a browser comes again by itself only to what has ended.
  setInterval(() => { if (source?.readyState === EventSource.CLOSED) listen(); }, AGAIN_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return leave();
    listen();
    refresh();
  });
  addEventListener("pagehide", leave);
}
