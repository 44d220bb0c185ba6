// Interactive parts of pages: bodies that walk, a library to look through, agreement walk by walk, the size of
// a study, a camera, bodies to be turned.
// gaitlib/report/interactive.py fills in ID, KIND and DATA. Nothing is requested from anywhere.
(function (root, kind, data) {
  "use strict";
  const still = root.querySelector(".still"), stage = root.querySelector(".stage");
  const drawers = [];

  function make(tag, settings = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(settings).forEach(([key, value]) => element.setAttribute(key, value));
    element.append(...children);
    return element;
  }
  function addSelect(parent, label, names, chosen, change) {
    const select = make("select");
    names.forEach((name, i) => select.append(make("option", i === chosen ? { value: i, selected: "" } : { value: i }, name)));
    select.addEventListener("change", () => change(Number(select.value)));
    parent.append(make("label", {}, `${label} `, select));
    return select;
  }
  function addSlider(parent, label, [low, high, step], value, say, change) {
    const slider = make("input", { type: "range", min: low, max: high, step, value }), shown = make("span");
    const tell = () => {
      const text = say(Number(slider.value));
      shown.textContent = text && `: ${text}`;
      slider.setAttribute("aria-valuetext", text || slider.value);
    };
    slider.addEventListener("input", () => { tell(); change(Number(slider.value)); });
    parent.append(make("label", { class: "long" }, make("span", {}, label, shown), slider));
    tell();
    return Object.assign(slider, { tell });
  }
  function addCanvas(parent, words, height) {
    const canvas = make("canvas", { role: "img", "aria-label": words, style: `height: ${height}rem` });
    parent.append(canvas);
    return canvas;
  }
  function fit(canvas) {
    const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(Math.round(box.width * ratio), 1);
    canvas.height = Math.max(Math.round(box.height * ratio), 1);
    const context = canvas.getContext("2d");
    context.lineCap = context.lineJoin = "round";
    context.font = `${14 * ratio}px ${getComputedStyle(root).fontFamily}`;
    return [context, ratio];
  }
  const decode = (text) => new Int16Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const getColour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  // A limb: two circles and what lies between their tangents.
  function fillCapsule(context, a, b, ra, rb) {
    const along = Math.atan2(b[1] - a[1], b[0] - a[0]), length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const open = Math.acos(Math.min(Math.max((ra - rb) / Math.max(length, 1e-6), -1), 1));
    context.beginPath();
    context.arc(a[0], a[1], ra, along + open, along - open + 2 * Math.PI);
    context.arc(b[0], b[1], rb, along - open, along + open);
    context.closePath();
    context.fill();
    context.stroke();
  }
  // Limbs between points [x, y, depth], the far ones first; the edge tells the side.
  function drawBones(context, ratio, seen, bones, names, at, size) {
    bones.map(([a, b, ra, rb]) => ({ a: seen[a], b: seen[b], ra, rb, side: [a, b].map((i) => (names[i] || "head").slice(-2)) }))
      .filter((bone) => bone.a && bone.b).sort((p, q) => q.a[2] + q.b[2] - p.a[2] - p.b[2]).forEach((bone) => {
        context.fillStyle = getColour("body");
        context.strokeStyle = getColour((bone.side[0] === bone.side[1] && { _r: "right", _l: "left" }[bone.side[0]]) || "outline");
        context.lineWidth = 1.5 * ratio;
        fillCapsule(context, at(bone.a), at(bone.b), size(bone.a, bone.ra), size(bone.b, bone.rb));
      });
  }
  function markSimulated(context, ratio) {
    context.fillStyle = getColour("simulated");
    context.textAlign = "right";
    context.fillText("SIMULATED", context.canvas.width - 8 * ratio, 18 * ratio);
  }
  const redraw = () => drawers.forEach((draw) => draw());

  // Plays only while it is in sight. `tick` gets the seconds since the last picture.
  function addPlay(parent, tick) {
    const button = make("button", { type: "button" });
    let last = null, playing = false, seen = true;
    function step(now) {
      if (!playing || !seen) { last = null; return; }
      if (last !== null) tick(Math.min(now - last, 100) / 1000);
      last = now;
      window.requestAnimationFrame(step);
    }
    function play(on) {
      playing = on;
      button.textContent = on ? "Pause" : "Play";
      if (on) window.requestAnimationFrame(step);
    }
    button.addEventListener("click", () => play(!playing));
    parent.append(button);
    new IntersectionObserver(([entry]) => {
      const was = seen;
      seen = entry.isIntersecting;
      if (seen && !was && playing) window.requestAnimationFrame(step);
    }).observe(root);
    play(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    return play;
  }

  // ---- Bodies that walk ------------------------------------------------------------------------------
  // Radii at both ends, in body heights.
  const limbs = {
    leg: [["mid_hip", "knee", 0.052, 0.033], ["knee", "ankle", 0.034, 0.019], ["ankle", "heel", 0.019, 0.017],
      ["ankle", "mtp", 0.02, 0.013], ["heel", "mtp", 0.014, 0.012], ["mtp", "toe", 0.012, 0.009]],
    arm: [["shoulder", "elbow", 0.026, 0.02], ["elbow", "wrist", 0.02, 0.014], ["wrist", "wrist", 0.017, 0.017]],
    trunk: [["shoulder", "neck", 0.03, 0.024], ["mid_hip", "lumbar", 0.058, 0.053], ["lumbar", "shoulder", 0.053, 0.056]],
  };

  function getActivity(share, alpha) {
    // From pale grey through yellow to dark red: also told apart in grey, as it darkens.
    const stops = [[0, 214, 219, 226], [0.15, 250, 204, 90], [0.4, 226, 84, 44], [1, 128, 0, 38]];
    const k = Math.max(stops.findIndex((stop) => stop[0] >= share), 1), [a, b] = [stops[k - 1], stops[k]];
    const t = Math.min(Math.max((share - a[0]) / (b[0] - a[0]), 0), 1);
    return `rgba(${[1, 2, 3].map((i) => Math.round(a[i] + t * (b[i] - a[i]))).join(",")},${alpha})`;
  }
  function read(values, width, share) {
    const place = share * (values.length / width - 1), low = Math.floor(place), t = place - low;
    return Array.from({ length: width }, (_, i) => values[low * width + i] * (1 - t) + (t && values[(low + 1) * width + i] * t));
  }

  function drawWalker(canvas, gait, share) {
    const [context, ratio] = fit(canvas), height = gait.height_m, scale = canvas.height / (1.16 * height);
    const camera = gait.length_m * share + gait.start_m;
    const place = (p) => [canvas.width * 0.45 + (p[0] - camera) * scale, canvas.height - (p[1] + 0.06 * height) * scale];
    const flat = read(gait.points, 2 * data.points.length, share), points = {};
    data.points.forEach((name, i) => { points[name] = [flat[2 * i] / 1000, flat[2 * i + 1] / 1000]; });

    function stroke(list, width, colour) {
      context.strokeStyle = colour;
      context.lineWidth = width * height * scale;
      context.beginPath();
      list.map(place).forEach((p, i) => (i ? context.lineTo(p[0], p[1]) : context.moveTo(p[0], p[1])));
      context.stroke();
    }
    const edge = (canvas.width / scale) * 0.6, floor = getColour("faint");
    stroke([[camera - edge, 0], [camera + edge, 0]], 0.006, floor);
    for (let x = Math.ceil((camera - edge) * 2) / 2; x < camera + edge; x += 0.5) stroke([[x, 0], [x, -0.025 * height]], 0.004, floor);

    function drawLimbs(name, side, fill, line) {
      const at = (point) => points[`${point}_${side}`] || points[point];
      // First every outline, then every filling: joints show no seams.
      [line, null].forEach((colour) => limbs[name].forEach(([a, b, ra, rb]) => {
        context.fillStyle = fill;
        context.strokeStyle = colour || fill;
        context.lineWidth = (colour ? 0.009 : 0.001) * height * scale;
        fillCapsule(context, place(at(a)), place(at(b)), ra * height * scale, rb * height * scale);
      }));
    }
    function drawMuscles(side, alpha) {
      const at = (point) => points[`${point}_${side}`] || points[point];
      const locate = ([segment, along, front]) => {
        const [a, b] = data.segments[segment].map(at), dx = b[0] - a[0], dy = b[1] - a[1];
        const sign = segment === "pelvis" ? -1 : 1;
        return place([a[0] + along * dx - sign * front * dy, a[1] + along * dy + sign * front * dx]);
      };
      const active = read(gait.activation[side], data.muscles.length, share);
      data.muscles.forEach((muscle, i) => {
        const [thickness, ...path] = data.paths[muscle], [p, q, r, s] = path.map(locate);
        context.strokeStyle = getActivity(active[i] / 100, alpha * Math.min(0.4 + active[i] / 10, 1));
        context.lineWidth = thickness * height * scale * (0.9 + 0.005 * active[i]);
        context.beginPath();
        context.moveTo(...p);
        if (s) context.bezierCurveTo(...q, ...r, ...s);
        else context.quadraticCurveTo(...q, ...r);
        context.stroke();
      });
    }
    function drawForce(side, alpha) {
      const [fx, fy, x] = read(gait.force[side], 3, share);
      if (fy < 3) return;
      const size = 0.0045 * height, foot = [x / 1000, 0], tip = [foot[0] + fx * size, fy * size];
      const angle = Math.atan2(fy, fx), head = 0.035 * height, colour = getColour("force");
      const wings = [2.7, -2.7].map((w) => [tip[0] + head * Math.cos(angle + w), tip[1] + head * Math.sin(angle + w)]);
      context.globalAlpha = alpha;
      stroke([foot, tip], 0.009, colour);
      stroke([wings[0], tip, wings[1]], 0.009, colour);
      context.globalAlpha = 1;
    }
    const [body, far, right, left, ink] = ["body", "far", "right", "left", "outline"].map(getColour);
    drawLimbs("arm", "l", far, left);
    drawLimbs("leg", "l", far, left);
    drawMuscles("l", 0.55);
    const [neck, top] = [points.neck, points.head_top].map(place), radius = Math.hypot(neck[0] - top[0], neck[1] - top[1]) / 2;
    drawLimbs("trunk", "", body, ink);
    context.strokeStyle = ink;
    context.lineWidth = 0.006 * height * scale;
    context.beginPath();
    context.ellipse((neck[0] + top[0]) / 2, (neck[1] + top[1]) / 2, radius, 0.78 * radius, Math.atan2(top[1] - neck[1], top[0] - neck[0]), 0, 7);
    context.fill();
    context.stroke();
    drawLimbs("leg", "r", body, right);
    drawMuscles("r", 1);
    context.globalAlpha = 0.85;
    drawLimbs("arm", "r", body, right);
    context.globalAlpha = 1;
    drawForce("l", 0.6);
    drawForce("r", 1);
    markSimulated(context, ratio);
  }

  function mountWalk() {
    data.gaits.forEach((gait) => {
      gait.points = decode(gait.points);
      for (const side of "rl") [gait.force[side], gait.activation[side]] = [decode(gait.force[side]), decode(gait.activation[side])];
    });
    const groups = data.groups, shown = [];
    let seconds = 0;
    const row = make("div", { class: "row" });
    data.panels.forEach((first, number) => {
      const panel = make("div", { class: "panel" }), title = make("strong"), state = { group: first, level: 0 };
      const getLevel = () => groups[state.group].levels[state.level];
      const choose = (n) => {
        state.gait = data.gaits[getLevel().first + n];
        title.innerHTML = state.gait.picture;  // drawn by gaitlib; words are set as text
        title.append(make("span", {}, state.gait.title));
        if (state.canvas) { state.canvas.setAttribute("aria-label", `Walking body: ${state.gait.title}`); redraw(); }
      };
      if (groups.length > data.panels.length) {
        const controls = make("div", { class: "controls" });
        const reset = (slider, last) => { slider.max = last; slider.value = Math.floor(last / 2); slider.disabled = !last; };
        const show = () => { reset(pace, getLevel().count - 1); choose(Number(pace.value)); pace.tell(); };
        addSelect(controls, number ? "beside" : "who walks", groups.map((group) => group.name), first, (i) => {
          state.group = i;
          reset(hard, groups[i].levels.length - 1);
          state.level = Number(hard.value);
          hard.tell();
          show();
        });
        state.level = Math.floor((groups[first].levels.length - 1) / 2);
        const hard = addSlider(controls, "impairment", [0, 9, 1], 0, (n) =>
          (groups[state.group].levels.length < 2 ? "none" : ["mild", "moderate", "severe"][n]), (n) => { state.level = n; show(); });
        const pace = addSlider(controls, "walking speed", [0, 9, 1], 0,
          (n) => `${(data.gaits[getLevel().first + n] || state.gait).speed_mps.toFixed(2)} m/s`, choose);
        reset(hard, groups[first].levels.length - 1);
        hard.tell();
        panel.append(controls);
        show();
      } else choose(0);
      panel.append(title);
      state.canvas = addCanvas(panel, `Walking body: ${state.gait.title}`, 22);
      shown.push(state);
      row.append(panel);
    });
    const controls = make("div", { class: "controls" });
    const show = () => {
      shown.forEach((state) => drawWalker(state.canvas, state.gait, (seconds / state.gait.stride_s) % 1));
      slider.value = String(((seconds / shown[0].gait.stride_s) % 1) * 100);
    };
    let pace = 0.5;
    stage.append(row, controls);
    const slider = addSlider(controls, "share of the stride", [0, 100, 0.5], 0, () => "", (value) => {
      play(false);
      seconds = (value / 100) * shown[0].gait.stride_s;
      show();
    });
    addSelect(controls, "time", ["as it is", "1/2", "1/5"], 1, (i) => { pace = [1, 0.5, 0.2][i]; });
    drawers.push(show);
    const play = addPlay(controls, (passed) => { seconds += passed * pace; show(); });
    controls.prepend(controls.lastChild);
    const key = make("p", { class: "key" }, "muscles: activation 0 ", make("span", { class: "scale" }), " 1; ");
    key.append("blue edge right leg, orange edge left leg, green force of the ground");
    stage.append(key);
  }

  // ---- A library to look through ---------------------------------------------------------------------
  function mountLibrary() {
    const curves = decode(data.curves), group = decode(data.group), n = group.length, width = data.n_points;
    data.outcomes.forEach((outcome) => { outcome.values = Array.from(decode(outcome.values), (v) => v / outcome.scale); });
    const on = data.groups.map((_, i) => data.chosen.includes(i));
    let outcome = data.outcomes[0], leg = 0, low = 0, high = 0;
    const boxes = make("fieldset", { class: "controls" }, make("legend", {}, "people"));
    data.groups.forEach((name, i) => {
      const box = make("input", Object.assign({ type: "checkbox" }, on[i] ? { checked: "" } : {}));
      box.addEventListener("change", () => { on[i] = box.checked; redraw(); });
      boxes.append(make("label", {}, box, ` ${name}`));
    });
    const controls = make("div", { class: "controls" }), brush = make("div", { class: "controls" });
    addSelect(controls, "outcome", data.outcomes.map((o) => o.label), 0, (i) => { outcome = data.outcomes[i]; reset(); redraw(); });
    addSelect(controls, "leg", data.legs, 0, (i) => { leg = i; redraw(); });
    const say = (share) => `${(outcome.low + share * (outcome.high - outcome.low)).toFixed(outcome.digits)} ${outcome.unit}`;
    const from = addSlider(brush, "from", [0, 1, 0.01], 0, say, (v) => { low = v; redraw(); });
    const to = addSlider(brush, "to", [0, 1, 0.01], 1, say, (v) => { high = v; redraw(); });
    const count = make("output", { class: "count", "aria-live": "polite" });
    stage.append(boxes, controls);
    const histogram = addCanvas(stage, "How many simulated gaits have which value of the outcome", 6);
    stage.append(brush, count);
    const picture = addCanvas(stage, "Hip, knee and ankle angle over the stride of the chosen gaits", 17);
    stage.append(make("p", { class: "key" }, "line: median of the chosen gaits; dark band: middle half; light band: middle 90 %; dashed: median of the people outside the range"));
    function reset() {
      outcome.low = Math.min(...outcome.values);
      outcome.high = Math.max(...outcome.values);
      [low, high] = [0.0, 1.0];
      [from.value, to.value] = [0, 1];
      from.tell();
      to.tell();
    }
    // Drawing over the histogram brushes a range; the sliders do the same for keys.
    let start = null;
    const locate = (event) => {
      const box = histogram.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    };
    histogram.addEventListener("pointerdown", (event) => { start = locate(event); histogram.setPointerCapture(event.pointerId); });
    histogram.addEventListener("pointerup", () => { start = null; });
    histogram.addEventListener("pointermove", (event) => {
      if (start === null) return;
      [low, high] = [start, locate(event)].sort((a, b) => a - b);
      [from.value, to.value] = [low, high];
      from.tell();
      to.tell();
      redraw();
    });
    const place = (i) => (outcome.values[i] - outcome.low) / (outcome.high - outcome.low);

    drawers.push(() => {
      const own = [], inside = [], outside = [];
      for (let i = 0; i < n; i += 1) {
        if (!on[group[i]]) continue;
        own.push(i);
        (place(i) >= Math.min(low, high) - 1e-9 && place(i) <= Math.max(low, high) + 1e-9 ? inside : outside).push(i);
      }
      count.textContent = `${inside.length.toLocaleString("en")} of ${own.length.toLocaleString("en")} simulated gaits`;
      const [context, ratio] = fit(histogram), bars = 50, tall = [0, 1].map(() => new Array(bars).fill(0));
      [own, inside].forEach((list, k) => list.forEach((i) => { tall[k][Math.min(Math.floor(place(i) * bars), bars - 1)] += 1; }));
      const most = Math.max(...tall[0], 1), step = histogram.width / bars;
      ["faint", "right"].forEach((colour, k) => {
        context.fillStyle = getColour(colour);
        tall[k].forEach((value, b) => {
          const size = (value / most) * (histogram.height - 4);
          context.fillRect(b * step + ratio, histogram.height - size, step - ratio, size);
        });
      });
      drawCurves(inside, outside);
    });

    function drawCurves(inside, outside) {
      const columns = picture.clientWidth > 520 ? 3 : 1;
      picture.style.height = columns === 3 ? "17rem" : "36rem";
      const [context, ratio] = fit(picture);
      const w = picture.width / columns, h = picture.height / (3 / columns), pad = 34 * ratio;
      data.joints.forEach((joint, j) => {
        const [x0, y0] = columns === 3 ? [j * w, 0] : [0, j * h];
        const [bottom, top] = data.ranges[j];
        const px = (k) => x0 + pad + (k / (width - 1)) * (w - pad - 8 * ratio);
        const py = (v) => y0 + h - pad - ((v - bottom) / (top - bottom)) * (h - 2 * pad);
        context.lineWidth = ratio;
        for (let v = Math.ceil(bottom / 20) * 20; v <= top; v += 20) {
          context.strokeStyle = getColour("faint");
          context.globalAlpha = 0.5;
          context.beginPath();
          context.moveTo(px(0), py(v));
          context.lineTo(px(width - 1), py(v));
          context.stroke();
          context.globalAlpha = 1;
          context.fillStyle = getColour("ink");
          context.fillText(String(v).replace("-", "\u2212"), x0 + 2 * ratio, py(v) + 5 * ratio);
        }
        context.fillStyle = getColour("ink");
        context.fillText(joint, px(0), y0 + 20 * ratio);
        context.fillText("0", px(0), y0 + h - 10 * ratio);
        context.fillText("100 % of stride", px(width - 1) - 104 * ratio, y0 + h - 10 * ratio);
        const sort = (list) => Array.from({ length: width }, (_, k) =>
          Float32Array.from(list, (i) => curves[((i * 2 + leg) * 3 + j) * width + k] / 10).sort());
        const at = (sorted, share) => sorted.map((values) => values[Math.round(share * (values.length - 1))]);
        const draw = (line) => line.forEach((v, k) => (k ? context.lineTo(px(k), py(v)) : context.moveTo(px(k), py(v))));
        if (inside.length) {
          const sorted = sort(inside);
          [[0.05, 0.2], [0.25, 0.35]].forEach(([share, alpha]) => {
            context.beginPath();
            draw(at(sorted, share));
            at(sorted, 1 - share).map((v, k) => [v, k]).reverse().forEach(([v, k]) => context.lineTo(px(k), py(v)));
            context.fillStyle = getColour("right");
            context.globalAlpha = alpha;
            context.fill();
            context.globalAlpha = 1;
          });
          context.beginPath();
          draw(at(sorted, 0.5));
          context.strokeStyle = getColour("right");
          context.lineWidth = 2.5 * ratio;
          context.stroke();
        }
        if (outside.length) {
          context.beginPath();
          draw(at(sort(outside), 0.5));
          context.strokeStyle = getColour("left");
          context.lineWidth = 2 * ratio;
          context.setLineDash([6 * ratio, 4 * ratio]);
          context.stroke();
          context.setLineDash([]);
        }
      });
      markSimulated(context, ratio);
    }
    reset();
  }

  // ---- Agreement, walk by walk -------------------------------------------------------------------------
  function mountAgreement() {
    const controls = make("div", { class: "controls" }), chosen = [0, 0, 0, 0];
    const canvas = addCanvas(stage, "Error of every walk against its size, with bias and limits of agreement", 22);
    Object.assign(canvas, { tabIndex: 0 });
    const said = make("output", { class: "count", "aria-live": "polite" });
    let points = [], spots = [], held = -1, series = null;
    const axes = [["people", data.groups], ["outcome", data.outcomes.map((o) => o.label)], ["camera from the", data.views], ["method", data.methods]];
    axes.forEach(([label, names], i) => addSelect(controls, label, names, 0, (value) => { chosen[i] = value; choose(); redraw(); }));
    stage.prepend(controls);
    stage.append(said, make("p", { class: "key" }, "solid line: bias; dashed: 95 % limits of agreement; shaded: the declared margin. Point at a walk, or step with the arrow keys: all walks of that person stand out."));
    const getOutcome = () => data.outcomes[chosen[1]];
    const say = (v, sign) => {
      const { factor, digits, unit } = getOutcome(), text = Math.abs(v * factor).toFixed(digits);
      return `${v < 0 && Number(text) ? "\u2212" : sign ? "+" : ""}${text} ${unit}`;
    };
    function choose() {
      held = -1;
      series = data.series.find((s) => s.key.every((v, i) => v === chosen[i]));
      points = series ? Array.from(decode(series.reference), (v, i) => [v / data.scale, decode(series.estimate)[i] / data.scale, series.person[i]]) : [];
      points.sort((a, b) => a[0] + a[1] - b[0] - b[1]);
      tell();
    }
    function tell() {
      root.dataset.held = held;
      if (!series) { said.textContent = "No walk here has both an estimate and a measured value."; return; }
      const [reference, estimate, person] = points[held] || [];
      const kind = series.simulated ? "simulated people" : "people";
      said.textContent = held >= 0
        ? `${data.people[person]}: ${series.simulated ? "true" : "measured"} ${say(reference)}, estimated ${say(estimate)}, off by ${say(estimate - reference, true)}`
        : `${series.n_people} ${kind}, ${points.length} walks${series.low === null ? ": too few people for bias and limits" : `: bias ${say(series.bias, true)}, 95 % limits ${say(series.low, true)} to ${say(series.high, true)}`}`;
    }
    function hold(i) { if (i !== held) { held = i; tell(); redraw(); } }
    function find(event) {
      const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
      const far = spots.map(([x, y]) => Math.hypot(x - (event.clientX - box.left) * ratio, y - (event.clientY - box.top) * ratio));
      const best = far.indexOf(Math.min(...far));
      hold(best >= 0 && far[best] < 26 * ratio ? best : -1);
    }
    ["pointermove", "pointerdown"].forEach((name) => canvas.addEventListener(name, find));
    canvas.addEventListener("pointerleave", () => hold(-1));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !points.length) return;
      event.preventDefault();
      hold((Math.max(held, step < 0 ? 0 : -1) + step + points.length) % points.length);
    });

    drawers.push(() => {
      const [context, ratio] = fit(canvas), { margin, label } = getOutcome();
      spots = [];
      if (!series) return;
      const ends = [series.low, series.high].filter((v) => v !== null), errors = points.map((p) => p[1] - p[0]);
      const tall = 1.12 * Math.max(...errors.map(Math.abs), ...ends.map(Math.abs), margin);
      const sizes = points.map((p) => (p[0] + p[1]) / 2), pad = 0.05 * (Math.max(...sizes) - Math.min(...sizes) || 1);
      const [first, last] = [Math.min(...sizes) - pad, Math.max(...sizes) + pad];
      const [left, right, top, bottom] = [66, 12, 26, 44].map((v) => v * ratio);
      const px = (v) => left + ((v - first) / (last - first)) * (canvas.width - left - right);
      const py = (v) => top + ((tall - v) / (2 * tall)) * (canvas.height - top - bottom);
      function rule(v, colour, width, dash) {
        context.strokeStyle = getColour(colour);
        context.lineWidth = width * ratio;
        context.setLineDash(dash.map((d) => d * ratio));
        context.beginPath();
        context.moveTo(left, py(v));
        context.lineTo(canvas.width - right, py(v));
        context.stroke();
        context.setLineDash([]);
      }
      context.fillStyle = getColour("margin");
      context.globalAlpha = 0.22;
      context.fillRect(left, py(margin), canvas.width - left - right, py(-margin) - py(margin));
      context.globalAlpha = 1;
      rule(0, "faint", 1, []);
      ends.forEach((v) => rule(v, "ink", 1.4, [6, 4]));
      if (ends.length) rule(series.bias, "ink", 1.8, []);
      context.fillStyle = getColour("ink");
      const tick = (low, high) => [0.2, 0.1, 0.05, 0.02].map((k) => k * 10 ** Math.ceil(Math.log10(high - low))).find((k) => (high - low) / k >= 3);
      const { factor, unit } = getOutcome();
      const write = (v, step) => (v * factor).toFixed(Math.max(0, -Math.floor(Math.log10(step * factor) + 1e-9))).replace("-", "\u2212");
      context.textAlign = "right";
      for (let step = tick(-tall, tall), v = Math.ceil(-tall / step) * step; v <= tall; v += step) context.fillText(write(Math.abs(v) < step / 2 ? 0 : v, step), left - 8 * ratio, py(v) + 5 * ratio);
      context.textAlign = "center";
      for (let step = tick(first, last), v = Math.ceil(first / step) * step; v <= last; v += step) context.fillText(write(v, step), px(v), canvas.height - bottom + 18 * ratio);
      context.fillText(`${label}, mean of both (${unit})`, (left + canvas.width) / 2, canvas.height - 6 * ratio);
      context.textAlign = "left";
      context.fillText(`estimate \u2212 ${series.simulated ? "truth" : "measured"} (${unit})`, 4 * ratio, 16 * ratio);
      spots = points.map((p, i) => [px(sizes[i]), py(errors[i])]);
      const person = held >= 0 ? points[held][2] : null;
      points.forEach((p, i) => {
        const own = p[2] === person;
        context.beginPath();
        context.arc(...spots[i], (i === held ? 7 : own ? 6 : 4.5) * ratio, 0, 7);
        context.strokeStyle = context.fillStyle = getColour(own ? "left" : "right");
        context.lineWidth = 1.6 * ratio;
        context.globalAlpha = own || person === null ? 1 : 0.45;
        if (own || !series.simulated) context.fill();
        context.stroke();
        context.globalAlpha = 1;
      });
      if (series.simulated) markSimulated(context, ratio);
    });
    choose();
  }

  // ---- The size of a study ---------------------------------------------------------------------------
  function mountSample() {
    const controls = make("div", { class: "controls" }), answer = make("output", { class: "result", "aria-live": "polite" });
    let group = 0, how = 0, design = 0, power = 0, walks = 2;
    const rows = () => data.rows.filter((row) => row.group === data.groups[group]);
    const kept = data.outcomes.map((o) => o.margin);
    let outcome = 0;
    addSelect(controls, "people like", data.groups, 0, (i) => { group = i; show(); });
    addSelect(controls, "outcome", data.outcomes.map((o) => o.label), 0, (i) => {
      outcome = i;
      Object.assign(size, { min: kept[i] / 4, max: 3 * kept[i], step: kept[i] / 20 });
      size.value = kept[i];
      size.tell();
      show();
    });
    addSelect(controls, "measured by", data.hows, 0, (i) => { how = i; show(); });
    addSelect(controls, "design", ["two groups", "before and after"], 0, (i) => { design = i; show(); });
    addSelect(controls, "power", data.powers.map((p) => `${Math.round(100 * p.power)} %`), 0, (i) => { power = i; show(); });
    const size = addSlider(controls, "difference to find", [kept[0] / 4, 3 * kept[0], kept[0] / 20], kept[0],
      (v) => `${(v * data.outcomes[outcome].factor).toFixed(data.outcomes[outcome].digits)} ${data.outcomes[outcome].unit}`, () => show());
    addSlider(controls, "walks per person and visit", [1, 10, 1], 2, (v) => String(v), (v) => { walks = v; show(); });
    function show() {
      const row = rows().find((item) => item.outcome === data.outcomes[outcome].name && item.how === data.hows[how]);
      if (!row) { answer.textContent = "Not known: too few people were measured in this way."; return; }
      const seen = row.slope * Number(size.value), z = data.z_two_sided + data.powers[power].z;
      const variance = design ? (2 * row.within ** 2) / walks : row.between ** 2 + row.within ** 2 / walks;
      const factor = design ? 1 : 2, extra = data.z_two_sided ** 2 / (design ? 2 : 4);
      const people = Math.ceil(((factor * z * z * variance) / seen ** 2 + extra) / (1 - row.no_answer));
      answer.textContent = `${people.toLocaleString("en")} people${design ? "" : " in each of two groups"}`;
      root.dataset.people = people;
    }
    stage.append(controls, answer);
    drawers.push(show);
  }

  // ---- What a camera sees ----------------------------------------------------------------------------
  function mountCamera() {
    data.walks.forEach((walk) => { walk.points = decode(walk.points); });
    const n = data.keypoints.length, [width, height] = data.image_px;
    let walk = data.walks[0], seconds = 0, azimuth = 90, distance = 6, lens = 1;
    const controls = make("div", { class: "controls" });
    const canvas = addCanvas(stage, "Keypoints of a simulated walk in the picture of a camera", 0);
    Object.assign(canvas.style, { height: "auto", aspectRatio: `${width} / ${height}`, touchAction: "pan-y", cursor: "grab" });
    const said = make("p", { class: "count", "aria-live": "polite" });
    addSelect(controls, "who walks", data.walks.map((w) => w.name), 0, (i) => { walk = data.walks[i]; seconds = 0; redraw(); });
    const turn = addSlider(controls, "angle", [0, 355, 5], azimuth, (v) => `${v}\u00b0 ${nameView(v)}`, (v) => { azimuth = v; redraw(); });
    const rise = addSlider(controls, "height", [0.3, 3, 0.1], lens, (v) => `${v.toFixed(1)} m`, (v) => { lens = v; redraw(); });
    addSlider(controls, "distance", [2.5, 14, 0.5], distance, (v) => `${v.toFixed(1)} m`, (v) => { distance = v; redraw(); });
    addSlider(controls, "moment", [0, 1, 0.01], 0.5, (v) => `${Math.round(100 * v)} %`, (v) => { play(false); seconds = v * getEnd(); redraw(); });
    stage.append(controls, said);
    const getEnd = () => walk.points.length / (3 * n * walk.fps) - 1 / walk.fps;
    seconds = getEnd() / 2;
    const turned = (view) => Math.abs(((azimuth - data.views[view] + 540) % 360) - 180);
    function nameView(angle) {
      const near = Object.keys(data.views).find((view) => Math.abs(((angle - data.views[view] + 540) % 360) - 180) < 3);
      return near ? `(${near.replace("_", " ")})` : "";
    }
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY, azimuth, lens]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointerup", () => { held = null; });
    canvas.addEventListener("pointercancel", () => { held = null; });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      azimuth = (Math.round((held[2] + 0.4 * (held[0] - event.clientX)) / 5) * 5 + 720) % 360;
      lens = Math.min(Math.max(held[3] + 0.01 * (event.clientY - held[1]), 0.3), 3);
      [turn.value, rise.value] = [azimuth, lens];
      turn.tell();
      rise.tell();
      redraw();
    });

    // The pinhole camera of gaitlib/sense/camera.py, fixed, without distortion.
    function project(p) {
      const angle = (azimuth * Math.PI) / 180, [cx, cz] = walk.centre_m;
      const position = [cx + distance * Math.cos(angle), lens, cz + distance * Math.sin(angle)];
      let f = [cx - position[0], data.aim_m - lens, cz - position[2]];
      f = f.map((v) => v / Math.hypot(...f));
      const flat = Math.hypot(f[0], f[2]), r = [-f[2] / flat, 0, f[0] / flat];
      const d = [f[1] * r[2] - f[2] * r[1], f[2] * r[0] - f[0] * r[2], f[0] * r[1] - f[1] * r[0]];
      const [x, y, z] = [r, d, f].map((axis) => axis.reduce((sum, v, k) => sum + v * (p[k] - position[k]), 0));
      return z > 0.2 ? [width / 2 + (data.focal_px * x) / z, height / 2 + (data.focal_px * y) / z, z] : null;
    }
    drawers.push(() => {
      const [context, ratio] = fit(canvas), scale = canvas.width / width;
      const share = Math.min(seconds / getEnd(), 1), place = share * (walk.points.length / (3 * n) - 1);
      const low = Math.floor(place), t = place - low;
      const points = data.keypoints.map((_, i) => [0, 1, 2].map((k) => {
        const a = walk.points[(low * n + i) * 3 + k], b = t ? walk.points[((low + 1) * n + i) * 3 + k] : 0;
        return (a * (1 - t) + b * t) / 1000;
      }));
      points.push([0, 1, 2].map((k) => (points[data.head[0]][k] + points[data.head[1]][k]) / 2));
      context.fillStyle = getColour("picture");
      context.fillRect(0, 0, canvas.width, canvas.height);
      const seen = points.map(project), at = (p) => [p[0] * scale, p[1] * scale];
      context.strokeStyle = getColour("faint");
      context.lineWidth = ratio;
      for (let x = -4; x <= 5; x += 1) {
        for (const [a, b] of [[[x, -1], [x, 1]], [[-4, x / 2], [5, x / 2]]].slice(0, x % 2 ? 1 : 2)) {
          if (Math.abs(a[1]) > 1) continue;
          const ends = [a, b].map(([u, v]) => project([walk.centre_m[0] + u, 0, walk.centre_m[1] + v]));
          if (!ends[0] || !ends[1]) continue;
          context.beginPath();
          context.moveTo(...at(ends[0]));
          context.lineTo(...at(ends[1]));
          context.stroke();
        }
      }
      drawBones(context, ratio, seen, data.bones, data.keypoints, at, (p, r) => ((data.focal_px * r * walk.height_m) / p[2]) * scale);
      let inside = 0;
      context.fillStyle = getColour("dot");
      seen.slice(0, n).forEach((p) => {
        if (!p || p[0] < 0 || p[0] > width || p[1] < 0 || p[1] > height) return;
        inside += 1;
        context.beginPath();
        context.arc(...at(p), Math.min(3.2, canvas.width / ratio / 200) * ratio, 0, 7);
        context.fill();
      });
      markSimulated(context, ratio);
      const known = seen.slice(0, n).filter((p) => p).map((p) => p[1]), tall = Math.round(Math.max(...known) - Math.min(...known));
      root.dataset.tall = tall;
      const view = Object.keys(data.errors).find((name) => turned(name) <= 15);
      said.textContent = `${inside} of ${n} keypoints in the picture; the person is ${tall} pixels tall. `
        + (view ? data.errors[view] : data.no_error);
    });
    const play = addPlay(controls, (passed) => { seconds = (seconds + passed) % getEnd(); redraw(); });
    play(false);
  }

  // ---- Bodies in space, to be turned -----------------------------------------------------------------
  function mountTurn() {
    const n = data.points.length, row = make("div", { class: "row" }), controls = make("div", { class: "controls" });
    data.gaits.forEach((gait) => { gait.points = decode(gait.points); });
    let seconds = 0, azimuth = 0, pace = 0.5, held = null;
    const panels = data.panels.map((first) => {
      const panel = make("div", { class: "panel", style: "flex-basis: 13rem" }), state = { gait: data.gaits[first] };
      addSelect(panel, "who walks", data.gaits.map((gait) => gait.title), first, (i) => { state.gait = data.gaits[i]; redraw(); });
      state.canvas = addCanvas(panel, "Walking body, to be turned", 21);
      Object.assign(state.canvas.style, { touchAction: "pan-y", cursor: "grab" });
      state.canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, azimuth]; state.canvas.setPointerCapture(event.pointerId); });
      ["pointerup", "pointercancel"].forEach((name) => state.canvas.addEventListener(name, () => { held = null; }));
      state.canvas.addEventListener("pointermove", (event) => {
        if (held) look((Math.round(held[1] + 0.5 * (held[0] - event.clientX)) + 720) % 360);
      });
      row.append(panel);
      return state;
    });
    stage.append(row, controls);
    const views = { 0: "from the front", 90: "from the right", 180: "from behind", 270: "from the left" };
    const look = (value) => { azimuth = value; turn.value = value; turn.tell(); redraw(); };
    const turn = addSlider(controls, "angle", [0, 359, 1], azimuth, (v) => `${v}\u00b0 ${views[v] || ""}`, (v) => { azimuth = v; redraw(); });
    const moment = addSlider(controls, "share of the stride", [0, 100, 0.5], 0, (v) => `${Math.round(v)} %`, (v) => {
      play(false);
      seconds = (v / 100) * panels[0].gait.stride_s;
      redraw();
    });
    addSelect(controls, "time", ["as it is", "1/2", "1/5"], 1, (i) => { pace = [1, 0.5, 0.2][i]; });
    const rise = 0.12;  // the camera looks down a little, so that the floor is seen

    function drawGait({ canvas, gait }) {
      const [context, ratio] = fit(canvas), tall = gait.height_m, scale = canvas.height / (1.25 * tall);
      const share = (seconds / gait.stride_s) % 1, angle = (azimuth * Math.PI) / 180;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)], flat = read(gait.points, 3 * n, share);
      const project = ([x, y, z]) => {
        const across = x * sin - z * cos, depth = -x * cos - z * sin;
        return [canvas.width / 2 + across * scale, canvas.height - (y + rise * depth + 0.12 * tall) * scale, depth];
      };
      function line(a, b, width) {
        const [p, q] = [project(a), project(b)];
        context.strokeStyle = getColour("faint");
        context.lineWidth = width * ratio;
        context.beginPath();
        context.moveTo(p[0], p[1]);
        context.lineTo(q[0], q[1]);
        context.stroke();
      }
      [-0.1, 0, 0.1].forEach((z) => line([-0.9, 0, z], [0.9, 0, z], z ? 1 : 2));
      for (let x = -0.9 + ((3.6 - gait.length_m * share) % 0.3); x < 0.9; x += 0.3) line([x, 0, -0.3], [x, 0, 0.3], 1);
      const seen = data.points.map((_, i) => project([0, 1, 2].map((k) => flat[3 * i + k] / 1000)));
      seen.push([0, 1, 2].map((k) => (seen[data.head[0]][k] + seen[data.head[1]][k]) / 2));
      drawBones(context, ratio, seen, data.bones, data.points, (p) => p, (p, r) => r * tall * scale);
      markSimulated(context, ratio);
    }
    drawers.push(() => {
      panels.forEach(drawGait);
      root.dataset.azimuth = azimuth;
      moment.value = String(((seconds / panels[0].gait.stride_s) % 1) * 100);
      moment.tell();
    });
    const play = addPlay(controls, (passed) => { seconds += passed * pace; redraw(); });
    controls.prepend(controls.lastChild);
    stage.append(make("p", { class: "key" }, "Drag a body to turn it. Blue edge right leg, orange edge left leg; lines on the floor 10 cm apart. Arms are drawn, not simulated."));
  }

  stage.hidden = false;
  if (still) still.hidden = true;
  ({ walk: mountWalk, library: mountLibrary, agreement: mountAgreement, sample: mountSample, camera: mountCamera, turn: mountTurn })[kind]();
  redraw();
  window.addEventListener("resize", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})(document.getElementById("ID"), "KIND", DATA);
