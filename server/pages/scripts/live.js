// Keeps a page as new as what it shows: whenever the server tells of a change, the page is asked for
// again, and what stands in its live parts takes the place of what stood there. Without this script a
// page refreshes itself. Times are told by the clock of whoever looks, with UTC as their title.
const live = document.querySelector("[data-watch]");
const state = document.querySelector("[data-state]");
let isAsking = false;
let isDue = false;

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

// What somebody is typing, and where, stays while all around it is replaced.
function replace(newer) {
  const typed = [...live.querySelectorAll("input[id], select[id]")]
    .filter((field) => field.value !== (field.defaultValue ?? field.value))
    .map((field) => [field.id, field.value]);
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  live.replaceChildren(...newer.childNodes);
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  localize(live);
}

async function refresh() {
  isDue = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (isDue) {
      isDue = false;
      const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const newer = page.querySelector("[data-watch]");
      if (newer) replace(newer);
    }
  } catch {
    // The server is away: the stream comes again, and asks then.
  } finally {
    isAsking = false;
  }
}

localize(document);
// What another script has put there is told by the same clock.
document.addEventListener("psd:replaced", (event) => localize(event.target));
if (live) {
  const source = new EventSource(live.dataset.watch);
  source.addEventListener(live.dataset.event, refresh);
  source.addEventListener("open", () => { state.hidden = false; });
  source.addEventListener("error", () => { state.hidden = true; });
  addEventListener("pagehide", () => source.close());
}
