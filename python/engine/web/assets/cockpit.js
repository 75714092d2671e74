// The cockpit's own script: pressing and holding, and saying when what is shown is old. Without it the page still
// works: its forms are plain forms, and the kill's is one of them.
"use strict";
(() => {
  const HOLD_MS = 1500, STALE_MS = 5000, TYPED_MS = 4000, WORD = "kill";
  document.documentElement.classList.add("with-js");

  // --- press and hold: finger, mouse, Space, Enter -------------------------------------------------------------
  function holdable(button) {
    const form = button.form;
    let timer = null, held = false;
    const begin = () => {
      if (timer !== null || held) return;
      button.classList.add("holding");
      timer = setTimeout(send, HOLD_MS);
    };
    const end = () => {
      if (timer === null) return;
      clearTimeout(timer);
      timer = null;
      button.classList.remove("holding");
    };
    const send = () => {
      timer = null;
      held = true;
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
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, end);
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) begin();
    });
    button.addEventListener("keyup", end);
    button.addEventListener("blur", end);
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

  // --- stale looks stale ----------------------------------------------------------------------------------------
  const stale = document.getElementById("stale");
  if (stale) {
    const text = document.getElementById("stale-text");
    let heard = performance.now(), over = false;
    document.body.addEventListener("htmx:sseMessage", (event) => {
      if (event.detail.type === "pulse") heard = performance.now();
    });
    document.body.addEventListener("htmx:sseClose", () => { over = true; look(); });
    const look = () => {
      const age = performance.now() - heard;
      const old = over || age > STALE_MS;
      stale.hidden = !old;
      document.body.classList.toggle("stale", old);
      if (over) text.textContent = "you are logged out. Open the page anew: a press would not be sent";
      else if (old) text.textContent = `nothing new for ${Math.round(age / 1000)} s: the cockpit may be down. In a terminal: qe kill`;
    };
    setInterval(look, 500);
  }
})();
