"use strict";
// The page's state is its URL hash: every change of a filter is a link that can be sent, and Back goes back.
const data = JSON.parse(document.getElementById("data").textContent);
const find = id => document.getElementById(id);
const rows = data.rows, margins = data.margins;
const DIMENSIONS = ["tenant", "product", "feature", "provider", "model"];
const WHAT_IF = ["to-model", "to-cache", "to-batch", "to-reasoning", "to-output"];
const SERIES = 7, SHOWN = 50, MOVERS = 10, RELEASES = 6;
let shown = {};

// Sums are whole micro-dollars, exact below 2^53; they become dollars only where they are written.
const usd = (micro, places = 2) => {
  const sign = Math.round(micro / 10 ** (6 - places)) < 0 ? "\u2212" : "";
  const options = { minimumFractionDigits: places, maximumFractionDigits: places };
  return `${sign}$${(Math.abs(micro) / 1e6).toLocaleString("en-US", options)}`;
};
const signed = micro => (Math.round(micro / 1e4) > 0 ? "+" : "") + usd(micro);
const count = number => number.toLocaleString("en-US");
const percent = share => `${(share * 100).toFixed(1).replace("-", "\u2212")}%`;
const plain = micro => `${micro < 0 ? "-" : ""}${Math.floor(Math.abs(micro) / 1e6)}.${String(Math.abs(micro) % 1e6).padStart(6, "0")}`;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const day = iso => `${Number(iso.slice(8))} ${MONTHS[Number(iso.slice(5, 7)) - 1]}`;
const add = (map, key, micro) => map.set(key, (map.get(key) ?? 0) + micro);

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat());
  return made;
}

function fillSelects() {
  const options = (id, pairs) => find(id).replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
  options("week", data.weeks.map(week => [week, `week of ${day(week)}`]).reverse());
  options("by", DIMENSIONS.map(name => [name, name]));
  for (const name of DIMENSIONS) {
    const pairs = data.ids[name].map((id, place) => [`=${id}`, data.names[name][place]]);
    pairs.sort((one, other) => one[1].localeCompare(other[1], "en"));
    options(name, [["", "all"], ...pairs]);
  }
}

function readHash() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const unknown = [];
  const known = (name, allowed, otherwise) => {
    const value = asked.get(name);
    if (value === null) return otherwise;
    if (typeof allowed === "function" ? allowed(value) : allowed.includes(value)) return value;
    unknown.push(`${name} ${value}`);
    return otherwise;
  };
  const state = { week: known("week", data.weeks, data.weeks.at(-1)), by: known("by", DIMENSIONS, DIMENSIONS[0]) };
  for (const name of DIMENSIONS) state[name] = known(name, data.ids[name], null);
  const isShare = value => data.what_if !== null && /^\d{1,3}$/.test(value) && Number(value) <= 100;
  for (const name of WHAT_IF) state[name] = known(name, name === "to-model" ? Object.keys(data.what_if?.rates ?? {}) : isShare, null);
  find("note").textContent = unknown.length ? `The link asks for what this page does not hold: ${unknown.join(", ")}.` : "";
  return state;
}

function hash(state) {
  const set = Object.entries(state).filter(([name, value]) => value !== null && !(name === "by" && value === DIMENSIONS[0]));
  return new URLSearchParams(set).toString();
}

function writeHash(changes) {
  location.hash = hash({ ...shown, ...changes });
}

// The rows that pass the filters, of every week; `names` says which filters the table knows.
function passing(table, state, names) {
  const wanted = names.filter(name => state[name] !== null).map(name => [table[name], data.ids[name].indexOf(state[name])]);
  return table.week.map((_, row) => row).filter(row => wanted.every(([column, place]) => column[row] === place));
}

function table(id, columns, body, empty) {
  const heads = columns.map((title, place) => element("th", title, { scope: "col", class: place && columns.numbers?.includes(title) ? "n" : "" }));
  const lines = body.map(cells => element("tr", cells.map((cell, place) =>
    element(place ? "td" : "th", cell, place ? { class: columns.numbers?.includes(columns[place]) ? "n" : "" } : { scope: "row" }))));
  if (!body.length) lines.push(element("tr", element("td", empty, { colspan: columns.length, class: "quiet" })));
  find(id).replaceChildren(element("thead", element("tr", heads)), element("tbody", lines));
}
const columns = (names, numbers) => Object.assign(names, { numbers });

function narrower(name, place) {
  const button = element("button", data.names[name][place], { type: "button" });
  button.addEventListener("click", () => writeHash({ [name]: data.ids[name][place] }));
  return button;
}

function drawKpis(state, found) {
  const week = data.weeks.indexOf(state.week);
  const total = (name, at) => found.reduce((sum, row) => sum + (rows.week[row] === at ? rows[name][row] : 0), 0);
  const cost = total("cost_usd", week), calls = total("calls", week), tokens = total("tokens", week);
  const unpriced = total("unpriced_calls", week), cacheable = total("cacheable_tokens", week), before = week ? total("cost_usd", week - 1) : 0;
  const change = week ? `${signed(cost - before)} against the week before` : "no week before";
  const kpi = (id, label, value, note) =>
    element("div", [element("dt", label), element("dd", value, { class: "value", id }), element("dd", note, { class: "note" })], { class: "kpi" });
  find("kpis").replaceChildren(
    kpi("kpi-cost", "Cost", usd(cost), before ? `${change} (${percent(cost / before - 1)})` : change),
    kpi("kpi-calls", "Calls", count(calls), unpriced ? `${count(unpriced)} without a price, in no cost` : calls ? `${usd(cost / calls * 1000)} per 1,000` : "no call"),
    kpi("kpi-tokens", "Tokens", count(tokens), tokens ? `${usd(cost / tokens * 1e6)} per million` : "no token"),
    kpi("kpi-cache", "Cache hit rate", cacheable ? percent(total("cached_tokens", week) / cacheable) : "\u2013", "of input that can be cached"),
  );
}

function drawTrend(state, found) {
  const sums = new Map();
  for (const row of found) add(sums, rows[state.by][row], Math.abs(rows.cost_usd[row]));
  const ranked = [...sums.keys()].sort((one, other) => sums.get(other) - sums.get(one) || one - other);
  const top = new Map(ranked.slice(0, SERIES).map((place, series) => [place, series]));
  const rest = ranked.length - top.size, cells = new Map();
  for (const row of found) add(cells, `${rows.week[row]} ${top.get(rows[state.by][row]) ?? SERIES}`, rows.cost_usd[row]);
  const names = [...top.keys()].map(place => data.names[state.by][place]);
  if (rest) names.push(`${rest} more`);
  const values = [...cells].map(([key, micro]) => {
    const [week, series] = key.split(" ").map(Number);
    return { week: day(data.weeks[week]), place: week, series, cost: micro / 1e6, text: `${names[series]}, week of ${day(data.weeks[week])}: ${usd(micro)}` };
  });
  find("legend").replaceChildren(...names.map((name, series) =>
    element("li", [element("span", "", { class: `swatch ${series === SERIES ? "s-other" : `s${series + 1}`}` }), name])));
  const came = releases(state);
  const markers = came.map(release => ({ week: day(data.weeks[release.week]), mark: "\u25BC", text: release.text }));
  const latest = came.slice(-RELEASES).map(release => release.text).join("; ");
  find("releases").textContent = came.length ? `\u25BC First day of releases: ${came.length > RELEASES ? "\u2026 " : ""}${latest}.` : "";
  const x = { field: "week", type: "ordinal", sort: data.weeks.map(day), scale: { domain: data.weeks.map(day) }, title: null, axis: { labelAngle: 0, labelOverlap: true } };
  draw("trend", `Cost by week and ${state.by}`, {
    height: 240,
    layer: [
      {
        data: { values }, mark: { type: "bar", stroke: "var(--paper)", strokeWidth: 0.75 },
        encoding: {
          x, y: { field: "cost", type: "quantitative", title: null, axis: { format: "$~s", tickCount: 5 } },
          color: { field: "series", type: "ordinal", legend: null, scale: { domain: [0, 1, 2, 3, 4, 5, 6, 7], range: ["var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)", "var(--s7)", "var(--s-other)"] } },
          opacity: { condition: { test: `datum.place === ${data.weeks.indexOf(state.week)}`, value: 1 }, value: 0.72 },
          order: { field: "series" }, description: { field: "text" }, tooltip: { field: "text" },
        },
      },
      { data: { values: markers }, mark: { type: "text", fontSize: 12, color: "var(--ink)", dy: -8 }, encoding: { x, y: { value: 0 }, text: { field: "mark" }, description: { field: "text" }, tooltip: { field: "text" } } },
    ],
  });
}

// One marker a release: its features may get it on different days, the first counts.
function releases(state) {
  const named = new Map(), known = data.releases;
  for (const row of passing(known, state, ["product", "feature"])) named.set(known.name[row], [...(named.get(known.name[row]) ?? []), row]);
  return [...named].map(([name, [first, ...others]]) => {
    const where = others.length ? "" : ` of ${data.names.feature[known.feature[first]]}`;
    return { week: known.week[first], text: `${name}${where}, ${day(known.day[first])}` };
  });
}

function drawEffects(found, week) {
  const sums = data.effects.map(([name, label, hint]) => {
    const micro = found.reduce((sum, row) => sum + (rows.week[row] === week ? rows[name][row] : 0), 0);
    return { label, value: micro / 1e6, way: Math.sign(micro), money: signed(micro), text: `${label} (${hint}): ${signed(micro)}` };
  });
  const size = Math.max(...sums.map(effect => Math.abs(effect.value)), 1e-6) * 1.35;
  const y = { field: "label", type: "nominal", sort: null, title: null, axis: { ticks: false, minExtent: 105 } };
  const x = { field: "value", type: "quantitative", title: null, scale: { domain: [-size, size] }, axis: { format: "$~s", tickCount: 5 } };
  const label = (test, align, dx) => ({ transform: [{ filter: test }], mark: { type: "text", align, dx, color: "var(--ink)" }, encoding: { y, x, text: { field: "money" } } });
  draw("effects", "Why cost changed, by effect", {
    data: { values: sums }, height: 26 * sums.length,
    layer: [
      { mark: { type: "bar", height: 14 }, encoding: { y, x, color: { field: "way", type: "ordinal", legend: null, scale: { domain: [-1, 0, 1], range: ["var(--good)", "var(--bar)", "var(--risk)"] } }, description: { field: "text" }, tooltip: { field: "text" } } },
      label("datum.value >= 0", "left", 5), label("datum.value < 0", "right", -5),
    ],
  });
}

function draw(id, description, spec) {
  const axis = { labelColor: "var(--muted)", gridColor: "var(--grid)", domainColor: "var(--grid)", tickColor: "var(--grid)", labelFontSize: 12 };
  const full = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container", description, background: null, autosize: { type: "fit-x", contains: "padding" }, config: { axis, view: { stroke: null }, font: getComputedStyle(document.body).fontFamily }, ...spec };
  // ast: expressions are interpreted, so the page's policy needs no eval; styles and tooltips of their own it forbids
  vegaEmbed(`#${id}`, full, { ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false });
}

function drawBreakdown(state, found) {
  const week = data.weeks.indexOf(state.week), now = new Map(), before = new Map(), calls = new Map();
  for (const row of found) {
    const place = rows[state.by][row];
    if (rows.week[row] === week) { add(now, place, rows.cost_usd[row]); add(calls, place, rows.calls[row]); }
    if (rows.week[row] === week - 1) add(before, place, rows.cost_usd[row]);
  }
  const total = [...now.values()].reduce((sum, micro) => sum + micro, 0);
  const places = [...new Set([...now.keys(), ...before.keys()])].sort((one, other) => (now.get(other) ?? 0) - (now.get(one) ?? 0) || one - other);
  const title = state.by, numbers = ["Cost", "Week before", "Change", "Share", "Calls"];
  find("breakdown-title").textContent = `By ${title}, week of ${day(state.week)}`;
  const body = places.slice(0, SHOWN).map(place => {
    const cost = now.get(place) ?? 0, earlier = before.get(place) ?? 0;
    return [narrower(state.by, place), usd(cost), usd(earlier), signed(cost - earlier), total ? percent(cost / total) : "\u2013", count(calls.get(place) ?? 0)];
  });
  if (places.length > SHOWN) body.push([`${places.length - SHOWN} more, in the download`, "", "", "", "", ""]);
  table("breakdown", columns([title[0].toUpperCase() + title.slice(1), ...numbers], numbers), body, "No row passes the filters.");
  find("folded").textContent = data.folded ? `${data.folded} small tenants are shown as one; a page of a tenant's own shows it alone.` : "";
}

function drawMovers(state, found) {
  const week = data.weeks.indexOf(state.week), pairs = new Map();
  for (const row of found) {
    if (!week || (rows.week[row] !== week && rows.week[row] !== week - 1)) continue;
    const key = `${rows.tenant[row]} ${rows.feature[row]}`;
    const pair = pairs.get(key) ?? { tenant: rows.tenant[row], feature: rows.feature[row], now: 0, before: 0, effects: data.effects.map(() => 0) };
    pairs.set(key, pair);
    pair[rows.week[row] === week ? "now" : "before"] += rows.cost_usd[row];
    if (rows.week[row] === week) data.effects.forEach(([name], place) => { pair.effects[place] += rows[name][row]; });
  }
  const moved = [...pairs.values()].filter(pair => pair.now !== pair.before)
    .sort((one, other) => Math.abs(other.now - other.before) - Math.abs(one.now - one.before));
  const body = moved.slice(0, MOVERS).map(pair => {
    const main = pair.effects.reduce((best, micro, place) => Math.abs(micro) > Math.abs(pair.effects[best]) ? place : best, 0);
    const [, label, hint] = data.effects[main];
    return [narrower("tenant", pair.tenant), data.names.feature[pair.feature], usd(pair.before), usd(pair.now), signed(pair.now - pair.before), `${label.toLowerCase()}, ${signed(pair.effects[main])}: ${hint}`];
  });
  table("movers", columns(["Tenant", "Feature", "Week before", "This week", "Change", "Main driver"], ["Week before", "This week", "Change"]), body, week ? "Nothing moved." : "There is no week before.");
  find("explain").textContent = explain(state, moved[0]);
}

// What is filtered, or else the largest mover; small tenants that are folded have no number of their own.
function explain(state, mover) {
  const marts = { tenant: "tenant_id", product: "product_id", feature: "feature_id", provider: "service_provider", model: "model" };
  let keys = DIMENSIONS.filter(name => state[name] !== null).map(name => [name, state[name]]);
  if (!keys.length && mover) keys = ["tenant", "feature"].map(name => [name, data.ids[name][mover[name]]]);
  keys = keys.filter(([name, id]) => !(name === "tenant" && id === data.folded_id)).map(([name, id]) => `${marts[name]}=${id}`);
  const key = [`week_start=${state.week}`, ...keys].join(",");
  return `inferledger explain unit_economics_weekly ${/^[\w=.,-]+$/.test(key) ? key : `'${key.replaceAll("'", "'\\''")}'`}`;
}

function drawLosses(state) {
  const week = data.weeks.indexOf(state.week), tenants = new Map();
  for (const row of passing(margins, state, ["tenant", "product"])) {
    if (margins.week[row] !== week || data.ids.tenant[margins.tenant[row]] === data.unattributed) continue;
    const sums = tenants.get(margins.tenant[row]) ?? [0, 0];
    tenants.set(margins.tenant[row], [sums[0] + margins.revenue_usd[row], sums[1] + margins.cogs_cost_usd[row]]);
  }
  const body = [...tenants].filter(([, [revenue, cost]]) => cost > revenue)
    .sort(([, [r1, c1]], [, [r2, c2]]) => (c2 - r2) - (c1 - r1))
    .map(([place, [revenue, cost]]) => [narrower("tenant", place), usd(revenue), usd(cost), usd(revenue - cost), renews(data.ids.tenant[place])]);
  table("losses", columns(["Tenant", "Revenue", "Cost", "Margin", "Renews"], ["Revenue", "Cost", "Margin"]), body, "None this week.");
}
const renews = id => data.renewals[id] ? `${day(data.renewals[id])} ${data.renewals[id].slice(0, 4)}` : "\u2013";

// The forecast of what is filtered, where it is of that, else of the whole page.
function drawAhead(state) {
  const known = data.ahead, set = DIMENSIONS.filter(name => state[name] !== null);
  const own = set.length === 1 ? known.scopes[`${set[0]} ${state[set[0]]}`] : undefined;
  const of = own ?? known.scopes[known.whole];
  const month = place => `${MONTHS[Number(known.months[place].slice(5, 7)) - 1]} ${known.months[place].slice(0, 4)}`;
  const rows = of.months.map((place, row) => ({ place, row })).filter(({ row }) => of.amount_usd[row] !== null);
  const ahead = rows.filter(({ row }) => of.is_forecast[row]);
  const total = name => ahead.reduce((sum, { row }) => sum === null || of[name][row] === null ? null : sum + of[name][row], 0);
  const span = (low, high) => low === null || high === null ? "" : ` (${usd(low)} to ${usd(high)})`;
  find("ahead-words").textContent = ahead.length
    ? `Twelve months from ${month(ahead[0].place)} will cost about ${usd(total("amount_usd"))}${span(total("low_usd"), total("high_usd"))}.`
    : `There is no forecast: ${of.reason}.`;
  find("ahead-note").textContent = set.length && !own ? "A forecast is of everything, of a product or of a model; this one is of everything." : "";
  const values = rows.map(({ place, row }) => ({
    month: month(place), ahead: of.is_forecast[row], cost: of.amount_usd[row] / 1e6,
    low: of.low_usd[row] === null ? null : of.low_usd[row] / 1e6, high: of.high_usd[row] === null ? null : of.high_usd[row] / 1e6,
    text: `${month(place)}${of.is_forecast[row] ? ", an estimate" : ""}: ${usd(of.amount_usd[row])}${span(of.low_usd[row], of.high_usd[row])}`,
  }));
  const x = { field: "month", type: "ordinal", sort: null, title: null, axis: { labelAngle: 0, labelOverlap: true } };
  const y = { field: "cost", type: "quantitative", title: null, axis: { format: "$~s", tickCount: 5 } };
  const told = { description: { field: "text" }, tooltip: { field: "text" } };
  draw("ahead", "Cost by month, with the twelve months ahead", {
    data: { values }, height: 180,
    layer: [
      { mark: "bar", encoding: { x, y, color: { condition: { test: "datum.ahead", value: "var(--bar)" }, value: "var(--accent)" }, ...told } },
      { transform: [{ filter: "datum.high !== null" }], mark: { type: "rule", color: "var(--ink)", strokeWidth: 1.5 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, ...told } },
    ],
  });
}

// One row's tokens at rates of micro-dollars per million tokens; what is written to a cache stays written.
const priced = (tokens, rates) => tokens.reduce((sum, number, place) => sum + number * rates[place], 0) / 1e6;

function changed([plain, read, ...rest], asked, rates) {
  const [write5m, write1h, output, reasoning] = rest;
  const cacheable = plain + read, total = cacheable + write5m + write1h;
  const hit = asked.cache === null || rates[1] >= rates[0] ? read : Math.min(cacheable, Math.floor(total * asked.cache));
  return [cacheable - hit, hit, write5m, write1h, output * (asked.output ?? 1), reasoning * (asked.reasoning ?? 1)];
}

function drawWhatIf(state) {
  const known = data.what_if, calls = known.rows;
  const share = name => state[`to-${name}`] === null ? null : Number(state[`to-${name}`]) / 100;
  const asked = { model: state["to-model"], cache: share("cache"), batch: share("batch"), reasoning: share("reasoning"), output: share("output") };
  const sums = new Map();
  let left = 0, waits = 0;
  for (const row of passing(calls, state, DIMENSIONS)) {
    const own = known.rates[`${data.ids.provider[calls.provider[row]]} ${data.ids.model[calls.model[row]]}`];
    if (!own || !calls.is_text[row]) { left += calls.calls[row]; continue; }
    const to = known.rates[asked.model] ?? own, tokens = known.classes.map(name => calls[name][row]);
    const batch = to.batch ? asked.batch ?? 0 : 0;
    if (asked.batch && !to.batch) waits += calls.calls[row];
    const after = changed(tokens, asked, to.standard);
    const pair = sums.get(calls[state.by][row]) ?? [0, 0, 0];
    const cost = priced(after, to.standard) * (1 - batch) + (batch ? priced(after, to.batch) * batch : 0);
    sums.set(calls[state.by][row], [pair[0] + calls.calls[row], pair[1] + priced(tokens, own.standard), pair[2] + cost]);
  }
  const lines = [...sums].sort(([, one], [, other]) => Math.abs(other[2] - other[1]) - Math.abs(one[2] - one[1]) || other[1] - one[1]);
  const total = lines.reduce((sum, [, pair]) => sum.map((value, place) => value + pair[place]), [0, 0, 0]);
  const cells = (name, [number, before, after]) => [name, count(number), usd(before), usd(after), signed(after - before)];
  const body = lines.slice(0, MOVERS).map(([place, pair]) => cells(data.names[state.by][place], pair));
  if (lines.length > MOVERS) body.push([`${lines.length - MOVERS} more`, "", "", "", ""]);
  if (lines.length) body.push(cells("All", total));
  const numbers = ["Calls", "As it was", "Changed", "Difference"];
  table("what-if-table", columns([state.by[0].toUpperCase() + state.by.slice(1), ...numbers], numbers), body, "No call passes the filters.");
  const notes = [[left, "without such a price, as those to own nodes, are left out"], [waits, "have no batch price and stay on the standard tier"]];
  find("what-if-note").textContent = notes.filter(([number]) => number).map(([number, text]) => `${count(number)} calls ${text}.`).join(" ");
}

// What is asked is in the link, but no step of Back: a share is typed digit by digit.
function keepWhatIf() {
  for (const name of WHAT_IF) {
    const field = find(name);
    if (field.type === "number" && field.value !== "") field.value = Math.min(100, Math.max(0, Math.round(Number(field.value))));
    shown[name] = field.value || null;
  }
  history.replaceState(null, "", `#${hash(shown)}`);
  drawWhatIf(shown);
}

// Text that would start a formula in a spreadsheet gets an apostrophe, as in the files the command writes.
const cell = text => {
  const guarded = text.split(/[\r\n]/).some(line => /^[\s\u3000]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/.test(line)) || /^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
};

function csv(found) {
  const money = ["cost_usd", ...data.effects.map(([name]) => name)], counts = ["calls", "tokens", "cacheable_tokens", "cached_tokens", "unpriced_calls"];
  const header = ["week_start", ...DIMENSIONS.flatMap(name => [`${name}_id`, `${name}_name`]), ...counts, ...money];
  const lines = found.map(row => [
    data.weeks[rows.week[row]],
    ...DIMENSIONS.flatMap(name => [data.ids[name], data.names[name]].map(texts => cell(texts[rows[name][row]]))),
    ...counts.map(name => rows[name][row]), ...money.map(name => plain(rows[name][row])),
  ]);
  return "\uFEFF" + [header, ...lines].map(line => line.join(",") + "\r\n").join("");
}

function download(everyWeek) {
  const week = data.weeks.indexOf(shown.week);
  const found = passing(rows, shown, DIMENSIONS).filter(row => everyWeek || rows.week[row] === week);
  const link = element("a", "", { download: `inferledger-${everyWeek ? "all-weeks" : shown.week}.csv`, href: URL.createObjectURL(new Blob([csv(found)], { type: "text/csv" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function render() {
  shown = readHash();
  for (const name of ["week", "by", ...DIMENSIONS]) {
    const select = find(name);
    select.value = DIMENSIONS.includes(name) ? (shown[name] === null ? "" : `=${shown[name]}`) : shown[name];
    select.classList.toggle("set", DIMENSIONS.includes(name) && shown[name] !== null);
  }
  find("title").textContent = `Week of ${day(shown.week)} ${shown.week.slice(0, 4)}`;
  const found = passing(rows, shown, DIMENSIONS);
  drawKpis(shown, found);
  drawTrend(shown, found);
  drawBreakdown(shown, found);
  drawEffects(found, data.weeks.indexOf(shown.week));
  drawMovers(shown, found);
  drawLosses(shown);
  if (data.ahead) drawAhead(shown);
  if (!data.what_if) return;
  for (const name of WHAT_IF) find(name).value = shown[name] ?? "";
  drawWhatIf(shown);
}

fillSelects();
for (const name of ["week", "by", ...DIMENSIONS]) {
  find(name).addEventListener("change", ({ target: { value } }) =>
    writeHash({ [name]: DIMENSIONS.includes(name) ? (value ? value.slice(1) : null) : value }));
}
find("filters").addEventListener("reset", event => {
  event.preventDefault();
  writeHash({ week: data.weeks.at(-1), by: DIMENSIONS[0], ...Object.fromEntries(DIMENSIONS.map(name => [name, null])) });
});
find("filters").addEventListener("submit", event => event.preventDefault());
find("download").addEventListener("click", () => download(false));
find("download-all").addEventListener("click", () => download(true));
if (data.what_if) {
  const models = Object.keys(data.what_if.rates).sort().map(name => new Option(name, name));
  find("to-model").replaceChildren(new Option("the model as it was", ""), ...models);
  find("what-if").addEventListener("input", keepWhatIf);
  find("what-if").addEventListener("reset", () => setTimeout(keepWhatIf));
  find("what-if").addEventListener("submit", event => event.preventDefault());
}
window.addEventListener("hashchange", render);
render();
