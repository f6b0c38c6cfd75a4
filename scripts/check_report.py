#!/usr/bin/env python3
"""Opens a report in headless Chromium and fails where it does not look as it should.

usage: scripts/check_report.py REPORT.html [FOLDER]

At 1280 and 400 pixels, light and dark: no console message of level error, no exception, no network request, no
horizontal overflow of the page, a sign at every box that is wider than the page, every chart drawn (a canvas with more
than one colour) and with axis titles, no letter upon a point of a front, every network drawing and every button
visible. Screenshots (PNG) go to FOLDER, by default beside the report. Needs Debian's `chromium`;
installs it where it is missing and this runs as root. Python's standard library alone: the browser is driven through
--remote-debugging-pipe.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VIEWS = [(1280, 900, "light"), (400, 860, "light"), (1280, 900, "dark"), (400, 860, "dark")]

PROBE = """(() => {
  const blank = canvas => {
    if (!canvas.width || !canvas.height) return true;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const colors = new Set();
    for (let i = 0; i < pixels.length; i += 4)
      if (pixels[i + 3]) colors.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
    return colors.size < 8;
  };
  const folded = element => element.closest('details:not([open])');
  const shown = [...document.querySelectorAll('canvas')].filter(canvas => !folded(canvas));
  const charts = shown.map(canvas => Chart.getChart(canvas));
  const wide = [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !folded(e) &&
    e.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  return JSON.stringify({
    drawn: Number(document.documentElement.dataset.charts),
    canvases: shown.length,
    blank: shown.filter(blank).map(c => c.id),
    unlabelled: charts.map((chart, i) => chart && Object.values(chart.options.scales).every(s => s.title.display && s.title.text)
      ? null : shown[i].id).filter(id => id),
    empty: charts.map((chart, i) => chart && chart.data.datasets.some(d => d.data.length) ? null : shown[i].id).filter(id => id),
    points: charts.reduce((sum, chart) => sum + (chart ? chart.data.datasets.reduce((n, d) => n + d.data.length, 0) : 0), 0),
    networks: [...document.querySelectorAll('svg.network')].filter(s => s.getBoundingClientRect().height > 50).length,
    drawings: document.querySelectorAll('svg.network').length,
    scrollWidth: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
    wide: wide.slice(0, 5).map(e => e.tagName + '.' + e.className),
    height: document.documentElement.scrollHeight,
    covered: shown.filter(canvas => Number(canvas.dataset.covered) > 0).map(canvas => canvas.id),
    uncued: [...document.querySelectorAll('.scroll')].filter(e => !folded(e) && e.scrollWidth > e.clientWidth + 1 &&
      !e.classList.contains('cut')).length,
    copies: [...document.querySelectorAll('button.copy')].filter(b => !folded(b) && b.getBoundingClientRect().height > 10).length,
    buttons: [...document.querySelectorAll('button.copy')].filter(b => !folded(b)).length,
  });
})()"""


class Browser:
    """Chromium behind the two pipes of its debugging protocol: JSON messages, each ended by a zero byte."""

    def __init__(self, program, profile):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        # The browser reads from descriptor 3 and writes to 4; a shell moves the pipes there.
        command = [program, "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
                   "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", "--no-default-browser-check", "--disable-dev-shm-usage",
                   "--allow-file-access-from-files", f"--user-data-dir={profile}", "about:blank"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        self.log = open(Path(profile) / "stderr.txt", "w+b")
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec 8<&{to_browser} 9>&{from_browser} 3<&8 4>&9 "$@"', "bash", *command],
            pass_fds=(to_browser, from_browser), stdout=self.log, stderr=self.log)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.events = []
        self.last = 0
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def read(self, limit):
        """The next message, or None after `limit` seconds."""
        end = time.monotonic() + limit
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            data = os.read(self.input, 1 << 20)
            if not data:
                self.log.seek(0)
                sys.exit("check_report: Chromium ended:\n" + self.log.read().decode(errors="replace")[-2000:])
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data):]
        while True:
            answer = self.read(60)
            if answer is None:
                sys.exit(f"check_report: Chromium does not answer {method}")
            if answer.get("id") == self.last:
                if "error" in answer:
                    sys.exit(f"check_report: {method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event, limit):
        end = time.monotonic() + limit
        while not any(e.get("method") == event for e in self.events):
            answer = self.read(max(0, end - time.monotonic()))
            if answer is None:
                sys.exit(f"check_report: no {event} within {limit} s")
            self.events.append(answer)

    def settle(self, seconds):
        """Takes in what still arrives."""
        end = time.monotonic() + seconds
        while (answer := self.read(max(0, end - time.monotonic()))) is not None:
            self.events.append(answer)

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        except (SystemExit, OSError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def complaints_of(events, page):
    """Console errors, exceptions, and requests for anything but the page itself."""
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            yield "exception: " + details.get("exception", {}).get("description", details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
            yield f"console {params['type']}: " + " ".join(str(a.get("value", "")) for a in params["args"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield "log: " + params["entry"]["text"] + " " + params["entry"].get("url", "")
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:") \
                and params["request"]["url"].split("#")[0] != page:
            yield "request: " + params["request"]["url"]


def check(browser, page, width, height, scheme, picture):
    browser.events.clear()
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(domain + ".enable")
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url=page)
    browser.wait_for("Page.loadEventFired", 60)
    browser.settle(0.7)
    seen = json.loads(browser.call("Runtime.evaluate", expression=PROBE)["result"].get("value", "{}"))
    problems = list(dict.fromkeys(complaints_of(browser.events, page)))
    if not seen:
        return ["the page could not be examined", *problems], {}
    if seen["drawn"] != seen["canvases"]:
        problems.append(f"{seen['drawn']} charts made for {seen['canvases']} canvases")
    for kind, text in (("blank", "nothing is drawn in"), ("unlabelled", "an axis has no title in"), ("empty", "no data in")):
        if seen[kind]:
            problems.append(f"{text} {', '.join(seen[kind])}")
    if seen["covered"]:
        problems.append(f"a letter hides a point of the front in {', '.join(seen['covered'])}")
    if seen["uncued"]:
        problems.append(f"{seen['uncued']} boxes are cut without a sign")
    if seen["copies"] != seen["buttons"]:
        problems.append(f"{seen['buttons'] - seen['copies']} buttons are not visible")
    if seen["networks"] != seen["drawings"]:
        problems.append(f"{seen['drawings'] - seen['networks']} network drawings are not visible")
    if seen["scrollWidth"] > seen["width"]:
        problems.append(f"the page is {seen['scrollWidth']} px wide in a window of {seen['width']}: {seen['wide']}")
    shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": width, "height": min(seen["height"], 16000), "scale": 1})
    Path(picture).write_bytes(base64.b64decode(shot["data"]))
    return problems, seen


def find_browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("check_report: Chromium is missing; as root, run: apt-get install chromium")
    print("check_report: installing chromium", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=sys.stderr)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
                   check=True, env=environment, stdout=subprocess.DEVNULL)
    return shutil.which("chromium")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    report = Path(sys.argv[1]).resolve()
    if not report.is_file():
        sys.exit(f"check_report: no file {report}")
    folder = Path(sys.argv[2]) if len(sys.argv) == 3 else report.parent
    folder.mkdir(parents=True, exist_ok=True)
    program = find_browser()
    failed = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            for width, height, scheme in VIEWS:
                picture = folder / f"{report.stem}-{width}-{scheme}.png"
                problems, seen = check(browser, report.as_uri(), width, height, scheme, picture)
                if problems:
                    failed = True
                    print(f"{width} px, {scheme}: FAILED, {picture}")
                    for problem in problems:
                        print("  " + problem)
                else:
                    print(f"{width} px, {scheme}: {seen['canvases']} charts with {seen['points']} points and "
                          f"{seen['networks']} networks drawn, page {seen['scrollWidth']} px wide, {picture}")
        finally:
            browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
