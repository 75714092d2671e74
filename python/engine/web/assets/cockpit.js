// The cockpit's own script: pressing and holding, and saying when what is shown is old. Without it the page still
// works: its forms are plain forms, and the kill's is one of them.
"use strict";
(() => {
  const HOLD_MS = 1500, STALE_MS = 5000, TYPED_MS = 4000, WORD = "kill";
  const ASK_AGAIN_MS = 2000, SILENT_MS = 12000;
  const PRESSES = 3, PRESSES_MS = 3000, AGAIN_MS = 350, STRAYS_PX = 30;
  document.documentElement.classList.add("with-js");

  // --- press and hold: finger, mouse, Space, Enter; or three short presses, which is all that a screen reader can give
  const said = document.getElementById("kill-said");
  const say = (text) => { if (said) said.textContent = text; };
  function holdable(button) {
    const form = button.form;
    let timer = null, held = false, presses = [], last = -AGAIN_MS;
    const begin = () => {
      if (timer !== null || held) return;
      button.classList.add("holding");
      timer = setTimeout(send, HOLD_MS);
      say("Keep holding");
      count();
    };
    const count = () => {
      const now = last = performance.now();
      presses = [...presses.filter((at) => now - at < PRESSES_MS), now];
      if (presses.length >= PRESSES) send();
    };
    const end = () => {
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      button.classList.remove("holding");
      say(`Let go too soon: nothing was sent. ${PRESSES - presses.length} more at once send it`);
    };
    const send = () => {
      if (held) return;
      clearTimeout(timer);
      timer = null;
      held = true;
      say("Sent");
      button.classList.remove("holding");
      button.classList.add("sent");
      const word = button.querySelector(".word");
      if (word) word.textContent = "SENT";
      HTMLFormElement.prototype.submit.call(form); // the plain form, as it works without any script
    };
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      begin();
    });
    button.addEventListener("pointermove", (event) => { // a finger that scrolls or pinches is not one that presses
      const box = button.getBoundingClientRect();
      const strays = Math.max(box.left - event.clientX, event.clientX - box.right, box.top - event.clientY, event.clientY - box.bottom);
      if (timer === null || strays <= STRAYS_PX) return;
      presses.pop();
      end();
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, end);
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) begin();
    });
    button.addEventListener("keyup", end);
    button.addEventListener("blur", end);
    button.addEventListener("click", (event) => { // without a finger or a key: somebody's assistive technology
      if (event.detail === 0 && performance.now() - last >= AGAIN_MS) count();
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    form.addEventListener("submit", (event) => { if (!held) event.preventDefault(); });
    return send;
  }
  for (const button of document.querySelectorAll(".hold")) holdable(button);
  const kill = document.getElementById("kill");
  if (kill) {
    const send = holdable(kill);
    // or typed: the word, then Enter, anywhere but in a field
    let typed = "", last = 0;
    document.addEventListener("keydown", (event) => {
      if (event.target.closest && event.target.closest("input, textarea, select, button, a, [contenteditable]")) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.timeStamp - last > TYPED_MS) typed = "";
      last = event.timeStamp;
      if (event.key === "Enter" && typed === WORD) send();
      else if (event.key.length === 1) typed = (typed + event.key.toLowerCase()).slice(-WORD.length);
      else if (event.key !== "Shift") typed = "";
    });
  }

  // --- what keeps the page up to date, and draws, comes behind the first paint: what is to be read and pressed is there
  const then = document.currentScript.dataset.then.split(" ");
  let asked = false;
  const more = () => {
    if (asked) return;
    asked = true;
    load();
  };
  const load = () => { // one after the other; what does not come, for a cockpit that went down meanwhile, is asked for again
    if (!then.length) return;
    const script = document.createElement("script");
    script.src = then[0];
    script.onload = () => {
      if (then.shift().includes("/htmx-sse-")) listen();
      load();
    };
    script.onerror = () => { script.remove(); setTimeout(load, ASK_AGAIN_MS); };
    document.head.append(script);
  };
  // a stream of events that never gives up: a browser does where something answers for a cockpit that is down, and htmx
  // would then ask ever more seldom
  class Stream {
    constructor(address) {
      Object.assign(this, { address, heard: [], over: false, onopen: null, onerror: null });
      this.open();
    }
    open() {
      if (this.over) return;
      const source = this.source = new EventSource(this.address, { withCredentials: true });
      this.begun = performance.now();
      for (const [type, hear] of this.heard) source.addEventListener(type, hear);
      source.onopen = (event) => { if (this.onopen) this.onopen(event); };
      source.onerror = (event) => {
        if (source !== this.source) return;
        if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (source === this.source) this.open(); }, ASK_AGAIN_MS);
        if (this.onerror) this.onerror(event);
      };
    }
    again() { // it stands, and brings nothing: a phone that slept, a network that is gone
      if (performance.now() - this.begun < SILENT_MS) return;
      this.source.close();
      this.open();
    }
    get readyState() { return this.over ? EventSource.CLOSED : this.source.readyState === EventSource.OPEN ? EventSource.OPEN : EventSource.CONNECTING; }
    addEventListener(type, hear) { this.heard.push([type, hear]); this.source.addEventListener(type, hear); }
    removeEventListener(type, hear) {
      this.heard = this.heard.filter(([other, heard]) => other !== type || heard !== hear);
      this.source.removeEventListener(type, hear);
    }
    close() { this.over = true; this.source.close(); }
  }
  let stream = null;
  const listen = () => { // htmx has been through the page before it knew of server-sent events
    htmx.createEventSource = (address) => stream = new Stream(address);
    document.body.setAttribute("sse-connect", document.body.dataset.events);
    htmx.process(document.body);
  };
  if (document.hidden || !window.PerformanceObserver) more(); // it paints nothing yet, or cannot tell
  else new PerformanceObserver(more).observe({ type: "paint", buffered: true });
  setTimeout(more, 1000);

  // --- stale looks stale ----------------------------------------------------------------------------------------
  const stale = document.getElementById("stale");
  if (stale) {
    const text = document.getElementById("stale-text"), pulse = document.getElementById("pulse");
    const put = (words) => { if (text.textContent !== words) text.textContent = words; }; // a screen reader says it once
    let heard = performance.now(), over = false;
    document.body.addEventListener("htmx:sseMessage", (event) => {
      if (event.detail.type === "pulse") heard = performance.now();
    });
    document.body.addEventListener("htmx:sseClose", () => { over = true; look(); });
    const look = () => {
      const age = performance.now() - heard;
      const old = over || age > STALE_MS;
      if (age > SILENT_MS && stream && !over) stream.again();
      stale.hidden = !old;
      document.body.classList.toggle("stale", old);
      if (over) put("you are logged out. Open the page anew: a press would not be sent");
      else if (old) put(`nothing new since ${pulse.textContent}: the cockpit may be down. Trying again. In a terminal: qe kill`);
    };
    setInterval(look, 500);
  }
})();
