// Draws the walking skeletons of one figure. ID and DATA are filled in by gaitlib/report/animation.py.
(function () {
  "use strict";
  const root = document.getElementById("ID");
  const gaits = DATA;
  const frames = 100;
  // Muscle paths as [segment, share along it, share of its length to the front]; thickness in body heights.
  const paths = {
    iliopsoas: [0.013, ["pelvis", 1.0, 0.2], ["pelvis", 0.2, 0.45], ["thigh", 0.2, 0.03]],
    glut_max: [0.024, ["pelvis", 0.65, -0.5], ["thigh", 0.02, -0.2], ["thigh", 0.28, -0.03]],
    hamstrings: [0.016, ["pelvis", -0.15, -0.3], ["thigh", 0.5, -0.13], ["shank", 0.08, -0.08]],
    bifemsh: [0.008, ["thigh", 0.45, -0.03], ["thigh", 0.75, -0.07], ["shank", 0.06, -0.06]],
    rect_fem: [0.012, ["pelvis", 0.35, 0.45], ["thigh", 0.45, 0.16], ["thigh", 0.97, 0.11], ["shank", 0.1, 0.06]],
    vasti: [0.018, ["thigh", 0.25, 0.05], ["thigh", 0.65, 0.09], ["thigh", 0.97, 0.08], ["shank", 0.1, 0.05]],
    gastroc: [0.014, ["thigh", 0.93, -0.05], ["shank", 0.28, -0.14], ["foot", 0.0, 0.25]],
    soleus: [0.012, ["shank", 0.18, -0.04], ["shank", 0.5, -0.09], ["foot", 0.0, 0.25]],
    tib_ant: [0.011, ["shank", 0.12, 0.05], ["shank", 0.45, 0.09], ["shank", 0.95, 0.07], ["foot", 0.7, 0.2]],
  };
  const segments = { pelvis: ["mid_hip", "lumbar"], thigh: ["mid_hip", "knee"], shank: ["knee", "ankle"], foot: ["heel", "mtp"] };
  const shared = ["mid_hip", "lumbar", "shoulder", "neck", "head_top"];

  function getColour(share, alpha) {
    // From pale grey through yellow to dark red: also told apart in grey, as it darkens.
    const stops = [[0, 214, 219, 226], [0.15, 250, 204, 90], [0.4, 226, 84, 44], [1, 128, 0, 38]];
    let k = 1;
    while (k < stops.length - 1 && share > stops[k][0]) k += 1;
    const [a, b] = [stops[k - 1], stops[k]];
    const t = Math.min(Math.max((share - a[0]) / (b[0] - a[0]), 0), 1);
    const mix = [1, 2, 3].map((i) => Math.round(a[i] + t * (b[i] - a[i])));
    return `rgba(${mix.join(",")},${alpha})`;
  }

  function read(values, width, moment) {
    const low = Math.floor(moment) % frames, high = low + 1, t = moment - Math.floor(moment);
    return Array.from({ length: width }, (_, i) => values[low * width + i] * (1 - t) + values[high * width + i] * t);
  }

  function draw(canvas, gait, phase) {
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    if (!box.width) return;
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    const context = canvas.getContext("2d");
    const height = gait.height_m, scale = canvas.height / (1.22 * height);
    const style = getComputedStyle(root), ink = style.color;
    const camera = (gait.length_m * phase) / frames + gait.start_m;
    const place = (p) => [canvas.width * 0.45 + (p[0] - camera) * scale, canvas.height - (p[1] + 0.1 * height) * scale];
    context.lineCap = context.lineJoin = "round";

    const points = {};
    gait.points.forEach(([name, values]) => { points[name] = read(values, 2, phase).map((v) => v / 1000); });

    function stroke(list, width, colour) {
      context.strokeStyle = colour;
      context.lineWidth = width * height * scale;
      context.beginPath();
      list.map(place).forEach((p, i) => (i ? context.lineTo(p[0], p[1]) : context.moveTo(p[0], p[1])));
      context.stroke();
    }

    const edge = (canvas.width / scale) * 0.6;
    stroke([[camera - edge, 0], [camera + edge, 0]], 0.006, "#8a94a0");
    for (let x = Math.ceil((camera - edge) * 2) / 2; x < camera + edge; x += 0.5) {
      stroke([[x, 0], [x, -0.025 * height]], 0.004, "#8a94a0");
    }

    function drawLeg(side, alpha) {
      const at = (name) => points[shared.includes(name) ? name : `${name}_${side}`];
      const bone = side === "r" ? `rgba(0,114,178,${alpha})` : `rgba(213,94,0,${alpha})`;
      stroke([at("mid_hip"), at("knee"), at("ankle")], 0.012, bone);
      stroke([at("ankle"), at("heel"), at("mtp"), at("toe")], 0.01, bone);
      stroke([at("ankle"), at("mtp")], 0.01, bone);
      const locate = ([segment, along, front]) => {
        const [a, b] = segments[segment].map(at), dx = b[0] - a[0], dy = b[1] - a[1];
        const sign = segment === "pelvis" ? -1 : 1;
        return place([a[0] + along * dx - sign * front * dy, a[1] + along * dy + sign * front * dx]);
      };
      const active = read(gait.activation[side], gait.muscles.length, phase);
      gait.muscles.forEach((muscle, i) => {
        const [thickness, ...path] = paths[muscle], share = active[i] / 100;
        const line = path.map(locate);
        context.strokeStyle = getColour(share, alpha);
        context.lineWidth = thickness * height * scale * (0.9 + 0.6 * share);
        context.beginPath();
        context.moveTo(line[0][0], line[0][1]);
        if (line.length === 3) context.quadraticCurveTo(line[1][0], line[1][1], line[2][0], line[2][1]);
        else context.bezierCurveTo(line[1][0], line[1][1], line[2][0], line[2][1], line[3][0], line[3][1]);
        context.stroke();
      });
    }

    function drawForce(side, colour) {
      const [fx, fy, x] = read(gait.force[side], 3, phase);
      if (fy < 3) return;
      const size = 0.0045 * height, foot = [x / 1000, 0], tip = [foot[0] + fx * size, fy * size];
      stroke([foot, tip], 0.009, colour);
      const angle = Math.atan2(fy, fx), head = 0.035 * height;
      const wings = [2.7, -2.7].map((w) => [tip[0] + head * Math.cos(angle + w), tip[1] + head * Math.sin(angle + w)]);
      stroke([wings[0], tip, wings[1]], 0.009, colour);
    }

    drawLeg("l", 0.5);
    stroke(["mid_hip", "lumbar", "shoulder", "neck"].map((n) => points[n]), 0.02, ink);
    const [neck, top] = [points.neck, points.head_top].map(place);
    context.fillStyle = ink;
    context.beginPath();
    context.arc((neck[0] + top[0]) / 2, (neck[1] + top[1]) / 2, Math.hypot(neck[0] - top[0], neck[1] - top[1]) / 2, 0, 7);
    context.fill();
    drawLeg("r", 1);
    drawForce("l", "rgba(0,135,98,0.6)");
    drawForce("r", "rgb(0,135,98)");
  }

  const canvases = [...root.querySelectorAll("canvas")];
  const button = root.querySelector("button"), slider = root.querySelector("input"), pace = root.querySelector("select");
  let seconds = 0, last = null, playing = false;

  function show() {
    canvases.forEach((canvas, i) => draw(canvas, gaits[i], ((seconds / gaits[i].stride_s) % 1) * frames));
    slider.value = String(((seconds / gaits[0].stride_s) % 1) * frames);
  }
  function step(now) {
    if (!playing) return;
    if (last !== null) seconds += (Math.min(now - last, 100) / 1000) * Number(pace.value);
    last = now;
    show();
    window.requestAnimationFrame(step);
  }
  function play(on) {
    playing = on;
    last = null;
    button.textContent = on ? "Pause" : "Play";
    if (on) window.requestAnimationFrame(step);
  }
  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => {
    play(false);
    seconds = (Number(slider.value) / frames) * gaits[0].stride_s;
    show();
  });
  window.addEventListener("resize", show);
  show();
  play(!window.matchMedia("(prefers-reduced-motion: reduce)").matches);
})();
