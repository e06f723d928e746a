"""Headless Chromium, driven through its DevTools protocol over a pair of pipes."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip
KEYS = {" ": ("Space", 32), "Home": ("Home", 36), "End": ("End", 35), "ArrowLeft": ("ArrowLeft", 37),
        "ArrowRight": ("ArrowRight", 39), "ArrowDown": ("ArrowDown", 40), "Tab": ("Tab", 9), "Enter": ("Enter", 13),
        "Escape": ("Escape", 27), "n": ("KeyN", 78)}  # fmt: skip
TYPED = {" ": " ", "Enter": "\r", "n": "n"}


class Browser:
    """One page."""

    def __init__(self, profile: Path) -> None:
        """Start with an empty profile folder."""
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        # the browser reads from 3 and writes to 4
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}', str(CHROMIUM), *FLAGS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}"], pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb")
        self._session, self._last, self._left, self._loaded = "", 0, b"", 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            part = self._in.read1(1 << 20)  # type: ignore[attr-defined]
            assert part, "the browser has gone"
            self._left += part
        text, _, self._left = self._left.partition(b"\0")
        return dict(json.loads(text))

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def load(self, page: Path, address: str = "", ready: str = "true") -> None:
        """Load a page afresh, and wait until it is there and ready; a number in its address makes it another page."""
        self._loaded += 1
        self.call("Page.navigate", url=f"{page.as_uri()}?{self._loaded}{address}")
        self.wait(f"location.search === '?{self._loaded}' && document.readyState === 'complete' && {ready}")

    def visit(self, page: Path, address: str = "") -> None:
        """Load the explorer, and wait until it has trained."""
        self.load(page, address, "document.getElementById('result')?.dataset.outcome")

    def wait(self, condition: str, seconds: float = 90) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}"
            time.sleep(0.01)

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """Show the page so wide and high."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def key(self, name: str) -> None:
        """Press a key."""
        code, number = KEYS[name]
        parameters = {"key": name, "code": code, "windowsVirtualKeyCode": number}
        typed = {"text": TYPED[name]} if name in TYPED else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def type(self, text: str) -> None:
        """Type into what has the focus, in place of what stands there."""
        self.run("document.activeElement.select()")
        self.call("Input.insertText", text=text)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """A mouse event: mousePressed, mouseMoved, mouseReleased."""
        pressed = {"button": "left", "clickCount": 1, "buttons": 1} if kind != "mouseMoved" else {"buttons": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def click(self, selector: str, across: float = 0.5) -> None:
        """Click on an element, so far across it."""
        find = f"const e = document.querySelector({json.dumps(selector)});"
        look = "const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height];"
        place = self.run(f"(() => {{ {find} e.scrollIntoView({{block: 'center'}}); {look} }})()")
        x, y = place[0] + across * place[2], place[1] + place[3] / 2
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def picture(self, file: Path) -> None:
        """A screenshot of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Errors and messages of the console, and requests for anything but the page, since this was last asked."""
        self.run("0")
        found = []
        while self.events:
            event = self.events.pop(0)
            method, parameters = event.get("method"), event.get("params", {})
            if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                found.append(json.dumps(parameters)[:500])
            elif method == "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                found += [] if url.startswith(("file:", "data:", "blob:", "about:")) else [url]
        return found

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(Exception):
            self._session = ""
            self.call("Browser.close")
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()
