// The page: one state a half-step, and everything that is drawn from it.

const record = JSON.parse(document.getElementById("record").textContent);
const noiseAt = record.noisy ? record.gaussians.length - 1 : -1; // among those that a row can belong to
const states = halfSteps(record);
const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE = 450; // milliseconds of a half-step's motion
const PAUSE = 1400; // milliseconds between half-steps when it plays

const options = [...record.parameters.options, { label: "all parameters at once, along the M-step", kind: "step" }];
const now = { at: 0, row: 0, parameter: record.parameters.start, playing: null, frame: null };

const scene = picture($("picture"), record, select);
const drawBound = boundChart($("bound"), record);
const drawRun = runChart($("run"), record);
const fillTable = responsibilityTable($("responsibilities"), record, select);

/** θ₀; then an E-step and an M-step for each iteration shown; then the E-step at the end. */
function halfSteps({ steps, mixtures, log_likelihoods: values }) {
  const end = values.length - 1;
  return [
    { kind: "start", t: 0, theta: mixtures[0], before: mixtures[0], after: null },
    ...steps.flatMap((step) => {
      const both = { t: step.t, step, before: mixtures[step.t], after: mixtures[step.t + 1] };
      return [{ kind: "E", ...both, theta: both.before }, { kind: "M", ...both, theta: both.after }];
    }),
    { kind: "end", t: end, theta: mixtures[end], before: mixtures[end], after: null },
  ];
}

/** γ at a state; the start has none yet. */
function resp(state) {
  if (state.kind === "start") return null;
  state.resp ??= responsibilities(state.before, record.rows);
  return state.resp;
}

function go(at) {
  const last = states[now.at];
  now.at = clamp(at, 0, states.length - 1);
  const state = states[now.at];
  $("step").value = now.at;
  $("step").setAttribute("aria-valuetext", titleOf(state));
  $("back").disabled = $("first").disabled = now.at === 0;
  $("forward").disabled = $("last").disabled = now.at === states.length - 1;
  if (now.at === states.length - 1) stop();
  tell(state);
  move(last.theta, state);
  drawBound(boundView(state));
  drawRun({ t: state.kind === "M" ? state.t + 1 : state.t, moved: state.kind === "M" });
  showRow();
}

/** The picture goes from where it was to the state, at once where the reader wants no motion. */
function move(from, state) {
  cancelAnimationFrame(now.frame);
  const view = (theta) => ({ theta, ghost: state.kind === "M" ? state.before : null, resp: resp(state), selected: now.row });
  if (calm.matches || from === state.theta) { scene.draw(view(state.theta)); return; }
  const began = performance.now();
  const tick = (time) => {
    const share = clamp((time - began) / MOVE, 0, 1);
    scene.draw(view(share < 1 ? between(from, state.theta, share) : state.theta));
    if (share < 1) now.frame = requestAnimationFrame(tick);
  };
  tick(began);
}

function boundView(state) {
  let parameter = options[now.parameter];
  if (parameter.kind === "step" && !state.after) parameter = options[record.parameters.start];
  return { before: state.before, after: state.after, resp: resp(state), parameter, moved: state.kind === "M" };
}

// Words and numbers

const theta = (t) => `θ${subscript(t)}`;

function titleOf({ kind, t }) {
  const last = record.log_likelihoods.length - 1;
  if (kind === "start") return "Start: θ₀";
  if (kind === "end") return `End: E-step at ${theta(t)}`;
  return kind === "E" ? `Iteration ${t + 1} of ${last}: E-step at ${theta(t)}` : `Iteration ${t + 1} of ${last}: M-step to ${theta(t + 1)}`;
}

function sentenceOf({ kind, t, step }) {
  const value = record.nats;
  if (kind === "start") return "EM starts from θ₀. No row belongs to a component yet: the E-step comes first.";
  if (kind === "M") {
    const where = step.troubles.length ? "the parameters move" : "the parameters go to the top of the bound";
    return `With the responsibilities held fixed, ${where}: F goes from ${value[t]} to ${step.bound}, and the log-likelihood, above it, to ${value[t + 1]}.`;
  }
  const given = kind === "end" ? record.end : `They lean like this: ${step.given}.`;
  return `Bayes' rule gives each row its responsibilities under ${theta(t)}; the parameters stay. The bound touches the log-likelihood here. ${given}`;
}

function tell(state) {
  $("title").textContent = titleOf(state);
  $("sentence").textContent = sentenceOf(state);
  const t = state.kind === "M" ? state.t + 1 : state.t;
  $("log-likelihood-name").textContent = `log-likelihood ℓ(${theta(t)})`;
  $("log-likelihood").textContent = record.nats[t];
  $("bound-name").textContent = `bound F(${theta(t)}, γ)`;
  $("bound-value").textContent = state.kind === "start" ? "—" : state.kind === "M" ? state.step.bound : record.nats[t];
  $("parameters").replaceChildren(...state.theta.tables.map(parameterTable));
  $("parameters-title").textContent = `Parameters: ${theta(t)}`;
  $("formulas").hidden = state.kind !== "M";
  $("formulas").replaceChildren(...(state.kind === "M" ? state.step.formulas.map(formulaBox) : []));
  $("bayes").hidden = state.kind === "M";
  const words = state.kind === "M" ? state.step.words : [];
  $("words").replaceChildren(...words.flatMap(([what, answer]) => [html("dt", {}, what), html("dd", {}, answer)]));
  const troubles = state.kind === "M" ? state.step.troubles : state.kind === "end" ? record.troubles : [];
  $("troubles").replaceChildren(...troubles.map((text) => html("p", {}, text)));
}

function parameterTable({ caption, header, rows, texts }) {
  const cell = (text, c) => html("td", { className: texts.includes(c) ? "text" : "" }, text);
  const name = (text) => {
    const k = record.gaussians.indexOf(text);
    return html("th", { scope: "row" }, ...(k < 0 ? [] : [swatch(k)]), text);
  };
  return html("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption || "Parameters" },
    html("table", {},
      ...(caption ? [html("caption", {}, caption)] : []),
      html("thead", {}, html("tr", {}, ...header.map((text, c) => (text || c ? html("th", { scope: "col" }, text) : html("td"))))),
      html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map((text, c) => (c === 0 && text ? name(text) : cell(text, c))))))));
}

function swatch(k) {
  const square = html("span", { className: "swatch" });
  square.style.background = paint(k);
  return square;
}

function formulaBox(chain) {
  const box = html("div", { className: "scroll formula", tabIndex: 0, role: "region", ariaLabel: `Formula of ${chain[0]}` });
  box.innerHTML = formula(chain);
  box.dataset.text = chain.join(" ");
  return box;
}

// The row that is looked at

function select(row) {
  if (row === now.row) return;
  now.row = row;
  scene.mark({ theta: states[now.at].theta, selected: row });
  showRow();
}

function showRow() {
  const state = states[now.at];
  const shares = resp(state);
  const row = record.rows[now.row];
  $("row").value = now.row;
  $("row-values").textContent = record.columns.map((name, j) => `${name} = ${number(row[j])}`).join(", ");
  $("row-shares").replaceChildren(...record.gaussians.map((name, k) => html("li", {}, swatch(k), `${name}: `,
    html("strong", {}, shares ? number(shares[now.row][k]) : "—"))));
  $("row-bar").replaceChildren(shareBar(shares && shares[now.row]));
  $("bayes").replaceChildren(...(shares ? [
    formulaBox(["γₖᵢ", "=", "πₖ Nₖ(xᵢ) / Σⱼ πⱼ Nⱼ(xᵢ)"]), formulaBox(rowFormula(state, now.row, shares)),
  ] : []));
  fillTable({ resp: shares, selected: now.row });
}

/** Bayes' rule with the numbers put in, as the explanation writes it: for the component that the row is given to. */
function rowFormula(state, i, shares) {
  const joint = prepared(state.before).map((c, k) => `${number(state.before.weights[k])}·${expNumber(logDensity(c, record.rows[i]))}`);
  const k = shares[i].indexOf(Math.max(...shares[i]));
  return [`γ${subscript(k === noiseAt ? 0 : k + 1)}${record.separator}${subscript(i)}`, "=", `${joint[k]} / (${added(joint)})`, "=", number(shares[i][k])];
}

// Controls

function play() {
  if (now.playing) { stop(); return; }
  if (now.at === states.length - 1) go(0);
  $("play").textContent = "Pause";
  now.playing = setInterval(() => go(now.at + 1), PAUSE);
}

function stop() {
  clearInterval(now.playing);
  now.playing = null;
  $("play").textContent = "Play";
}

function layout() {
  scene.layout();
  go(now.at);
}

function begin() {
  $("step").max = states.length - 1;
  $("row").max = record.rows.length - 1;
  $("parameter").append(...options.map((option, i) => html("option", { value: i }, option.label)));
  $("parameter").value = now.parameter;
  $("step").addEventListener("input", () => { stop(); go(Number($("step").value)); });
  for (const [id, action] of Object.entries({
    first: () => { stop(); go(0); },
    back: () => { stop(); go(now.at - 1); },
    play,
    forward: () => { stop(); go(now.at + 1); },
    last: () => { stop(); go(states.length - 1); },
    "save-run": () => download("em_run.csv", runCsv(record)),
    "save-responsibilities": () => {
      const state = states[now.at];
      download(`responsibilities_${state.t}.csv`, responsibilitiesCsv(record, responsibilities(state.before, record.rows)));
    },
  })) $(id).addEventListener("click", action);
  $("row").addEventListener("input", () => {
    const row = Math.trunc(Number($("row").value));
    if (row >= 0 && row < record.rows.length) select(row);
  });
  $("parameter").addEventListener("change", () => {
    now.parameter = Number($("parameter").value);
    drawBound(boundView(states[now.at]));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", layout);
  let width = 0;
  new ResizeObserver(() => {
    if (width === document.body.clientWidth) return;
    width = document.body.clientWidth;
    layout();
  }).observe(document.body);
}

begin();
