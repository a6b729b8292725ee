// A user's chart, drawn by uPlot from the numbers of /users/{uid}/chart: a range is dragged over to
// zoom into it, by mouse or finger, and a double click leads out again. A day of the calendar leads
// into that day, and from one to another into all between. Each range is an address, so going back is
// too. Without this script links and a form do the same.
const place = document.querySelector("[data-range]");
const calendar = document.querySelector("[data-calendar]");
const zone = document.querySelector("#tz");
let plot = null;

function browsersZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function addressOf(start, end) {
  const address = new URL(location.href);
  address.searchParams.set("start", start);
  address.searchParams.set("end", end);
  address.searchParams.delete("cursor");
  return address;
}

async function show(address, isNew) {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok || answer.redirected) return location.assign(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (isNew) history.pushState(null, "", address);
  place.replaceChildren(...page.querySelector("[data-range]").childNodes);
  place.dispatchEvent(new CustomEvent("psd:replaced", { bubbles: true }));
  for (const id of ["from", "to"]) {
    document.getElementById(id).value = page.getElementById(id).value;
  }
  await draw();
}

// Where no answer comes, the browser itself says what is wrong, and can be told to try again.
function visit(address, isNew) {
  return show(address, isNew).catch(() => location.assign(address));
}

// What is booked meanwhile is put into the chart that is there, so that nothing moves.
place.addEventListener("psd:newer", (event) => {
  event.preventDefault();
  const newer = event.detail;
  const [box, its] = [place, newer].map((each) => each.querySelector("[data-chart]"));
  const isSame = plot && box && its && ["start", "end", "thing", "tz"].every((each) => box.dataset[each] === its.dataset[each]);
  if (isSame) its.replaceWith(box);
  place.replaceChildren(...newer.childNodes);
  place.dispatchEvent(new CustomEvent("psd:replaced", { bubbles: true }));
  if (isSame) fill(box).catch(() => {});
  else draw().catch(() => {});
});

function zoom(start, end) {
  const [first, last] = [Math.floor(start), Math.ceil(end)].map((second) => new Date(second * 1e3));
  return visit(addressOf(first.toISOString(), last.toISOString()), true);
}

// Times as everywhere on the pages. Of each row: from which distance of ticks on, the text, and what
// stands below it where a year, a month (not looked at), a day, an hour, a minute begins.
const TIMES = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

// uPlot hears a mouse alone. A finger that moves sideways chooses, one that moves up or down scrolls.
function chooseByFinger() {
  const over = plot.over;
  let from = null;
  const choose = (to, isDone) => {
    const [left, right] = [Math.min(from, to), Math.max(from, to)];
    plot.setSelect({ left, width: right - left, top: 0, height: over.clientHeight }, isDone);
  };
  const at = (event) => Math.min(Math.max(event.clientX - over.getBoundingClientRect().left, 0), over.clientWidth);
  over.addEventListener("pointerdown", (event) => { if (event.pointerType === "touch") from = at(event); });
  over.addEventListener("pointermove", (event) => { if (from !== null) choose(at(event), false); });
  over.addEventListener("pointerup", (event) => {
    if (from !== null) choose(at(event), true);
    from = null;
  });
  over.addEventListener("pointercancel", () => {
    if (from !== null) choose(from, false);
    from = null;
  });
}

function options(box, told) {
  const style = getComputedStyle(document.body);
  const [ink, line, link] = ["--ink", "--line", "--link"].map((name) => style.getPropertyValue(name));
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const texts = (_plot, ticks) => ticks.map((tick) => tick.toLocaleString("en"));
  const width = (_plot, values) => 24 + 7 * Math.max(0, ...(values ?? []).map((each) => each.length));
  return {
    width: box.clientWidth,
    height: 240,
    tzDate: (second) => uPlot.tzDate(new Date(second * 1e3), told.tz),
    scales: { x: { range: [told.start, told.end] } },
    series: [
      { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      {
        label: box.dataset.thing,
        stroke: link,
        fill: link,
        points: { show: false },
        value: (_plot, value) => (value === null ? "" : value.toLocaleString("en")),
        paths: uPlot.paths.bars({ size: [0.8], align: 1 }),
      },
    ],
    axes: [{ ...axis, values: TIMES }, { ...axis, size: width, values: texts }],
    cursor: { drag: { x: true, y: false, setScale: false } },
    hooks: {
      setSelect: [
        ({ select, posToVal }) => {
          if (select.width < 4) return;
          zoom(posToVal(select.left, "x"), posToVal(select.left + select.width, "x"));
        },
      ],
    },
  };
}

async function numbers(box) {
  const { chart, thing, tz, start, end } = box.dataset;
  const answer = await fetch(`${chart}?${new URLSearchParams({ thing, tz, start, end })}`, { cache: "no-store" });
  return answer.ok ? answer.json() : null;
}

async function fill(box) {
  const told = await numbers(box);
  if (told && plot) plot.setData([told.times, told.values]);
}

async function draw() {
  const box = document.querySelector("[data-chart]");
  plot?.destroy();
  plot = null;
  if (!box || typeof uPlot === "undefined") return;
  const told = await numbers(box);
  if (!told) return;
  box.replaceChildren();
  plot = new uPlot(options(box, told), [told.times, told.values], box);
  chooseByFinger();
  plot.over.addEventListener("dblclick", () => {
    const length = told.end - told.start;
    zoom(Math.max(told.start - 1.5 * length, 0), told.end + 1.5 * length);
  });
  box.dataset.drawn = told.every;
}

let first = null;

function dayAt(event) {
  return document.elementFromPoint(event.clientX, event.clientY)?.dataset?.day;
}

function mark(last) {
  const [from, to] = [first, last].sort();
  for (const each of calendar.querySelectorAll("[data-day]")) {
    const day = each.dataset.day;
    each.classList.toggle("chosen", last !== null && from <= day && day <= to);
  }
}

calendar?.addEventListener("pointerdown", (event) => { first = event.isPrimary && event.button === 0 ? dayAt(event) ?? null : null; });
calendar?.addEventListener("pointermove", (event) => { if (first) mark(dayAt(event) ?? first); });
addEventListener("pointercancel", () => { if (first) mark(null); first = null; });
addEventListener("pointerup", (event) => {
  if (!first) return;
  const last = dayAt(event);
  mark(null);
  const [from, to] = [first, last].sort();
  first = null;
  if (!last) return;
  const following = new Date(Date.parse(to) + 864e5).toISOString().slice(0, 10);
  visit(addressOf(from, following), true);
});
addEventListener("popstate", () => visit(location.href, false));
addEventListener("resize", () => {
  const box = document.querySelector("[data-chart]");
  if (plot && box) plot.setSize({ width: box.clientWidth, height: 240 });
});

if (zone?.hasAttribute("data-default") && browsersZone() !== zone.value) {
  const address = new URL(location.href);
  address.searchParams.set("tz", browsersZone());
  location.replace(address);
} else {
  draw();
}
