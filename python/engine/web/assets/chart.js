// Today's P&L of each login as a line, with the levels at which its limits are crossed.
"use strict";
(() => {
  const EVERY_MS = 5000, OLD_S = 30, SHORT_S = 300;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const HEIGHT = 190, plots = new Map();
  const width = (place) => Math.max(260, place.clientWidth);
  const money = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 0 });

  async function draw(figure) {
    const note = figure.querySelector(".chart-note"), place = figure.querySelector(".plot");
    let found;
    try {
      const answer = await fetch(`/api/v1/pnl/${encodeURIComponent(figure.dataset.login)}`);
      if (!answer.ok) throw new Error(String(answer.status));
      found = await answer.json();
    } catch { note.textContent = "not known: the cockpit did not answer"; return; }
    if (!found.samples.length) { note.textContent = "not known yet: nobody tells what it is"; return; }
    const ends = found.samples[found.samples.length - 1][0];
    note.textContent = found.at_s - ends <= OLD_S ? "" : `ends at ${new Date(ends * 1000).toLocaleTimeString()}: nothing newer is known`;
    const times = found.samples.map((one) => one[0]), values = found.samples.map((one) => one[1]);
    if (ends - times[0] < SHORT_S) { times.push(times[0] + SHORT_S); values.push(null); } // the limits go right across
    const known = values.filter((one) => one !== null);
    const levels = found.levels.slice().sort((a, b) => b.level - a.level);
    const data = [times, values, ...levels.map((one) => times.map(() => one.level))];
    const nearest = levels.length ? levels[0].level : 0;
    const series = [{}, { label: "P&L", stroke: colour("--accent"), width: 2, value: (_, v) => (v == null ? "–" : money(v)) },
      ...levels.map((one) => ({ label: one.name, stroke: colour("--stop"), dash: [6, 4], width: 1.5, points: { show: false },
        value: (_, v) => (v == null ? "–" : money(v)) }))];
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const options = {
      width: width(place), height: HEIGHT, series, legend: { live: matchMedia("(hover: hover)").matches },
      axes: [axis, { ...axis, size: 70, values: (_, all) => all.map(money) }],
      scales: { x: { range: () => [times[0], times[times.length - 1]] }, y: { range: () => {
        const low = Math.min(0, nearest, ...known), high = Math.max(0, ...known), room = (high - low || 1) * 0.08;
        return [low - room, high + room];
      } } },
    };
    place.replaceChildren();
    plots.set(place, new uPlot(options, data, place));
  }
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = document.querySelector(".charts").dataset.style;
  document.head.append(style);
  const all = () => { if (!document.hidden) document.querySelectorAll(".chart").forEach(draw); };
  all();
  setInterval(all, EVERY_MS);
  addEventListener("resize", () => { // at once, whatever the cockpit answers: a phone was turned
    for (const [place, plot] of plots) plot.setSize({ width: width(place), height: HEIGHT });
  });
})();
