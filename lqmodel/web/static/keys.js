// Keys of the worklist and the lead page: j and k move, enter opens, a accepts, r opens the rejection. On the worklist
// a and r open the lead at that answer.
"use strict";
let meant = "";
const answer = (key) => document.querySelector(`[data-key="${key}"]`);
const open = (found) => {
  found.click();
  const opened = found.closest("details[open]");
  const field = opened && opened.querySelector("select, input:not([type=hidden])");
  if (field) field.focus();
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("a.row")];
  const step = { j: 1, k: -1 }[event.key];
  if (step && rows.length) {
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + step, 0), rows.length - 1)].focus();
    event.preventDefault();
  }
  if (event.key === "a" || event.key === "r") {
    const found = answer(event.key);
    if (found) open(found);
    else if (rows.includes(document.activeElement)) {
      meant = event.key;
      document.activeElement.click();
    } else return;
    event.preventDefault();
  }
});

// a page that came in place of another is where keys and screen readers go on
document.addEventListener("htmx:afterSettle", () => {
  const found = meant && answer(meant);
  if (found && meant === "r") open(found);
  else if (found) found.focus(); // nobody accepts a lead that they have not seen
  meant = "";
  if (document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
});
for (const [told, reached] of [["htmx:sendError", false], ["htmx:timeout", false], ["htmx:afterOnLoad", true]]) {
  document.addEventListener(told, () => (document.getElementById("unreachable").hidden = reached));
}

// whoever goes back twice while a page is on its way gets the address alone: then the page is fetched once more
const [arrived] = performance.getEntriesByType("navigation");
const plain = (address) => address.split("#")[0];
if (arrived && history.state?.htmx && plain(arrived.name) !== plain(location.href)) location.reload();
