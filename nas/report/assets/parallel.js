// In parallel coordinates the picked lines are drawn again on top, the others step back.
"use strict";

// `base` are the traces as drawn, `trials` a Set of the picked ones, or null for all.
function highlight(place, base, trials, colour) {
  if (place.data.length > base.length) Plotly.deleteTraces(place, place.data.length - 1);
  Plotly.restyle(place, { opacity: trials ? 0.18 : 1 }, base.map((_, i) => i));
  if (!trials) return;
  const chosen = { x: [], y: [] };
  for (const trace of base) {
    for (let i = 0; i < trace.x.length; i += 1) {
      if (!trials.has(trace.customdata[i])) continue;
      chosen.x.push(trace.x[i]);
      chosen.y.push(trace.y[i]);
      if (trace.customdata[i + 1] !== trace.customdata[i]) { chosen.x.push(null); chosen.y.push(null); }
    }
  }
  Plotly.addTraces(place, { ...chosen, mode: "lines", line: { color: colour, width: 2 }, hoverinfo: "skip", showlegend: false });
}
