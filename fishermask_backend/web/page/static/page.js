/* Keeps a page as the backend has it, and draws its curve. Without it the page shows the same, once. */
"use strict";
(() => {
  const PAUSE = 3000; // milliseconds between looks
  const parse = new DOMParser();
  let chart = null, drawn = "";

  function localTimes(part) { // of whoever reads, who may be elsewhere than the server
    for (const each of part.querySelectorAll("time[datetime]")) {
      const at = new Date(each.dateTime);
      if (isNaN(at)) continue;
      const today = at.toDateString() === new Date().toDateString();
      each.textContent = today ? at.toLocaleTimeString() : at.toLocaleString();
    }
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function line(label, name, dash) {
    const stroke = colour(name);
    return { label, stroke, width: 2, dash, spanGaps: true, points: { show: true, size: 6, fill: stroke },
      value: (_, v) => v == null ? "–" : Math.round(v * 100) + " %" };
  }

  function draw() {
    const place = document.getElementById("chart"), source = document.getElementById("curve");
    if (!place || !source || source.textContent === drawn) return;
    drawn = source.textContent;
    const c = JSON.parse(drawn);
    const some = [...c.audit, ...c.later].some((v) => v !== null);
    document.querySelector(".curve").hidden = !some;
    if (!some) return;
    const hidden = { show: true, stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
    const series = [{ label: "labels" }], data = [c.labels], bands = [];
    const add = (label, name, middle, low, high, dash) => {
      if (!middle.some((v) => v !== null)) return;
      const at = series.length;
      series.push(line(label, name, dash), { ...hidden, label: "upper" }, { ...hidden, label: "lower" });
      data.push(middle, high, low);
      bands.push({ series: [at + 1, at + 2], fill: colour(name) + "26" });
    };
    add("the unlabelled rest (audit)", "--audit", c.audit, c.audit_low, c.audit_high);
    add("labels that came later", "--later", c.later, c.later_low, c.later_high, [6, 4]);
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    if (chart) chart.destroy();
    chart = new uPlot({
      width: place.clientWidth, height: 240, series, bands, cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: (_, low, high) => [0, Math.max(high, 1) * 1.04] }, y: { range: [0, 1] } },
      axes: [{ ...axis, label: "labels", labelSize: 20, size: 32 },
        { ...axis, size: 52, values: (_, ticks) => ticks.map((v) => Math.round(v * 100) + " %") }],
      legend: { markers: { width: 3 } },
    }, data, place);
    for (const row of place.querySelectorAll(".u-legend .u-series"))
      if (/^(upper|lower)/.test(row.textContent)) row.remove();
  }

  function redraw() { drawn = ""; draw(); }

  const KEEP = {
    beforeNodeMorphed: (old) => old.id !== "chart",
    beforeAttributeUpdated: (name, node) => !(node.tagName === "DETAILS" && name === "open"),
  };

  function show(text) {
    const main = parse.parseFromString(text, "text/html").querySelector("main");
    if (!main) return;
    localTimes(main);
    for (const part of main.querySelectorAll(".curve"))
      part.hidden = document.querySelector(".curve")?.hidden ?? false;
    Idiomorph.morph(document.querySelector("main"), main, { callbacks: KEEP, restoreFocus: true });
    draw();
  }

  async function look() {
    const told = document.getElementById("live");
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        show(await answer.text());
        told.textContent = "This page keeps itself up to date.";
      } else told.textContent = `The backend answers ${answer.status}; it is asked again.`;
    } catch {
      told.textContent = "The backend does not answer; it is asked again.";
    }
  }

  async function live() {
    if (!document.hidden) await look();
    setTimeout(live, PAUSE);
  }

  localTimes(document);
  draw();
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  if (document.getElementById("live")) setTimeout(live, PAUSE);
})();
