// A button beside each command puts it into the clipboard. To a page that came by plain HTTP from
// another machine a browser gives none: there the command is selected, for whoever copies by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  const command = button.parentElement.querySelector("code");
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(command);
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
