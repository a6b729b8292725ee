"use strict";
/* A link to a route opens its card: by the address, and again when the card was closed meanwhile. */
function reveal(hash) {
  const card = document.getElementById(decodeURIComponent(hash.slice(1)));
  if (card instanceof HTMLDetailsElement) card.open = true;
}
addEventListener("hashchange", () => reveal(location.hash));
addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (link) reveal(link.hash);
});
reveal(location.hash);
