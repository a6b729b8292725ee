// Keeps a page as new as what it shows: whenever the server tells of a change, the page is asked for
// again, and what stands in its live parts takes the place of what stood there. Without this script a
// page refreshes itself each 30 s.
const live = document.querySelector("[data-watch]");
const state = document.querySelector("[data-state]");
let isAsking = false;
let isDue = false;

async function refresh() {
  isDue = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (isDue) {
      isDue = false;
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok || answer.redirected) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const newer = page.querySelector("[data-watch]");
      if (newer) live.replaceChildren(...newer.childNodes);
    }
  } catch {
    // The server is away: the stream comes again, and asks then.
  } finally {
    isAsking = false;
  }
}

if (live) {
  const source = new EventSource(live.dataset.watch);
  source.addEventListener("meter", refresh);
  source.addEventListener("open", () => { state.hidden = false; });
  source.addEventListener("error", () => { state.hidden = true; });
  addEventListener("pagehide", () => source.close());
}
